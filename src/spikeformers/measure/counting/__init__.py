"""Counting: what every operation of a model does, exactly."""
