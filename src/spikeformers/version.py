"""The version, in one place: the package, its checkpoints and its wheel say the same."""

__version__ = "0.1.0"
