"""Headers of text at the beginning of binary files."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from spikeformers.errors import DataError

LONGEST_LINE = 1 << 16  # bytes
MOST_LINES = 1 << 12


@contextmanager
def opened(path: Path) -> Iterator[BinaryIO]:
    """Open a file for reading; what the system refuses to read is a DataError."""
    try:
        with path.open("rb") as file:
            yield file
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error}). Check its permissions, or fetch it again.") from error


def leading_lines(file: BinaryIO, path: Path, prefix: bytes, last: bytes) -> list[str]:
    """Return the lines at the beginning of a file that begin with `prefix`, stripped; leave the file where they end.

    Args:
        last: the line, stripped, after which they end even where the next one begins with `prefix`.

    Raises:
        DataError: there are absurdly many lines, a line is absurdly long, or the last one has no end.
    """
    lines: list[str] = []
    place = 0
    file.seek(0)
    while (line := file.readline(LONGEST_LINE)).startswith(prefix):
        place += len(line)
        lines.append(line.decode("utf-8", errors="replace").strip())
        if len(line) == LONGEST_LINE or len(lines) == MOST_LINES:
            raise DataError(
                f"{path}: its header has no end within {MOST_LINES} lines of {LONGEST_LINE} bytes, so it is damaged. "
                "Fetch the file again."
            )
        if not line.endswith(b"\n"):
            raise DataError(f"{path}: ends inside its header. Fetch the file again.")
        if line.strip() == last:
            break
    file.seek(place)
    return lines
