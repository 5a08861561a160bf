"""Parts of a release that lies in one piece, by a shipped list of its test recordings."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from spikeformers.data.event_sets.shelf import Chosen, Shelf
from spikeformers.data.event_sets.splits import split


def by_test_list(shelf: Shelf, test_list: str, missing: str) -> tuple[Chosen | str, Chosen | str]:
    """Return the training and the test part of a shelf, or what is missing of them.

    Args:
        test_list: name of the shipped list; what is not on it is for training.
        missing: what to do about a part of which nothing is there.
    """
    tested = set(split(test_list))
    in_test = torch.tensor([name in tested for name in shelf.names], dtype=torch.bool)
    return _part(shelf, ~in_test, f"None of the training recordings is there. {missing}"), _part(
        shelf, in_test, f"None of the test recordings is there. {missing}"
    )


def named_by_test_list(names: Sequence[str], test_list: str) -> dict[str, tuple[str, ...]]:
    """Divide the names of a whole release as `by_test_list` divides its recordings."""
    tested = set(split(test_list))
    return {
        "train": tuple(name for name in names if name not in tested),
        "test": tuple(name for name in names if name in tested),
    }


def _part(shelf: Shelf, chosen: Tensor, missing: str) -> Chosen | str:
    return Chosen(shelf, torch.nonzero(chosen).flatten()) if bool(chosen.any()) else missing
