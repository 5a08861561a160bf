"""Every family with every word: what is built keeps the contract, what is refused is known and has a reason."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from spikeformers import catalog
from spikeformers.layers import ATTENTIONS, NEURONS, NORMS, Memory, register_attention
from spikeformers.models.compatibility import WORDS, combinations, examine, small_words
from tests.models.contract import assert_keeps_the_contract

COMBINATIONS = combinations()

# Families that cannot stream, whatever the word, and words that cannot, whatever the family.
AT_ONCE_FAMILIES = {"spikeformer"}
AT_ONCE_WORDS = {
    *(("attention", word) for word in ("divided", "temporal", "joint", "statten")),
    ("neuron", "psn"),
    ("norm", "gated"),
}
# The reason is in parts of it. A combination that is refused and not listed here is a regression.
REFUSED = {
    ("e_spikeformer", "attention", "xnor_ssa"): "compares spikes with silence",
    ("spikeformer", "attention", "xnor_ssa"): "compares spikes with silence",
    ("e_spikeformer", "shortcut", "iand"): "logic of binary spikes",
    ("spikeformer", "interaction", "tim"): "has by itself",
    ("tim", "neuron", "psn"): "needs each time step before the next",
    ("qkformer", "tokenizer", "convolutional"): "an embedding in front of every stage",
    ("qkformer", "tokenizer", "patch"): "an embedding in front of every stage",
    ("sglformer", "keep_tokens", "0.5"): "convolve whole maps",
    ("spikeformer", "keep_tokens", "0.5"): "other tokens at each time step",
    ("tim", "keep_tokens", "0.5"): "tokens without a map",
    **{
        ("tim", "attention", word): "has no queries"
        for word in ("divided", "spatial", "temporal", "joint", "fourier", "frozen", "haar")
    },
    **{("spikeformer", "shortcut", word): "stream is real" for word in ("membrane", "sew", "vanilla", "iand")},
    **{
        (family, word, value): reason
        for family in ("e_spikeformer", "meta_spikeformer")
        for word, value, reason in (
            ("tokenizer", "convolutional", "has no tokenizer"),
            ("tokenizer", "patch", "has no tokenizer"),
            ("keep_tokens", "0.5", "convolve whole maps"),
        )
    },
}


def expected(family: str, word: str, value: Any) -> str:
    if (family, word, str(value)) in REFUSED:
        return "refused"
    return "all at once" if family in AT_ONCE_FAMILIES or (word, str(value)) in AT_ONCE_WORDS else "streams"


def test_the_matrix_is_of_all_families_and_all_registered_words() -> None:
    assert {name for name, _, _ in COMBINATIONS} >= {"spikformer_4_256.cifar10", "sdt_8_384.imagenet"}
    classes = {catalog.get(name).builds for name in catalog.names()}
    assert {catalog.get(name).builds for name, _, _ in COMBINATIONS} == classes
    for word, registry in (("attention", ATTENTIONS), ("neuron", NEURONS), ("norm", NORMS)):
        assert set(registry) <= {value for _, w, value in COMBINATIONS if w == word}
    assert {word for _, word, _ in COMBINATIONS} == set(WORDS)


# The first are tested for every form of every family elsewhere; of the others the fast tests have three families, and
# what is refused.
SLOW_WORDS = ("ann", "encoder", "surrogate")
FAST_IN = ("spikformer_4_256.cifar10", "meta_spikeformer_15m.imagenet", "spikeformer_7_512.imagenet")


def speed(name: str, word: str, value: Any) -> list[pytest.MarkDecorator]:
    refused = (catalog.get(name).family, word, str(value)) in REFUSED
    return [] if refused or (name in FAST_IN and word not in SLOW_WORDS) else [pytest.mark.slow]


CELLS = [pytest.param(*cell, id="-".join(map(str, cell)), marks=speed(*cell)) for cell in COMBINATIONS]


@pytest.mark.parametrize(("name", "word", "value"), CELLS)
def test_every_cell(name: str, word: str, value: Any, tmp_path: Path) -> None:
    cell = examine(name, word, value)
    assert cell.verdict == expected(cell.family, word, value), cell.reason
    if cell.verdict == "refused":
        assert REFUSED[cell.family, word, str(value)] in cell.reason
    else:
        words = {**small_words(name), word: value}
        assert_keeps_the_contract(name, words, tmp_path, streams=cell.verdict == "streams")
        assert bool(cell.reason) == (cell.verdict == "all at once")


def test_every_refusal_that_is_known_happens() -> None:
    found = {(catalog.get(name).family, word, str(value)) for name, word, value in COMBINATIONS}
    assert set(REFUSED) <= found


def test_a_users_part_is_a_row_and_random_numbers_are_left_alone() -> None:
    class Nothing(nn.Module):
        def __init__(self, plan: object) -> None:
            super().__init__()

        def forward(self, x: torch.Tensor, memory: Memory | None = None) -> torch.Tensor:
            return torch.zeros_like(x)

    register_attention("nothing", Nothing)
    rows = [combination for combination in combinations() if combination[2] == "nothing"]
    assert len(rows) == len({name for name, _, _ in COMBINATIONS})
    before = torch.get_rng_state()
    assert examine(*rows[0]).verdict == "streams"
    assert torch.equal(torch.get_rng_state(), before)
