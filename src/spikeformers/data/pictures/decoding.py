"""From the bytes of a PNG or JPEG file to upright 8-bit pixels."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps
from PIL.JpegImagePlugin import JpegImageFile
from PIL.PngImagePlugin import PngImageFile

from spikeformers.errors import DataError

MODES = {1: "L", 3: "RGB"}  # Pillow's words for grey and colour, by number of channels
KINDS = {b"\x89PNG\r\n\x1a\n": PngImageFile, b"\xff\xd8\xff": JpegImageFile}  # by what the file begins with
# Pillow warns above this size and refuses above twice; here, no training picture is that large.
MOST_PIXELS = 89_478_485


@contextmanager
def naming(name: str) -> Iterator[None]:
    """Turn whatever a decoder raises into a DataError that begins with the picture's name."""
    try:
        yield
    except FileNotFoundError as error:
        raise DataError(f"{name}: there is no such file.") from error
    except Exception as error:  # decoders meet damaged files with errors of many kinds, and document none of them
        raise DataError(f"{name}: not a readable PNG or JPEG image ({error}).") from error


def decode(file: IO[bytes]) -> Image.Image:
    """Return the picture as the camera saw it, in an 8-bit mode, fully read.

    16-bit grey is scaled and transparent parts become black. Wrap the call in `naming`: a damaged file ends in
    whatever its decoder raises.
    """
    start = file.read(8)
    file.seek(0)
    # Not Image.open: it tells of oversized pictures by a warning, and warnings are no business of threads.
    kind = next((kind for magic, kind in KINDS.items() if start.startswith(magic)), None)
    if kind is None:
        raise ValueError(f"it begins with {start.hex(' ') or 'nothing'}")
    image = kind(file)
    if image.width * image.height > MOST_PIXELS:
        raise ValueError(f"{image.width} x {image.height} pixels could be a decompression bomb")
    image.load()
    # Cameras store how they were held beside the pixels instead of turning them.
    ImageOps.exif_transpose(image, in_place=True)
    return _to_eight_bits(image)


def to_pixels(image: Image.Image) -> NDArray[np.uint8]:
    """Return a grey or RGB picture as `[C, H, W]`."""
    pixels: NDArray[np.uint8] = np.asarray(image)
    return pixels.reshape(image.height, image.width, -1).transpose(2, 0, 1)


def _to_eight_bits(image: Image.Image) -> Image.Image:
    """Scale 16-bit grey, which Pillow would clip, and lay transparency on black, which it would ignore."""
    if image.mode.startswith("I"):
        return Image.fromarray((np.asarray(image) >> 8).astype(np.uint8))
    if image.has_transparency_data:
        return Image.alpha_composite(Image.new("RGBA", image.size, "black"), image.convert("RGBA"))
    return image
