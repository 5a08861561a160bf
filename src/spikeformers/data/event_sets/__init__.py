"""Sets of labelled event recordings in their official layouts."""
