"""Where an attention attends, for those who look at it from outside."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, Protocol, runtime_checkable

from torch import Tensor
from torch.utils.hooks import RemovableHandle

Show = Callable[[Tensor], None]
Over = Literal["space", "time", "space and time"]


@runtime_checkable
class ShowsAttention(Protocol):
    """An attention that can show how much of it each position receives.

    Attributes:
        over: what it attends over; where that is time alone, a position is a time step of its place.
        shown: what its maps hold, in words that complete "drawn is ...".
    """

    over: Over
    shown: str

    def show_maps(self, show: Show) -> list[RemovableHandle]:
        """Have `show` called in every forward pass with [T, B, ...], the positions of the map that was attended to."""
        ...
