"""How many pictures may be unreadable before a data set is refused."""

from __future__ import annotations

from collections.abc import Collection
from itertools import islice

from spikeformers.errors import DataError

SHARE = 0.01
NAMED = 5


def refuse_many(unreadable: Collection[str], total: int, where: str, noun: str = "pictures") -> None:
    """Raise if more than 1 % of a part, and more than one picture, cannot be read, or none can.

    Args:
        unreadable: name and reason of each such picture, each once.
        total: pictures in the part.
        where: begins the message: which part of which data set.
        noun: what the part consists of.

    Raises:
        DataError: too many; the first five are named.
    """
    if not unreadable or (len(unreadable) <= max(1, SHARE * total) and len(unreadable) < total):
        return
    raise DataError(
        f"{where}: {len(unreadable)} of {total} {noun} cannot be read; at most 1 % may be so. {_named(unreadable)}"
    )


def none_readable(unreadable: Collection[str]) -> DataError:
    """Return the error that none of the pictures that were asked for can be read; these are names and reasons."""
    return DataError(f"None of {len(unreadable)} pictures can be read. {_named(unreadable)}")


def _named(unreadable: Collection[str]) -> str:
    more = f" ... and {len(unreadable) - NAMED} more." if len(unreadable) > NAMED else ""
    return f"{' '.join(islice(unreadable, NAMED))}{more} Replace or remove them."
