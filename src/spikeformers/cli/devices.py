"""The device a command computes on."""

from __future__ import annotations

import torch

from spikeformers.errors import ConfigError


def usable_device(word: str) -> torch.device:
    """Return the device called `word`.

    Raises:
        ConfigError: torch knows no such device, or this machine has none.
    """
    try:
        chosen = torch.device(word)
        torch.empty(0, device=chosen)
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        reason = str(error).partition("\n")[0]
        raise ConfigError(
            f"The device {word!r} cannot be used here ({reason}). Take cpu; `spikeformers doctor` says what there is."
        ) from error
    return chosen
