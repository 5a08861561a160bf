"""Which rows of a measurement belong together: operations and what follows them are one layer."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol, TypeVar


class Named(Protocol):
    """A row of a measurement: of a module, by its name in the model."""

    @property
    def name(self) -> str: ...


Row = TypeVar("Row", bound=Named)


def layer(name: str) -> str:
    """The layer a module belongs to: what it is a part of, as "head" is of "head.linear"."""
    return name.rpartition(".")[0] or name


def by_layer(rows: Iterable[Row], most: int | None = None) -> dict[str, list[Row]]:
    """Rows by their layers, in order of execution.

    Args:
        rows: of a measurement.
        most: of layers; where there are more, the names are cut to fewer parts, "blocks.0.mlp" for its two layers, as
            far as needed.
    """
    listed = list(rows)
    depth = max((layer(row.name).count(".") + 1 for row in listed), default=1)
    for parts in range(depth, 0, -1):
        groups: dict[str, list[Row]] = {}
        for row in listed:
            groups.setdefault(".".join(layer(row.name).split(".")[:parts]), []).append(row)
        if most is None or len(groups) <= most:
            break
    return groups
