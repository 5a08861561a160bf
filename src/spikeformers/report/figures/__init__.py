"""Figures of measurements: each function takes plain results and returns a matplotlib figure in the house style."""
