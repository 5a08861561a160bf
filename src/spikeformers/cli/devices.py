"""The device a command computes on."""

from __future__ import annotations

import torch

from spikeformers.errors import ConfigError


def usable_device(word: str) -> torch.device:
    """Return the device called `word`.

    Raises:
        ConfigError: torch knows no such device, this machine has none, or it cannot compute (meta).
    """
    try:
        chosen = torch.device(word)
        torch.ones(1, device=chosen).sum().item()  # a figure has to come back: meta makes tensors without numbers
    except (RuntimeError, AssertionError, ImportError) as error:  # torch has no error of its own for this
        reason = str(error).partition("\n")[0]
        raise ConfigError(
            f"The device {word!r} cannot be used here ({reason}). Take cpu; `spikeformers doctor` says what there is."
        ) from error
    return chosen
