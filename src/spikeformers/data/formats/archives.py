"""The files of a data set's official form, read from its unpacked folder or straight from the .tar.gz archive."""

from __future__ import annotations

import tarfile
import zlib
from collections.abc import Collection
from pathlib import Path, PurePosixPath

from spikeformers.errors import DataError

MOST = 1 << 30  # bytes one file may have; CIFAR's have 184 million at most


def read_files(place: Path, names: Collection[str]) -> dict[str, bytes]:
    """Return the content of the named files in a folder, or anywhere in a .tar.gz archive, which is not unpacked.

    Raises:
        DataError: a file is missing, damaged, or absurdly large.
    """
    try:
        found = _from_folder(place, names) if place.is_dir() else _from_archive(place, names)
    except (OSError, EOFError, zlib.error, tarfile.TarError) as error:
        damaged = getattr(error, "filename", None) or place
        raise DataError(f"{damaged}: cannot be read ({error}). Fetch it again.") from error
    if missing := [name for name in names if name not in found]:
        raise DataError(f"{place}: {', '.join(missing)} is missing. Fetch the whole set again.")
    return found


def _from_folder(folder: Path, names: Collection[str]) -> dict[str, bytes]:
    return {name: (folder / name).read_bytes() for name in names if (folder / name).is_file()}


def _from_archive(path: Path, names: Collection[str]) -> dict[str, bytes]:
    found: dict[str, bytes] = {}
    with tarfile.open(path, "r:gz") as archive:
        for member in archive:
            name = PurePosixPath(member.name).name
            file = archive.extractfile(member) if name in names and member.isreg() else None
            if file is None:
                continue
            content = file.read(MOST)
            if len(content) < member.size:
                raise DataError(f"{path}: {member.name} does not hold the {member.size} bytes it announces.")
            found[name] = content
    return found
