"""An attention in one file, as CONTRIBUTING shows it, and what a user then has for nothing."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest
import torch

import spikeformers
from spikeformers import measure
from spikeformers.layers import ATTENTIONS
from spikeformers.models.compatibility import examine, representatives
from tests.models.contract import assert_keeps_the_contract
from tests.models.tiny import random_input, tiny_model
from tests.test_readme import CONTRIBUTING, blocks

FILE = Path(__file__).parent / "toy_attention.py"
NAME = "spikingformer_4_384.cifar10"


@pytest.fixture(autouse=True)
def vote() -> None:
    """The attention as a user adds it: by importing the file."""
    spec = importlib.util.spec_from_file_location("toy_attention", FILE)
    assert spec is not None
    assert spec.loader is not None
    spec.loader.exec_module(importlib.util.module_from_spec(spec))


def test_it_is_short_and_what_contributing_shows() -> None:
    assert len(FILE.read_text().splitlines()) < 80
    assert blocks(CONTRIBUTING, "python")[1:] == [FILE.read_text()]


def test_every_family_takes_it_by_its_word() -> None:
    cells = [examine(name, "attention", "vote(share=0.5)") for name in representatives()]
    refused = {cell.family: cell.reason for cell in cells if cell.verdict == "refused"}
    assert set(refused) == {"tim"}  # whose interaction is one of queries
    assert "has no queries" in refused["tim"]


@pytest.mark.parametrize("name", ["spikformer_4_384.cifar10", NAME, "meta_spikeformer_15m.imagenet"])
def test_it_keeps_the_contract(name: str, tmp_path: Path) -> None:
    assert_keeps_the_contract(name, {"attention": "vote"}, tmp_path, streams=True)


def test_its_option_is_in_its_formula() -> None:
    halves, quarters = (tiny_model(NAME, attention=f"vote(share={share})") for share in (0.5, 0.25))
    assert [halves.blocks[0].attention.drive, quarters.blocks[0].attention.drive] == [1.0, 2.0]


def test_it_is_audited_and_counted() -> None:
    model = tiny_model(NAME, attention="vote")
    x = random_input(model, 2)
    found = {row.name: row for row in measure.audit(model, [x]).rows if ".attention." in row.name}
    assert {row.verdict for row in found.values()} == {"additions only"}
    gates = [row for row in measure.count(model, x).rows if row.name.endswith("attention.gate")]
    # Each of the 4 positions of 32 channels is masked once at each of 3 time steps.
    assert [row.dense for row in gates] == [2 * 3 * 32 * 4] * 2


def test_it_is_no_word_of_anyone_else() -> None:
    assert "vote" in ATTENTIONS
    assert spikeformers.create_model(NAME, attention="vote").config.attention == "vote"
    assert torch.is_tensor(tiny_model(NAME, attention="vote").blocks[0].attention.v.norm.weight)
