"""Decoded pictures kept on disk, memory-mapped, so that they are decoded once and not at every start.

A file holds the pixels of all readable pictures, uint8 `[N, C, H, W]`, then a JSON text (their shape, and which
pictures are left out and why), and at its end the length of that text, the CRC-32 of all before it, and `MAGIC`.
"""

from __future__ import annotations

import hashlib
import json
import mmap
import os
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import PIL
import torch
from torch import Tensor

from spikeformers.data.pictures.framed import Span
from spikeformers.data.pictures.framing import Framing
from spikeformers.files import atomic_write

VARIABLE = "SPIKEFORMERS_CACHE"
MAGIC = b"spikepx1"
END = struct.Struct("<QI8s")


@dataclass(frozen=True, eq=False)
class Decoded:
    """Pixels of a gallery, uint8 `[N, C, H, W]`, without its unreadable pictures: index in the gallery -> reason."""

    pixels: Tensor
    left_out: dict[int, str]


def cache_directory() -> Path:
    """Return where decoded pictures are kept: SPIKEFORMERS_CACHE, else the user's cache directory."""
    if own := os.environ.get(VARIABLE):
        return Path(own)
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "spikeformers"


def cache_file(fingerprint: str, framing: Framing) -> Path:
    """Return the file for these pictures framed so; its name depends on all that decides about the pixels."""
    key = hashlib.sha256(f"{fingerprint} {framing} Pillow {PIL.__version__}".encode()).hexdigest()
    return cache_directory() / "pictures" / f"{key}.pixels"


def write(path: Path, shape: tuple[int, int, int], spans: Iterator[tuple[range, Span]]) -> None:
    """Write decoded spans of images of this shape (C, H, W).

    Raises:
        OSError: the directory cannot be written, or the disk is full.
    """
    checksum, count = 0, 0
    left_out: dict[int, str] = {}
    with atomic_write(path) as file:
        for indices, span in spans:
            if span.pixels:
                content = np.stack(span.pixels).tobytes()
                checksum = zlib.crc32(content, checksum)
                file.write(content)
            count += len(span.pixels)
            left_out.update({indices[place]: reason for place, reason in span.refused.items()})
        text = json.dumps({"shape": [count, *shape], "left_out": left_out}).encode()
        file.write(text + END.pack(len(text), zlib.crc32(text, checksum), MAGIC))


def read(path: Path) -> Decoded:
    """Map a written file into memory; changes to the tensor never reach the file.

    Raises:
        OSError: there is no such file, or it cannot be read.
        ValueError: it is damaged.
    """
    with path.open("rb") as file:
        mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_COPY)
    if len(mapped) < END.size:
        raise ValueError("it is too short")
    length, checksum, magic = END.unpack(mapped[-END.size :])
    with memoryview(mapped) as view, view[: -END.size] as content:
        if magic != MAGIC or zlib.crc32(content) != checksum:
            raise ValueError("its checksum is another")
    size = len(mapped) - END.size - length
    facts = json.loads(mapped[size : -END.size])
    pixels = torch.frombuffer(mapped, dtype=torch.uint8, count=size).view(facts["shape"])
    return Decoded(pixels, {int(index): reason for index, reason in facts["left_out"].items()})
