from __future__ import annotations

import io
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from spikeformers.data import Framing, load_images
from spikeformers.errors import DataError

GREY = np.arange(12 * 10, dtype=np.uint8).reshape(12, 10) * 2
COLOUR = np.stack([GREY, 255 - GREY, GREY // 2], axis=-1)


def save(path: Path, pixels: np.ndarray) -> Path:
    Image.fromarray(pixels).save(path)
    return path


def load_one(path: Path, channels: int = 1, image_size: tuple[int, int] = (12, 10)) -> torch.Tensor:
    images = load_images([path], Framing(channels=channels, image_size=image_size))
    assert images.dtype == torch.uint8
    assert images.shape == (1, channels, *image_size)
    return images[0]


def test_png_pixels_come_back_unchanged(tmp_path: Path) -> None:
    grey, colour = save(tmp_path / "grey.png", GREY), save(tmp_path / "colour.png", COLOUR)
    assert torch.equal(load_one(grey)[0], torch.from_numpy(GREY))
    assert torch.equal(load_one(colour, channels=3), torch.from_numpy(COLOUR).permute(2, 0, 1))


def test_grey_and_colour_are_converted(tmp_path: Path) -> None:
    grey, colour = save(tmp_path / "grey.png", GREY), save(tmp_path / "colour.png", COLOUR)
    assert torch.equal(load_one(grey, channels=3), torch.from_numpy(GREY).expand(3, -1, -1))
    luma = torch.from_numpy(COLOUR @ np.array([0.299, 0.587, 0.114]))
    torch.testing.assert_close(load_one(colour)[0].double(), luma, atol=1.0, rtol=0)


def test_jpeg_is_read_and_many_files_keep_their_order(tmp_path: Path) -> None:
    flat = save(tmp_path / "flat.jpg", np.full((30, 40, 3), 200, np.uint8))
    dark = save(tmp_path / "dark.JPEG", np.full((16, 16), 30, np.uint8))
    images = load_images([flat, str(dark), flat], Framing(channels=1, image_size=(8, 8)))
    assert [round(image.float().mean().item()) for image in images] == [200, 30, 200]


@pytest.mark.parametrize("scale", [None, (0.2, 0.5)])
def test_other_sizes_are_framed_as_at_evaluation(tmp_path: Path, scale: tuple[float, float] | None) -> None:
    path = save(tmp_path / "a.png", np.random.default_rng(0).integers(0, 256, (17, 23, 3)).astype(np.uint8))
    framing = Framing(channels=3, image_size=(8, 8), crop_pct=0.8, interpolation="bilinear", scale=scale)
    expected = framing.at_evaluation()(Image.open(path))
    assert np.array_equal(load_images([path], framing)[0].numpy(), expected)


def test_sixteen_bit_grey_is_scaled_not_clipped(tmp_path: Path) -> None:
    path = save(tmp_path / "deep.png", GREY.astype(np.uint16) * 257)
    assert torch.equal(load_one(path)[0], torch.from_numpy(GREY))


def test_transparency_becomes_black(tmp_path: Path) -> None:
    pixels = np.full((4, 4, 4), 255, np.uint8)
    pixels[:2, :, 3] = 0
    assert load_one(save(tmp_path / "clear.png", pixels), 1, (4, 4))[0, :, 0].tolist() == [0, 0, 255, 255]


def test_a_turned_camera_is_turned_back(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # orientation: the camera was held a quarter turn
    path = tmp_path / "turned.png"
    Image.fromarray(GREY).save(path, exif=exif)
    assert torch.equal(load_one(path, image_size=(10, 12))[0], torch.from_numpy(GREY.copy()).rot90(-1))


@pytest.mark.parametrize(
    "array",
    [GREY, GREY[None], GREY[..., None], (GREY / 255).astype(np.float64), (GREY / 255).astype(np.float32)],
)
def test_grey_npy_in_every_layout(tmp_path: Path, array: np.ndarray) -> None:
    np.save(tmp_path / "a.npy", array)
    assert torch.equal(load_one(tmp_path / "a.npy")[0], torch.from_numpy(GREY))


@pytest.mark.parametrize("array", [COLOUR, COLOUR.transpose(2, 0, 1), np.asfortranarray(COLOUR)])
def test_colour_npy_in_every_layout(tmp_path: Path, array: np.ndarray) -> None:
    np.save(tmp_path / "a.npy", array)
    assert torch.equal(load_one(tmp_path / "a.npy", channels=3), torch.from_numpy(COLOUR).permute(2, 0, 1))


@pytest.mark.parametrize(
    ("array", "message"),
    [
        (np.full((4, 4), np.nan), "NaN or infinite"),
        (np.array([[0.5, np.inf]]), "NaN or infinite"),
        (np.array([[0.0, 200.0]]), "must lie from 0 to 1, found 0 to 200"),
        (np.array([[-0.1, 1.0]]), "must lie from 0 to 1"),
        (np.zeros((4, 4), np.int64), "expected uint8, or float.*found int64"),
        (np.zeros((2, 4, 4), np.uint8), r"found \[2, 4, 4\]"),
        (np.zeros((5, 1, 4, 4), np.uint8), r"found \[5, 1, 4, 4\]"),
        (np.zeros(4, np.uint8), r"found \[4\]"),
        (np.zeros((0, 4), np.uint8), r"found \[0, 4\]"),
        (np.array([[{}]], dtype=object), "not a readable .npy"),
    ],
)
def test_npy_files_that_are_no_image_are_refused(tmp_path: Path, array: np.ndarray, message: str) -> None:
    np.save(tmp_path / "a.npy", array, allow_pickle=True)
    with pytest.raises(DataError, match=message) as caught:
        load_one(tmp_path / "a.npy")
    assert "a.npy" in str(caught.value)


@pytest.mark.parametrize("name", ["a.png", "a.npy"])
def test_missing_files_and_directories_are_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(DataError, match=f"{name}: there is no such file"):
        load_one(tmp_path / name)
    (tmp_path / name).mkdir()
    with pytest.raises(DataError, match=f"{name}: not a readable"):
        load_one(tmp_path / name)


@pytest.mark.parametrize("name", ["a.png", "a.jpg", "a.npy"])
def test_other_files_are_refused(tmp_path: Path, name: str) -> None:
    for content in (b"", b"hello", b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff\xe0", b"\x93NUMPY\x01\x00"):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(DataError, match=f"{name}: not a readable"):
            load_one(tmp_path / name)


def encoded(kind: str) -> bytes:
    buffer = io.BytesIO()
    if kind == "npy":
        np.save(buffer, COLOUR)
    else:
        Image.fromarray(COLOUR).save(buffer, kind)
    return buffer.getvalue()


@pytest.mark.parametrize("kind", ["png", "jpeg", "npy"])
def test_truncated_files_are_refused(tmp_path: Path, kind: str) -> None:
    content, path = encoded(kind), tmp_path / f"a.{kind}"
    for length in range(0, len(content) * 3 // 4, 7):
        path.write_bytes(content[:length])
        with pytest.raises(DataError, match="not a readable"):
            load_one(path)


@given(kind=st.sampled_from(["png", "jpeg", "npy"]), data=st.data())
def test_a_damaged_file_is_read_or_refused(tmp_path_factory: pytest.TempPathFactory, kind: str, data) -> None:
    damaged = bytearray(encoded(kind))
    for _ in range(data.draw(st.integers(1, 4))):
        damaged[data.draw(st.integers(0, len(damaged) - 1))] = data.draw(st.integers(0, 255))
    path = tmp_path_factory.getbasetemp() / f"damaged.{kind}"
    path.write_bytes(damaged)
    message = str(path)
    try:
        load_one(path)
    except DataError as error:
        message = str(error)
    assert str(path) in message


@pytest.mark.parametrize(("width", "height"), [(60_000, 60_000), (12_000, 10_000)])
def test_a_picture_that_claims_an_absurd_size_is_refused(tmp_path: Path, width: int, height: int) -> None:
    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    chunks = [(b"IHDR", header), (b"IDAT", zlib.compress(b"")), (b"IEND", b"")]
    content = b"".join(
        struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body)) for kind, body in chunks
    )
    (tmp_path / "a.png").write_bytes(b"\x89PNG\r\n\x1a\n" + content)
    with pytest.raises(DataError, match=r"a\.png: not a readable PNG or JPEG image .*decompression bomb"):
        load_one(tmp_path / "a.png")


def test_npy_that_claims_more_than_it_holds_is_refused(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.zeros((4, 4), np.uint8))
    content = (tmp_path / "a.npy").read_bytes()
    (tmp_path / "a.npy").write_bytes(content.replace(b"(4, 4)", b"(4, 99999999999)").replace(b" " * 11, b"", 1))
    with pytest.raises(DataError, match=r"not a readable \.npy"):
        load_one(tmp_path / "a.npy")


def test_empty_lists_are_refused() -> None:
    with pytest.raises(DataError, match="No image file was given"):
        load_images([], Framing(channels=1, image_size=(8, 8)))
