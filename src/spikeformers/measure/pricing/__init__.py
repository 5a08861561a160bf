"""Energy: counts, priced by conventions that are data."""
