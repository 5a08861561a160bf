"""The header of Prophesee's files (.raw, .dat): lines `% keyword value`.

As https://docs.prophesee.ai/stable/data/file_formats/raw.html has it: the header ends with the line `% end`, which may
be absent, or where a line does not begin with "% ".
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from spikeformers.data.events.array import Sensor
from spikeformers.data.recordings.leading_lines import leading_lines, opened
from spikeformers.errors import DataError


@dataclass(frozen=True)
class Header:
    """What a header says.

    Attributes:
        words: keyword in lower case -> value.
        body: where the events begin, in bytes.
    """

    path: Path
    words: dict[str, str]
    body: int

    @property
    def encoding(self) -> str:
        """How the events are encoded, "evt2" or "evt3" ("evt21", ...); "" where the header does not say it."""
        name = self.words.get("format", "").split(";")[0].lower()
        version = self.words.get("evt", "")
        return name or (f"evt{version.removesuffix('.0').replace('.', '')}" if version else "")

    def sensor(self) -> Sensor | None:
        """Return the camera's size, None where the header does not say it.

        Raises:
            DataError: it says a size that cannot be.
        """
        options = dict(re.findall(r"(\w+)=(\w+)", self.words.get("format", "")))
        size = self.words.get("geometry", "").lower().split("x")
        width, height = size if len(size) == 2 else ("", "")
        width = options.get("width") or width or self.words.get("width", "")
        height = options.get("height") or height or self.words.get("height", "")
        if not width or not height:
            return None
        try:
            return Sensor(int(width), int(height))
        except (ValueError, DataError) as error:
            said = f"{width[:20]} x {height[:20]}"
            raise DataError(f"{self.path}: its header says a size of {said}. Give the size (sensor=...).") from error


def read_header(file: BinaryIO, path: Path) -> Header:
    """Read the header of an open file, and leave the file where the events begin."""
    words = {}
    for line in leading_lines(file, path, b"% ", b"% end"):
        keyword, _, value = line[2:].strip().partition(" ")
        words[keyword.lower()] = value.strip()
    return Header(path, words, file.tell())


def raw_header(path: Path, expected: str) -> Header:
    """Return the header of a .raw file.

    Raises:
        DataError: it says that the events are not encoded as `expected`, or in big-endian words.
    """
    with opened(path) as file:
        header = read_header(file, path)
    if header.encoding not in ("", expected):
        raise DataError(
            f"{path}: its header says {header.encoding.upper()}, not {expected.upper()}. EVT2 and EVT3 can be read "
            '(format="evt2", "evt3", or leave the format away).'
        )
    if header.words.get("endianness", "little").lower() == "big":
        raise DataError(f"{path}: its words are big-endian. Only little-endian ones, the default, can be read.")
    return header
