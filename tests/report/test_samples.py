"""What samples are called."""

from __future__ import annotations

import pytest

from spikeformers.report.samples import IMAGE, RECORDING, SAMPLE, noun_of, shared


@pytest.mark.parametrize(
    ("dataset", "noun"), [("digits", IMAGE), ("nmnist", RECORDING), ("NMNIST", RECORDING), ("unheard of", IMAGE)]
)
def test_a_data_set_decides(dataset, noun):
    assert noun_of(dataset) is noun


def test_several_share_a_word_only_if_they_agree():
    assert shared([RECORDING, RECORDING]) is RECORDING
    assert shared([IMAGE, RECORDING]) is SAMPLE
    assert [IMAGE.counted(number) for number in (0, 1, 2)] == ["images", "image", "images"]
