"""Which recordings belong to which part: lists that are shipped, so that a figure names its samples for ever.

`index.toml` says of each list its SHA-256, how many names it has, and the rule that made it.
"""

from __future__ import annotations

import hashlib
import tomllib
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from spikeformers.errors import DataError

HERE = Path(__file__).parent
INDEX = HERE / "index.toml"


@dataclass(frozen=True)
class SplitFile:
    """A shipped list of names, one a line.

    Attributes:
        name: of the file, without its ending.
        count: of names.
        rule: how it was made, or where it comes from.
    """

    name: str
    sha256: str
    count: int
    rule: str

    @property
    def path(self) -> Path:
        return HERE / f"{self.name}.txt"


@cache
def split_files() -> dict[str, SplitFile]:
    """Return the shipped lists by name."""
    with INDEX.open("rb") as file:
        return {name: SplitFile(name, **facts) for name, facts in tomllib.load(file).items()}


@cache
def split(name: str) -> tuple[str, ...]:
    """Return the names of a shipped list, its checksum compared.

    Raises:
        DataError: the installed file is damaged.
    """
    facts = split_files()[name]
    content = facts.path.read_bytes() if facts.path.is_file() else b""
    names = tuple(content.decode(errors="replace").split("\n")[:-1])
    if hashlib.sha256(content).hexdigest() != facts.sha256 or len(names) != facts.count:
        raise DataError(
            f"{facts.path} is not the list that was shipped: its checksum or its number of names ({len(names)} "
            f"instead of {facts.count}) is another. Install the package again."
        )
    return names
