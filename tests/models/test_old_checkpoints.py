"""Files written by earlier versions load for ever, and compute what they computed then.

A format that changes gets new files beside these; these are never rewritten.
"""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest
import torch

import spikeformers
from spikeformers.models import read_header
from tests.golden_rules import relative_difference, uniform

DATA = Path(__file__).parent / "data"
FILES = sorted(path.stem for path in DATA.glob("*.safetensors"))


def test_there_are_old_files() -> None:
    assert FILES == ["format1_spikformer", "format1_spikingformer"]
    assert all((DATA / f"{name}.safetensors").stat().st_size < 60_000 for name in FILES)


@pytest.mark.parametrize("name", FILES)
def test_an_old_file_computes_what_it_did(name: str) -> None:
    then = json.loads((DATA / f"{name}.json").read_text())
    model = spikeformers.load(DATA / f"{name}.safetensors").double()
    shape = then["input_shape"]
    x = torch.from_numpy((uniform("input", name, math.prod(shape)) % 33 - 16) / 8).reshape(shape)
    assert [row.spikes for row in spikeformers.measure.firing(model, x)] == then["spikes"]
    with torch.no_grad():
        assert relative_difference(model(x), then["logits"]) <= 1e-12
    # A later version may know more words; it must not have other values for these.
    assert model.config.to_dict().items() >= then["config"].items()


@pytest.mark.parametrize("name", FILES)
def test_an_old_header_says_what_it_did(name: str) -> None:
    header = read_header(DATA / f"{name}.safetensors")
    assert header.format == 1
    assert header.provenance == {"note": "written by version 0.1.0 for the tests"}
    assert header.name in spikeformers.list_models()
