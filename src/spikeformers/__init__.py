"""Spiking transformers in PyTorch: the published models, trained, measured and converted by one tool."""

__version__ = "0.1.0"
