"""From events to what a network sees: frames over time steps, and other representations of the same shape."""
