"""Curves drawn with letters."""

from __future__ import annotations

from collections.abc import Sequence

_EIGHTHS = " ▁▂▃▄▅▆▇█"


def sketch(values: Sequence[float], *, width: int, height: int) -> list[str]:
    """Draw values, 0 or more, as columns over their index; return the lines from top to bottom.

    The highest value fills the height; a value above 0 is drawn at least an eighth of a letter high.

    >>> sketch([0, 1, 2, 4], width=4, height=2)
    ['   █', ' ▄██']
    """
    last = max(width - 1, 1)
    columns = [values[round(column * (len(values) - 1) / last)] for column in range(width)]
    highest = max(columns) or 1.0
    eighths = [max(round(8 * height * value / highest), 1 if value > 0 else 0) for value in columns]
    return [
        "".join(_EIGHTHS[min(8, max(0, filled - 8 * row))] for filled in eighths) for row in reversed(range(height))
    ]
