"""Video from folders, arrays and animations."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from spikeformers.data.simulate.clips import Clip
from spikeformers.errors import DataError


@pytest.fixture
def film() -> np.ndarray:
    """Twelve grey frames of 6 x 8 pixels."""
    return np.random.default_rng(0).integers(0, 256, (12, 6, 8), dtype=np.uint8)


def read(path: Path, size: tuple[int, int] | None = None) -> np.ndarray:
    return np.stack(list(Clip(path, size).frames()))


def test_an_array_is_read_as_it_is(tmp_path: Path, film: np.ndarray) -> None:
    np.save(tmp_path / "film.npy", film)
    np.testing.assert_array_equal(read(tmp_path / "film.npy"), film)
    np.save(tmp_path / "film.npy", film / 255)
    np.testing.assert_array_equal(read(tmp_path / "film.npy"), film)
    np.save(tmp_path / "film.npy", np.stack([film] * 3, axis=-1))
    np.testing.assert_array_equal(read(tmp_path / "film.npy"), film)


def test_a_folder_is_read_in_the_order_of_its_numbers(tmp_path: Path, film: np.ndarray) -> None:
    for number, frame in enumerate(film):
        Image.fromarray(frame).save(tmp_path / f"frame{number}.png")  # frame10 sorts before frame2 by letters
    (tmp_path / "notes.txt").write_text("no picture")
    np.testing.assert_array_equal(read(tmp_path), film)


def test_an_animation_is_read_frame_by_frame(tmp_path: Path, film: np.ndarray) -> None:
    first, *rest = [Image.fromarray(frame) for frame in film]
    for name in ("film.gif", "film.tiff", "film.png"):
        first.save(tmp_path / name, save_all=True, append_images=rest)
        np.testing.assert_array_equal(read(tmp_path / name), film)


def test_sixteen_bits_are_scaled_not_clipped(tmp_path: Path, film: np.ndarray) -> None:
    for number in range(2):
        Image.fromarray(film[number].astype(np.uint16) * 257).save(tmp_path / f"{number}.png")
    np.testing.assert_array_equal(read(tmp_path), film[:2])


def test_frames_are_brought_to_a_size(tmp_path: Path, film: np.ndarray) -> None:
    np.save(tmp_path / "film.npy", film)
    smaller = read(tmp_path / "film.npy", (4, 3))
    # Means of 2 x 2 pixels, rounded to whole numbers once for each direction.
    np.testing.assert_allclose(smaller, film.reshape(12, 3, 2, 4, 2).mean((2, 4)), atol=1.0)


def test_what_is_no_video_is_named(tmp_path: Path, film: np.ndarray) -> None:
    np.save(tmp_path / "one.npy", film[:1])
    np.save(tmp_path / "flat.npy", film[0])
    np.save(tmp_path / "loud.npy", film * 2.0)
    (tmp_path / "text.gif").write_text("no animation")
    (tmp_path / "text.npy").write_text("no array")
    (tmp_path / "sizes").mkdir()
    for number in (1, 2):
        Image.fromarray(film[0, :, : 4 * number]).save(tmp_path / "sizes" / f"{number}.png")
    (tmp_path / "empty").mkdir()
    for name, message in {
        "one.npy": "two frames or more, found 1",
        "flat.npy": r"found uint8 of shape \[6, 8\]",
        "loud.npy": "numbers from 0 to 1",
        "text.gif": "not a picture or film",
        "text.npy": "not a readable .npy file",
        "sizes": "frame 2 has 8 x 6 pixels, the first 4 x 6",
        "empty": "found 0",
        "nowhere": "no such file or folder",
    }.items():
        with pytest.raises(DataError, match=message):
            read(tmp_path / name)
