"""Is a model spike-driven: what every operation is fed, proven or seen, and why."""
