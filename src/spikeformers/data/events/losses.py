"""What a reader could not take over from a file, counted by reason: nothing is lost in silence."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass
class Losses:
    """Reason -> how often, in the unit the reason names ("events outside the sensor", "bytes at the end").

    An empty one is false.
    """

    reasons: dict[str, int] = field(default_factory=dict)

    def add(self, reason: str, count: int = 1) -> None:
        """Count something; a count of 0 leaves no trace."""
        if count:
            self.reasons[reason] = self.reasons.get(reason, 0) + int(count)

    def merge(self, other: Losses) -> None:
        """Add what another reader has lost."""
        for reason, count in other.reasons.items():
            self.add(reason, count)

    def __bool__(self) -> bool:
        return bool(self.reasons)

    def __str__(self) -> str:
        return ", ".join(f"{count:,} {reason}" for reason, count in self.reasons.items()) or "nothing"
