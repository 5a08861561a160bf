"""What training scripts save beside their weights: it is skipped, not rebuilt."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

_PATHS = ("PosixPath", "WindowsPath", "PurePosixPath", "PureWindowsPath")

# Nothing of these is called: the reader makes a Baggage wherever a file asks for one of them. numpy and pathlib moved
# theirs between releases.
_NAMES = (
    "argparse.Namespace",
    "builtins.dict",  # what a defaultdict makes
    "builtins.list",
    "builtins.frozenset",
    "builtins.range",
    "builtins.slice",
    "numpy.dtype",
    "numpy.ndarray",
    "types.SimpleNamespace",
    *(
        f"{module}.multiarray.{maker}"
        for module in ("numpy.core", "numpy._core")
        for maker in ("scalar", "_reconstruct")
    ),
    *(f"{module}.{path}" for module in ("pathlib", "pathlib._local") for path in _PATHS),
)


class Baggage:
    """Stands in for a saved object: takes what the object was made of, keeps and does nothing."""

    def __init__(self, *_parts: object) -> None: ...

    def __setstate__(self, _state: object) -> None: ...


def stand_ins() -> list[Callable[..., Any] | tuple[Callable[..., Any], str]]:
    """Return what `torch.serialization.safe_globals` needs to read files with such objects."""
    return [(_plain_dict, "collections.defaultdict"), *((Baggage, name) for name in _NAMES)]


def _plain_dict(_factory: object = None) -> dict[object, object]:
    """Stand in for a defaultdict, which is filled after it is made, as no Baggage can be."""
    return {}
