from __future__ import annotations

import hashlib
import runpy
from importlib.resources import files
from pathlib import Path

import numpy as np
import pytest
import torch

from spikeformers.data import load_dataset
from spikeformers.errors import DataError

SHA256 = "01d29cf41e60bbc71c9217a86f7f8cad62cdbfbebdde78a314e7f850174819ec"
FILE = files("spikeformers.data.sets") / "digits.npz"
SCRIPT = Path(__file__).parents[3] / "scripts" / "make_digits.py"


@pytest.fixture(scope="module")
def stored() -> dict[str, np.ndarray]:
    with FILE.open("rb") as file, np.load(file) as arrays:
        return dict(arrays)


def test_the_embedded_file_is_the_one_that_was_checked(stored: dict[str, np.ndarray]) -> None:
    assert hashlib.sha256(FILE.read_bytes()).hexdigest() == SHA256
    assert stored["images"].shape == (1797, 8, 8)
    assert set(np.unique(stored["images"])) == set(range(17))
    assert np.bincount(stored["labels"]).tolist() == [178, 182, 177, 183, 181, 182, 181, 179, 174, 180]


def test_the_split_follows_the_rule_of_the_script(stored: dict[str, np.ndarray]) -> None:
    held_out = runpy.run_path(str(SCRIPT))["held_out"]
    assert held_out(stored["labels"], 360, seed=0).tolist() == stored["test"].tolist()
    assert held_out(stored["labels"], 360, seed=1).tolist() != stored["test"].tolist()


def test_the_parts_are_the_file_divided(stored: dict[str, np.ndarray]) -> None:
    digits = load_dataset("digits")
    assert (len(digits.train), len(digits.test)) == (1437, 360)
    assert torch.bincount(digits.test.labels).tolist() == [36, 37, 35, 37, 36, 36, 36, 36, 35, 36]
    parts = [part.images.flatten(1).numpy() for part in (digits.train, digits.test)]
    scaled = np.rint(stored["images"].reshape(1797, 64) * 255.0 / 16)
    assert sorted(map(bytes, np.concatenate(parts))) == sorted(map(bytes, scaled.astype(np.uint8)))
    assert not set(map(bytes, parts[0])) & set(map(bytes, parts[1]))


def test_pixels_count_from_black_to_full_intensity() -> None:
    digits = load_dataset("digits")
    assert digits.train.images.shape == (1437, 1, 8, 8)
    assert digits.train.images.unique().tolist() == [round(grey * 255 / 16) for grey in range(17)]
    assert digits.classes == tuple("0123456789")


def test_mean_and_std_are_those_of_the_training_part() -> None:
    digits = load_dataset("digits")
    pixels = digits.train.images.double() / 255
    assert digits.mean == (pytest.approx(pixels.mean().item(), abs=5e-5),)
    assert digits.std == (pytest.approx(pixels.std(correction=0).item(), abs=5e-5),)


def test_licence_and_citation_are_given() -> None:
    digits = load_dataset("digits")
    assert digits.licence == "CC BY 4.0"
    assert "Alpaydin" in digits.citation


def test_a_directory_is_refused_because_nothing_is_read_from_it(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="part of the package and reads no directory"):
        load_dataset("digits", tmp_path)
