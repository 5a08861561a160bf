"""What a magnitude of timm's RandAugment means for each operation: 0 .. 10, or up to `mmax`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from torch import Tensor


@dataclass(frozen=True)
class Level:
    """An operation, and how strong it is.

    Args:
        operation: one of `operations.OPERATIONS`.
        argument: from magnitudes / 10 (float64 `[B]`) and signs (float64 `[B]`, 1 or -1) to the operation's argument.
    """

    operation: str
    argument: Callable[[Tensor, Tensor], Tensor]


def _ignored(share: Tensor, _sign: Tensor) -> Tensor:
    return share


def _signed(limit: float) -> Callable[[Tensor, Tensor], Tensor]:
    return lambda share, sign: share * limit * sign


def _bits(share: Tensor, _sign: Tensor) -> Tensor:
    return (share * 4).floor()


def _threshold(share: Tensor, _sign: Tensor) -> Tensor:
    return (share * 256).floor().clamp(max=256)


def _addend(share: Tensor, _sign: Tensor) -> Tensor:
    return (share * 110).floor().clamp(max=128)


def _factor(share: Tensor, _sign: Tensor) -> Tensor:
    return share * 1.8 + 0.1


def _factor_away_from_one(share: Tensor, sign: Tensor) -> Tensor:
    return (1.0 + share * 0.9 * sign).clamp(min=0.1)


def _less(argument: Callable[[Tensor, Tensor], Tensor], limit: float) -> Callable[[Tensor, Tensor], Tensor]:
    return lambda share, sign: limit - argument(share, sign)


_SAME_EITHER_WAY = {
    "AutoContrast": Level("AutoContrast", _ignored),
    "Equalize": Level("Equalize", _ignored),
    "Invert": Level("Invert", _ignored),
    "SolarizeAdd": Level("SolarizeAdd", _addend),
    "Rotate": Level("Rotate", _signed(30.0)),
    "ShearX": Level("ShearX", _signed(0.3)),
    "ShearY": Level("ShearY", _signed(0.3)),
    "TranslateXRel": Level("TranslateXRel", _signed(0.45)),
    "TranslateYRel": Level("TranslateYRel", _signed(0.45)),
}
# Weaker with the magnitude, or not ordered by it.
_PLAIN = {
    "Posterize": Level("Posterize", _bits),
    "Solarize": Level("Solarize", _threshold),
    **{name: Level(name, _factor) for name in ("Color", "Contrast", "Brightness", "Sharpness")},
}
_INCREASING = {
    "PosterizeIncreasing": Level("Posterize", _less(_bits, 4.0)),
    "SolarizeIncreasing": Level("Solarize", _less(_threshold, 256.0)),
    **{
        f"{name}Increasing": Level(name, _factor_away_from_one)
        for name in ("Color", "Contrast", "Brightness", "Sharpness")
    },
}

LEVELS = {**_SAME_EITHER_WAY, **_PLAIN, **_INCREASING}
FULL = (*_SAME_EITHER_WAY, *_PLAIN)
FULL_INCREASING = (*_SAME_EITHER_WAY, *_INCREASING)
# The five of Spikformer's CIFAR recipe.
REDUCED = ("Equalize", "Rotate", "ShearX", "TranslateXRel", "TranslateYRel")
