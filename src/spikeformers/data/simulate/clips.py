"""Video as grey frames: a folder of pictures, an array in a .npy file, or any file of several frames Pillow reads."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageSequence

from spikeformers.data.natural_order import by_numbers
from spikeformers.errors import DataError

PICTURES = (".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff", ".pgm", ".ppm", ".webp")
MODE_ERRORS = (OSError, ValueError, SyntaxError, Image.DecompressionBombError)  # Pillow's, for what it cannot read
Frame = NDArray[np.float64]


@dataclass(frozen=True)
class Clip:
    """A video on disk, of which one frame at a time is in memory.

    Attributes:
        path: a folder, whose pictures are taken in the order of the numbers in their names; a .npy file of
            `[T, H, W]` or `[T, H, W, 3]`, uint8 or float from 0 to 1; or a GIF or another file that Pillow reads.
        size: width and height to which every frame is brought; None: as it is.
    """

    path: Path
    size: tuple[int, int] | None = None

    def frames(self) -> Iterator[Frame]:
        """Yield the frames as light, 0 .. 255, `[H, W]`.

        Raises:
            DataError: there is no such video, it has fewer than two frames, or they are not of one size.
        """
        first: tuple[int, ...] | None = None
        number = 0
        for number, picture in enumerate(self._pictures(), start=1):
            if self.size is not None:
                picture = picture.resize(self.size, Image.Resampling.BOX)
            frame = np.asarray(picture, dtype=np.float64)
            first = first or frame.shape
            if frame.shape != first:
                raise DataError(
                    f"{self.path}: frame {number} has {frame.shape[1]} x {frame.shape[0]} pixels, the first "
                    f"{first[1]} x {first[0]}. Bring them to one size."
                )
            yield frame
        if number < 2:
            raise DataError(f"{self.path}: events need two frames or more, found {number}.")

    def _pictures(self) -> Iterator[Image.Image]:
        if not self.path.exists():
            raise DataError(f"{self.path}: there is no such file or folder.")
        if self.path.is_dir():
            names = [path for path in self.path.iterdir() if path.suffix.lower() in PICTURES]
            for path in sorted(names, key=lambda path: by_numbers(path.name)):
                yield from _opened(path, only_first=True)
        elif self.path.suffix.lower() == ".npy":
            yield from map(Image.fromarray, _array_frames(self.path))
        else:
            yield from _opened(self.path, only_first=False)


def _opened(path: Path, *, only_first: bool) -> Iterator[Image.Image]:
    try:
        with Image.open(path) as file:
            for frame in ImageSequence.Iterator(file):
                yield _grey(frame)
                if only_first:
                    return
    except MODE_ERRORS as error:
        raise DataError(f"{path}: not a picture or film that can be read ({error}).") from error


def _grey(frame: Image.Image) -> Image.Image:
    if frame.mode.startswith("I"):  # 16-bit grey, which Pillow would clip
        return Image.fromarray((np.asarray(frame) >> 8).astype(np.uint8))
    return frame.convert("L")


def _array_frames(path: Path) -> Iterator[NDArray[np.uint8]]:
    try:
        array: NDArray[Any] = np.lib.format.open_memmap(path, mode="r")
    except Exception as error:  # a damaged header is parsed as Python and fails in many ways
        raise DataError(f"{path}: not a readable .npy file of numbers ({error}).") from error
    colour = array.ndim == 4 and array.shape[-1] == 3
    if not (array.ndim == 3 or colour) or not (array.dtype == np.uint8 or array.dtype.kind == "f"):
        raise DataError(
            f"{path}: expected uint8, or float from 0 to 1, of shape [T, H, W] or [T, H, W, 3]; found {array.dtype} "
            f"of shape {list(array.shape)}."
        )
    for frame in array:
        if array.dtype != np.uint8:
            if not (frame.min() >= 0 and frame.max() <= 1):
                raise DataError(f"{path}: float frames must hold numbers from 0 to 1.")
            frame = np.rint(frame * 255).astype(np.uint8)
        yield np.asarray(Image.fromarray(frame).convert("L")) if colour else np.asarray(frame)
