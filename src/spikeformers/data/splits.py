"""Which pictures are held out, decided for ever by their names.

In every class the pictures with the smallest SHA-256 of "data set, zero byte, picture name" are held out. So the choice
depends on no library, seed or order of files, and pictures that are added later move at most a few others.
"""

from __future__ import annotations

import hashlib
import math
import re
import unicodedata
from collections.abc import Sequence

import torch
from torch import Tensor

from spikeformers.data.sources import Source, Subset, names_of
from spikeformers.errors import ConfigError, DataError


def hold_out(source: Source, share: float, key: str, names: Sequence[str]) -> tuple[Subset, Subset]:
    """Divide a source into the rest and the held out, both in its order.

    Args:
        share: of every class that is held out, 0 <= share < 1; see `held_out`.
        key: name of the data set.
        names: what each picture is called, or its index as text.

    Raises:
        ConfigError: a share outside its range.
    """
    held = held_out(source.labels, share, key, names)
    rest, chosen = torch.nonzero(~held).flatten(), torch.nonzero(held).flatten()
    return Subset(source, rest), Subset(source, chosen)


def fold_of(name: str, folds: int) -> int:
    """Return the fold a picture belongs to: the last number in its name modulo `folds`, or else its name's hash.

    So the recordings of N-MNIST are divided by their number, whatever else is there.
    """
    numbers = re.findall(r"[0-9]+", name)
    return (int(numbers[-1]) if numbers else int.from_bytes(_hash("fold", name)[:8], "big")) % folds


def divide(source: Source, fold: int, folds: int) -> tuple[Subset, Subset]:
    """Divide a source into all other folds and this one, both in its order; see `fold_of`.

    Raises:
        ConfigError: fewer folds than 2, or no such fold.
        DataError: one of the two would be empty.
    """
    if folds < 2 or not 0 <= fold < folds:
        raise ConfigError(f"Fold {fold} of {folds}: there must be 2 folds or more, counted from 0.")
    mine = torch.tensor([fold_of(name, folds) == fold for name in names_of(source)], dtype=torch.bool)
    if bool(mine.all()) or not bool(mine.any()):
        raise DataError(
            f"Of {len(mine)} samples {int(mine.sum())} belong to fold {fold} of {folds}; both it and the rest need "
            "some. Choose another number of folds."
        )
    return Subset(source, torch.nonzero(~mine).flatten()), Subset(source, torch.nonzero(mine).flatten())


def held_out(labels: Tensor, share: float, key: str, names: Sequence[str]) -> Tensor:
    """Return which pictures are held out, bool `[N]`.

    Every class gives as many as `count_held_out` says. A share of 0 holds out nothing.

    Raises:
        ConfigError: a share outside 0 <= share < 1.
    """
    _require_share(share)
    held = torch.zeros(len(labels), dtype=torch.bool)
    if not share:
        return held
    members: dict[int, list[tuple[bytes, int]]] = {}
    for index, (label, name) in enumerate(zip(labels.tolist(), names, strict=True)):
        members.setdefault(label, []).append((_hash(key, name), index))
    for hashed in members.values():
        count = count_held_out(len(hashed), share)
        held[[index for _, index in sorted(hashed)[:count]]] = True
    return held


def count_held_out(n: int, share: float) -> int:
    """Return how many pictures a class of n gives: `share * n`, rounded to the nearest.

    With two or more pictures and a share above 0 it gives at least one, and keeps at least one.

    Raises:
        ConfigError: a share outside 0 <= share < 1.
    """
    _require_share(share)
    if not share or n < 2:
        return 0
    return min(max(1, math.floor(share * n + 0.5)), n - 1)


def _require_share(share: float) -> None:
    if not 0 <= share < 1:
        raise ConfigError(f"The share to hold out is {share}; it must be 0 or more and below 1.")


def _hash(key: str, name: str) -> bytes:
    # File systems spell "ä" in one letter or in two, and names that are no UTF-8 arrive with surrogates.
    text = unicodedata.normalize("NFC", f"{key}\0{name}")
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()
