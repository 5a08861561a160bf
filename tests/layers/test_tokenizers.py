"""Both stems, in every pooling: strides, shapes, and the order of their parts as the papers draw it."""

from __future__ import annotations

from itertools import product

import pytest
import torch
from torch import Tensor

from spikeformers.layers import (
    BINARY,
    REAL,
    Conv2d,
    MaxPool,
    Neuron,
    PatchSplitting,
    SpikingTokenizer,
    Tokenizer,
    Vocabulary,
    integers,
)
from spikeformers.layers.norms import BatchNorm

POOLINGS = ["".join(digits) for digits in product("01", repeat=4)]
DIM = 16

every_pooling = pytest.mark.parametrize("pooling", POOLINGS)
every_stem = pytest.mark.parametrize("stem", [PatchSplitting, SpikingTokenizer])
before_or_after = pytest.mark.parametrize("pool_before_neuron", [False, True], ids=["spikes", "cml"])


def build(
    stem: type[PatchSplitting] | type[SpikingTokenizer],
    pooling: str,
    *,
    pool_before_neuron: bool = False,
    in_channels: int = 3,
    vocabulary: Vocabulary | None = None,
) -> Tokenizer:
    torch.manual_seed(0)
    vocabulary = vocabulary or Vocabulary()
    return stem(in_channels, DIM, pooling=pooling, pool_before_neuron=pool_before_neuron, vocabulary=vocabulary)


def images(stride: int, *, in_channels: int = 3) -> Tensor:
    return torch.randn(3, 2, in_channels, 2 * stride, 3 * stride)


@every_stem
def test_the_first_convolution_declares_the_values_of_the_input(stem: type[PatchSplitting]) -> None:
    tokenizer = stem(3, DIM, pooling="0011", pool_before_neuron=False, vocabulary=Vocabulary(), inputs=integers(7))
    first, *others = (module for module in tokenizer.modules() if isinstance(module, Conv2d))
    assert first.inputs == integers(7)
    assert {conv.inputs for conv in others} == {BINARY}


@every_stem
@every_pooling
@before_or_after
def test_strides_and_shapes(stem: type[PatchSplitting], pooling: str, pool_before_neuron: bool) -> None:
    tokenizer = build(stem, pooling, pool_before_neuron=pool_before_neuron, in_channels=2)
    stride = 2 ** pooling.count("1")
    assert tokenizer.strides[-1] == stride
    x = images(stride, in_channels=2)
    maps = list(tokenizer.maps(x))
    widths = [2, 4, 8, 16, 16]
    assert len(maps) == len(tokenizer.strides) == 5
    for stage, width, s in zip(maps, widths, tokenizer.strides, strict=True):
        assert stage.shape == (3, 2, width, 2 * stride // s, 3 * stride // s)
    assert torch.equal(tokenizer(x), maps[-1])


@pytest.mark.parametrize(
    ("stem", "pooling", "strides"),
    [
        (PatchSplitting, "1111", (2, 4, 8, 16, 16)),
        (PatchSplitting, "0011", (1, 1, 2, 4, 4)),
        (PatchSplitting, "0000", (1, 1, 1, 1, 1)),
        (SpikingTokenizer, "1111", (1, 2, 4, 8, 16)),
        (SpikingTokenizer, "0011", (1, 1, 1, 2, 4)),
        (SpikingTokenizer, "0101", (1, 1, 2, 2, 4)),
    ],
)
def test_the_strides_of_published_and_other_forms(
    stem: type[PatchSplitting], pooling: str, strides: tuple[int, ...]
) -> None:
    assert build(stem, pooling).strides == strides


def run(letters: str, tokenizer: Tokenizer, x: Tensor) -> Tensor:
    """Run a stem as its paper writes it down: C convolution, N norm, S neuron, P pool, R what is kept, + its addition.

    The parts of one kind are taken in the order they were built in.
    """
    parts = {
        letter: iter([module for module in tokenizer.modules() if isinstance(module, kind)])
        for letter, kind in (("C", Conv2d), ("N", BatchNorm), ("S", Neuron))
    }
    kept = x
    for letter in letters:
        if letter == "P":
            x = MaxPool()(x)
        elif letter == "R":
            kept = x
        elif letter == "+":
            x = x + kept
        else:
            x = next(parts[letter])(x)
    assert all(next(rest, None) is None for rest in parts.values()), "a part was not run"
    return x


def letters_of(stem: type[PatchSplitting] | type[SpikingTokenizer], pooling: str, *, pool_before_neuron: bool) -> str:
    if stem is PatchSplitting:
        pooled = "CNPS" if pool_before_neuron else "CNSP"
        return "".join(pooled if digit == "1" else "CNS" for digit in pooling) + "RCNS+"
    pooled = "PSCN" if pool_before_neuron else "SPCN"
    return "CN" + "".join(pooled if digit == "1" else "SCN" for digit in pooling)


@every_stem
@every_pooling
@before_or_after
def test_parts_run_in_the_order_of_the_paper(
    stem: type[PatchSplitting], pooling: str, pool_before_neuron: bool
) -> None:
    # With the statistics of the batch (training mode) spikes flow through every stage.
    tokenizer = build(stem, pooling, pool_before_neuron=pool_before_neuron)
    x = images(2 ** pooling.count("1"))
    expected = run(letters_of(stem, pooling, pool_before_neuron=pool_before_neuron), tokenizer, x)
    assert torch.equal(tokenizer(x), expected)
    assert expected.any()


@every_stem
def test_pooling_before_the_neuron_is_another_function(stem: type[PatchSplitting]) -> None:
    # On binary maps of one step max-pooling and firing commute; over time the reset tells them apart.
    x = images(16)
    assert not torch.equal(build(stem, "1111")(x), build(stem, "1111", pool_before_neuron=True)(x))


def test_the_tensor_names_do_not_depend_on_the_pooling() -> None:
    for stem in (PatchSplitting, SpikingTokenizer):
        names = {
            tuple(build(stem, pooling, pool_before_neuron=cml).state_dict())
            for pooling in POOLINGS
            for cml in (False, True)
        }
        assert len(names) == 1


def test_declared_values() -> None:
    split, spiking = build(PatchSplitting, "1111"), build(SpikingTokenizer, "1111")
    for stem in (split, spiking):
        first, *others = (module for module in stem.modules() if isinstance(module, Conv2d))
        assert first.inputs == REAL
        assert [conv.inputs for conv in others] == [BINARY] * 4
    assert (split.values, spiking.values) == (integers(2), REAL)
    out = split(images(16))
    assert split.values.hold(out)
    assert out.max() == 2, "both addends fire"
    ternary = build(PatchSplitting, "1111", vocabulary=Vocabulary(neuron="ternary"))
    assert ternary.values == integers(2, signed=True)
    assert ternary.values.hold(ternary(images(16)))
