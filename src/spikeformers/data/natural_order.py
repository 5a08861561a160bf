"""The order of names with numbers in them."""

from __future__ import annotations

import re


def by_numbers(name: str) -> list[tuple[int, str]]:
    """Return what to sort names by, so that 2.png comes before 10.png, and 1_12.png before 2_3.png."""
    return [(int(part), "") if part.isdecimal() else (-1, part) for part in re.split(r"([0-9]+)", name)]
