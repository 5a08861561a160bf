"""How figures and names are written, the same in every table and picture."""

from __future__ import annotations

from collections.abc import Sequence

_EIGHTHS = " ▏▎▍▌▋▊▉█"


UNKNOWN = "–"


def count(value: float) -> str:
    """Write a number of things in full: 9324730 -> 9,324,730; a sum of analog outputs is rounded."""
    return f"{value:,.0f}"


def percent(share: float | None, digits: int = 2) -> str:
    """Write a share of one: 0.98 -> 98.00 %; what is not known is a dash."""
    if share is None:
        return UNKNOWN
    return f"{100 * share:.{digits}f} %"


def duration(seconds: float) -> str:
    """Write a time as a person says it: 8.4 s, 2 min 05 s, 1 h 07 min, 3.2 days."""
    if seconds < 59.95:  # 59.96 would be written 60.0
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest:02d} s"
    if minutes < 48 * 60:
        return f"{minutes // 60} h {minutes % 60:02d} min"
    days = seconds / 86400
    return f"{days:.1f} days" if days < 99.95 else f"{days:,.0f} days"


def amount(size: float) -> str:
    """Write a number of bytes: 37418576 -> 37.4 MB (decimal units)."""
    units = ["bytes", "kB", "MB", "GB"]
    while size >= 999.5 and len(units) > 1:
        size /= 1000
        units.pop(0)
    return f"{size:,.0f} {units[0]}" if size >= 99.95 else f"{size:.3g} {units[0]}"


def joules(millijoules: float | None) -> str:
    """Write an energy with the unit that suits it: 0.0123 mJ -> 12.3 µJ; what is not known is a dash."""
    if millijoules is None:
        return UNKNOWN
    value, units = millijoules * 1e9, ["pJ", "nJ", "µJ", "mJ", "J"]
    while value >= 999.5 and len(units) > 1:
        value /= 1000
        units.pop(0)
    return f"{value:,.0f} {units[0]}" if value >= 99.95 else f"{value:#.3g} {units[0]}"


def short(number: float) -> str:
    """Write a number with three digits: 1506422 -> 1.51 M."""
    units = ["", " k", " M", " G", " T"]
    while abs(number) >= 999.5 and len(units) > 1:
        number /= 1000
        units.pop(0)
    return f"{number:,.0f}{units[0]}" if abs(number) >= 99.95 else f"{number:.3g}{units[0]}"


def size(shape: Sequence[int]) -> str:
    """Write a shape: (3, 32, 32) -> 3×32×32."""
    return "×".join(str(length) for length in shape)


def word_value(value: object) -> str:
    """Write the value of a config word: [1, 2] -> 1, 2; None -> nothing."""
    if isinstance(value, list | tuple):
        return ", ".join(map(str, value))
    return "" if value is None else str(value)


def layer_label(name: str, call: int = 0) -> str:
    """A neuron layer or attention by what it is the neuron or attention of; later calls are numbered.

    >>> layer_label("blocks.0.attention.q.neuron")
    'blocks.0.attention.q'
    """
    head, _, last = name.rpartition(".")
    short = head if head and last in ("neuron", "attention") else name
    return call_label(short, call)


def call_label(name: str, call: int) -> str:
    """A module by its name; later calls of it are numbered."""
    return f"{name} (call {call + 1})" if call else name


def bar(share: float, width: int = 16) -> str:
    """Draw a share of one as a bar of at most `width` letters, exact to an eighth of a letter."""
    eighths = round(max(0.0, min(1.0, share)) * width * 8)
    whole, part = divmod(eighths, 8)
    return "█" * whole + (_EIGHTHS[part] if part else "")
