"""A user's own image files as the tensor a model predicts from."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from spikeformers.data.pictures.decoding import MODES, decode, naming
from spikeformers.data.pictures.framing import Framing
from spikeformers.errors import DataError


def load_images(paths: Sequence[str | os.PathLike[str]], framing: Framing) -> Tensor:
    """Read PNG, JPEG and .npy files as uint8 images `[N, channels, *image_size]`.

    Colour becomes grey or grey colour as the framing asks; transparent parts become black. A .npy file holds one image
    `[H, W]`, `[C, H, W]` or `[H, W, C]`: uint8, or float from 0 to 1.

    Args:
        framing: how a picture of any size becomes an input of the model; at evaluation, without random crops.

    Raises:
        DataError: no path at all, or a file that is missing, damaged or of another kind.
    """
    if not paths:
        raise DataError("No image file was given. Name at least one PNG, JPEG or .npy file.")
    frame = framing.at_evaluation()
    return torch.stack([torch.from_numpy(frame(_open(Path(path))).copy()) for path in paths])


def _open(path: Path) -> Image.Image:
    return _read_npy(path) if path.suffix.lower() == ".npy" else _read_picture(path)


def _read_picture(path: Path) -> Image.Image:
    try:
        with naming(str(path)), path.open("rb") as file:
            return decode(file)
    except DataError as error:
        if isinstance(error.__cause__, FileNotFoundError):
            raise DataError(f"{error} Check the path.") from error
        raise DataError(f"{error} Save it again as PNG, JPEG or .npy.") from error


def _read_npy(path: Path) -> Image.Image:
    try:
        # Mapped, not read: a header that claims more than the file holds is refused before memory is taken.
        array: NDArray[Any] = np.lib.format.open_memmap(path, mode="r")
    except Exception as error:  # as above: a damaged header is parsed as Python and fails in many ways
        raise _unreadable(path, error) from error
    if array.ndim == 3 and array.shape[0] in MODES:
        array = np.moveaxis(array, 0, -1)
    if array.ndim == 3 and array.shape[-1] == 1:
        array = array[..., 0]
    if not array.size or not (array.ndim == 2 or (array.ndim == 3 and array.shape[-1] == 3)):
        raise DataError(
            f"{path}: expected one image of shape [H, W], [C, H, W] or [H, W, C] with 1 or 3 channels, found "
            f"{list(array.shape)}. Save each image as a file of its own."
        )
    return Image.fromarray(np.ascontiguousarray(_to_pixels(array, path)))


def _to_pixels(array: NDArray[Any], path: Path) -> NDArray[np.uint8]:
    if array.dtype == np.uint8:
        return array
    if array.dtype.kind != "f":
        raise DataError(f"{path}: expected uint8, or float from 0 to 1; found {array.dtype}. Convert it.")
    if not np.isfinite(array).all():
        raise DataError(f"{path}: holds NaN or infinite values. Pixels must be numbers from 0 to 1.")
    if array.min() < 0 or array.max() > 1:
        raise DataError(
            f"{path}: float pixels must lie from 0 to 1, found {array.min():g} to {array.max():g}. "
            "Scale them, or save them as uint8."
        )
    pixels: NDArray[np.uint8] = np.rint(array * 255).astype(np.uint8)
    return pixels


def _unreadable(path: Path, error: Exception) -> DataError:
    if isinstance(error, FileNotFoundError):
        return DataError(f"{path}: there is no such file. Check the path.")
    return DataError(f"{path}: not a readable .npy file of numbers ({error}). Save it again as PNG, JPEG or .npy.")
