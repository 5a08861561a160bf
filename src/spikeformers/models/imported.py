"""Models that are not of this package: whatever a function of the user's returns."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Any

from torch import nn

from spikeformers.errors import ConfigError


def build_module(text: str) -> nn.Module:
    """Call a function and return the torch module it builds.

    Args:
        text: `module:function`, the module as Python would import it.

    Raises:
        ConfigError: the function cannot be found, is none, or returns no torch module.
    """
    module, _, function = text.partition(":")
    try:
        build: Callable[[], Any] = getattr(importlib.import_module(module), function)
    except (ImportError, AttributeError, ValueError) as error:
        raise ConfigError(
            f"The model {text!r} cannot be found: {error}. Expected module:function, of a module that "
            "Python can import (PYTHONPATH=. for a file in this directory)."
        ) from error
    if not callable(build):
        raise ConfigError(f"{text!r} must be a function that returns a torch module, got {type(build).__name__}.")
    built = build()
    if not isinstance(built, nn.Module):
        raise ConfigError(f"{text!r} must return a torch module, got {type(built).__name__}.")
    return built
