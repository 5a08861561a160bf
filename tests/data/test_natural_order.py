from __future__ import annotations

import random

import pytest

from spikeformers.data.natural_order import by_numbers


@pytest.mark.parametrize(
    "names",
    [
        ["0.png", "2.png", "10.png", "100.png"],
        ["1_3.png", "1_12.png", "2_3.png", "12_1.png"],
        ["frame 8", "frame 9", "frame 10", "frames"],
        ["a", "²", "³"],  # digits to Python, but no numbers
    ],
)
def test_numbers_in_names_count_as_numbers(names: list[str]) -> None:
    shuffled = random.Random(0).sample(names, len(names))
    assert sorted(shuffled, key=by_numbers) == names
