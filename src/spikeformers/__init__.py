"""Spiking transformers in PyTorch: the published models, trained, measured and converted by one tool.

    model = spikeformers.create_model("spikformer_4_384.cifar10")
    model = spikeformers.convert.load_official("checkpoint.pth", "spikformer", "cifar", {"depth": 4})
    spikeformers.measure.firing(model, images)

Nothing heavy is imported before it is used.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from spikeformers.version import __version__

if TYPE_CHECKING:
    from spikeformers import catalog, convert, data, layers, measure, models, ops, train
    from spikeformers.models import adapt, create_model, freeze, fuse, list_models, load, save, unroll

__all__ = [
    "__version__",
    "adapt",
    "catalog",
    "convert",
    "create_model",
    "data",
    "freeze",
    "fuse",
    "layers",
    "list_models",
    "load",
    "measure",
    "models",
    "ops",
    "save",
    "train",
    "unroll",
]

_FROM_MODELS = ("adapt", "create_model", "freeze", "fuse", "list_models", "load", "save", "unroll")


def __getattr__(name: str) -> Any:
    if name in _FROM_MODELS:
        return getattr(importlib.import_module("spikeformers.models"), name)
    if name in __all__:
        return importlib.import_module(f"spikeformers.{name}")
    raise AttributeError(f"module 'spikeformers' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
