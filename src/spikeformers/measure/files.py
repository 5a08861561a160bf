"""Parameter files by word: those that come with the package, or one of a user's own."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from spikeformers.catalog.tables import read_toml
from spikeformers.errors import UnknownNameError, suggest


def words_in(folder: Path) -> list[str]:
    """The words of the TOML files in a folder."""
    return sorted(path.stem for path in folder.glob("*.toml"))


def read_named(what: str, folder: Path, spec: str | os.PathLike[str]) -> tuple[str, dict[str, Any]]:
    """Read a parameter file.

    Args:
        what: what such a file describes, for messages.
        folder: where the packaged ones lie.
        spec: the word of one of them, or the path of another (it ends in .toml).

    Returns:
        The word or path, and the content.

    Raises:
        UnknownNameError: no packaged file of that word.
        ConfigError: the file cannot be read, or is not TOML.
    """
    name, known = os.fspath(spec), words_in(folder)
    if name.endswith(".toml"):
        return name, read_toml(name)
    if name not in known:
        raise UnknownNameError(
            f"no {what} {name!r}.{suggest(name, known)} Known: {', '.join(known)}; "
            "or the path of a TOML file of your own."
        )
    return name, read_toml(folder / f"{name}.toml")
