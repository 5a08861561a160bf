"""Fourier and Haar: their matrices, that nothing in them is learned, and what they cost."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from spikeformers.errors import ConfigError, InputError
from spikeformers.layers import BINARY, REAL, DescribesItself, Vocabulary, integers
from spikeformers.layers.attention.fourier import FourierOfPair, FourierPair, FourierReal
from spikeformers.layers.attention.haar import Haar
from spikeformers.layers.attention.transforms import Transform
from spikeformers.measure import audit, count
from spikeformers.models import SpikingModel, fuse, unroll
from spikeformers.train.penalty import SpikePenalty
from tests.layers.attention import formulas
from tests.layers.attention.built import DIM, B, T, build, randomise
from tests.models.tiny import random_input, tiny_model

SIZES = [1, 2, 3, 4, 7, 8, 15, 16]
POWERS = [1, 2, 4, 8, 64]


def real(*shape: int) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(0), dtype=torch.float64)


def matrix(transform: Transform, size: int) -> Tensor:
    """What it does to each unit vector: [out, in]."""
    return transform(torch.eye(size, dtype=torch.float64).view(1, 1, size, size))[0, 0].mT


# ---- Haar -----------------------------------------------------------------------------------------------------------


def test_the_golden_rows_of_four() -> None:
    h = 0.70710678
    rows = torch.tensor([[0.5, 0.5, 0.5, 0.5], [0.5, 0.5, -0.5, -0.5], [h, -h, 0, 0], [0, 0, h, -h]]).double()
    torch.testing.assert_close(matrix(Haar(REAL), 4), rows, rtol=0, atol=1e-7)  # the digits that are written down


@pytest.mark.parametrize("size", POWERS)
def test_haar_is_orthogonal(size: int) -> None:
    H = matrix(Haar(REAL), size)
    torch.testing.assert_close(H @ H.mT, torch.eye(size).double(), rtol=0, atol=1e-12)
    torch.testing.assert_close(H, formulas.haar(size), rtol=0, atol=1e-12)


def test_haar_of_a_map_is_that_of_its_rows_and_columns() -> None:
    attention = build("haar(over=map)", shortcut="vanilla", grid=(2, 8)).double()
    randomise(attention)
    x = real(T, B, DIM, 2, 8)
    columns_by_rows = torch.einsum("ij,tbcjk,lk->tbcil", formulas.haar(2), x, formulas.haar(8))
    expected = formulas.normal(attention.get_submodule("unit"), columns_by_rows.flatten(3))
    torch.testing.assert_close(attention.eval()(x).flatten(3), expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize(
    ("word", "grid", "message"),
    [
        ("haar", (7, 7), "must be a power of two; a map of 7 x 7 has 49.*8 x 8 for instance, or attention"),
        ("haar(over=map)", (16, 12), "halves its rows and columns.*has 16 and 12"),
        ("haar(over=rows)", (8, 8), "over must be one of tokens, map; got 'rows'"),
        ("fourier(over=channels)", (8, 8), "over must be one of tokens, both; got 'channels'"),
    ],
)
def test_plans_and_options_that_cannot_be(word: str, grid: tuple[int, int], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        build(word, grid=grid)


def test_an_input_of_another_size_than_the_config_says() -> None:
    with pytest.raises(InputError, match="takes a power of two, and an input of this size makes 12"):
        build("haar", grid=(4, 4))(real(T, B, DIM, 3, 4).float())


# ---- Fourier --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", SIZES)
def test_the_fast_transform_is_the_matrix(size: int) -> None:
    torch.testing.assert_close(matrix(FourierReal(REAL), size), formulas.cosines(size), rtol=0, atol=1e-12)


@pytest.mark.parametrize("tokens", [1, 5, 8])
def test_over_both_it_is_the_real_part_of_the_transform_in_two_dimensions(tokens: int) -> None:
    attention = build("fourier(over=both)", shortcut="vanilla")
    randomise(attention)
    x = real(T, B, DIM, tokens)
    expected = torch.from_numpy(np.fft.fft2(x.numpy()).real)  # over channels and tokens
    out = attention.double().eval()(x)
    torch.testing.assert_close(
        out, formulas.normal(attention.get_submodule("unit"), expected), rtol=0, atol=1e-12 * DIM * tokens
    )


def test_half_precision_runs_in_float32() -> None:
    x = real(T, B, DIM, 5)
    narrow = FourierReal(REAL)(x.bfloat16())
    assert narrow.dtype == torch.bfloat16
    assert torch.equal(narrow, FourierReal(REAL)(x.bfloat16().float()).bfloat16())


# ---- all ------------------------------------------------------------------------------------------------------------

TRANSFORMS = [(FourierReal, 6), (FourierPair, 6), (FourierOfPair, 6), (Haar, 8)]
every_transform = pytest.mark.parametrize(("kind", "size"), TRANSFORMS)


@every_transform
def test_what_it_says_it_multiplies_with_is_what_it_does(kind: type[Transform], size: int) -> None:
    x = real(T, B, DIM, size)
    weights = kind(REAL).weights_for(x)
    torch.testing.assert_close(kind(REAL)(x), x @ weights.mT, rtol=0, atol=1e-12)
    turned = kind(REAL, axis=2)
    torch.testing.assert_close(turned(x.mT), (x @ weights.mT).mT, rtol=0, atol=1e-12)
    assert torch.equal(turned.weights_for(x.mT), weights)


@every_transform
def test_it_is_linear_and_has_nothing_to_learn(kind: type[Transform], size: int) -> None:
    x, y, transform = real(T, B, DIM, size), real(T, B, DIM, size).flip(0), kind(REAL)
    torch.testing.assert_close(transform(2 * x - y), 2 * transform(x) - transform(y), rtol=0, atol=1e-12)
    assert not list(transform.parameters()) + list(transform.buffers())


@pytest.mark.parametrize("word", ["fourier", "fourier(over=both)", "haar", "haar(over=map)"])
def test_only_the_norm_of_a_mixer_learns(word: str) -> None:
    attention = build(word, shortcut="membrane", grid=(4, 4))
    assert [name for name, _ in attention.named_parameters()] == ["unit.norm.weight", "unit.norm.bias"]
    operations = [module for module in attention.modules() if isinstance(module, DescribesItself)]
    assert operations[0].op_spec().inputs == (BINARY,)
    assert all(operation.op_spec().inputs == (REAL,) for operation in operations[1:])


@pytest.mark.parametrize("shortcut", ["sew", "vanilla"])
def test_a_mixer_declares_what_the_stream_holds(shortcut: str) -> None:
    mixer = build("haar", shortcut=shortcut, inputs=integers(3))
    assert mixer.get_submodule("unit.tokens").op_spec().inputs == (integers(3),)  # type: ignore[operator]


# ---- counted, audited, fused ----------------------------------------------------------------------------------------


def watched(model: SpikingModel, name: str, x: Tensor) -> Tensor:
    """What reaches a module."""
    seen: list[Tensor] = []
    handle = model.get_submodule(name).register_forward_pre_hook(lambda module, inputs: seen.append(inputs[0]))
    with torch.no_grad():
        model(x)
    handle.remove()
    return seen[0]


@pytest.mark.parametrize("grid", [(4, 4), (2, 4)])
def test_haar_counted_by_hand(grid: tuple[int, int]) -> None:
    """Also on another grid than the config's: each spike meets its mean and one difference of each scale."""
    model = tiny_model("spikingformer_4_384.cifar10", attention="haar")
    x, N, name = random_input(model, 2, grid), grid[0] * grid[1], "blocks.0.attention.unit.tokens"
    spikes = watched(model, name, x)
    (row,) = [row for row in count(model, x).rows if row.name == name]
    assert row.nonzero == row.events == int(spikes.sum()) * (1 + N.bit_length() - 1)
    assert row.dense == spikes.numel() * N
    assert (row.kind, row.weights, row.shape) == ("linear", N * N, (32, N, N, 1))
    assert spikes.any()


def test_fourier_counted_by_hand() -> None:
    """Of a map of 8 tokens, cosines of odd positions are zero at 2 and 6 of 8 frequencies, of 2 and 6 at odd ones."""
    model = tiny_model("spikingformer_4_384.cifar10", attention="fourier")
    x, name = random_input(model, 2, (2, 4)), "blocks.0.attention.unit.tokens"
    each = torch.tensor([8, 6, 4, 6, 8, 6, 4, 6])
    spikes = watched(model, name, x)
    (row,) = [row for row in count(model, x).rows if row.name == name]
    assert row.nonzero == int((spikes.sum((0, 1, 2)) * each).sum())
    assert row.nonzero > 0


def test_the_penalty_counts_a_transform() -> None:
    model = tiny_model("spikingformer_4_384.cifar10", attention="haar", depth=1)
    x, penalty = random_input(model, 2), SpikePenalty(model, operations_weight=1.0, rate_weight=0.0, rate_target=0.1)
    name = "blocks.0.attention.unit.tokens"
    spikes = int(watched(model, name, x).sum())
    with penalty:
        model(x)
    rows = {row.name: row for row in count(model, x).rows if row.kind in ("convolution", "linear")}
    # The penalty takes real inputs for active throughout, and weights for other than zero, here all 4 of a token.
    done = sum(row.dense if "real" in row.declared else row.nonzero for row in rows.values())
    done += spikes * 4 - rows[name].nonzero
    expected = done / sum(row.dense for row in rows.values())
    assert float(penalty.loss().detach()) == pytest.approx(expected, rel=1e-6)
    assert spikes > 0


def test_audited_as_additions_of_constants() -> None:
    model = tiny_model("spikingformer_4_384.cifar10", attention="fourier(over=both)")
    rows = {row.name: row for row in audit(model, random_input(model, 2)).rows}
    first, second = (rows[f"blocks.1.attention.unit.{part}"] for part in ("channels", "tokens"))
    assert (first.verdict, first.evidence) == ("additions only", "proof")
    assert second.verdict == "real"
    assert "blocks.1.attention.unit.channels, a linear" in second.why
    plain = tiny_model("spikingformer_4_384.cifar10", attention="haar")
    assert all(
        row.verdict == "additions only" for row in audit(plain, random_input(plain, 2)).rows if "attention" in row.name
    )


def test_its_norm_is_not_folded_and_says_why() -> None:
    model = tiny_model("spikingformer_4_384.cifar10", attention="fourier").double()
    fused, fusion = fuse(model)
    x = random_input(model, 2)
    torch.testing.assert_close(fused(x), model(x), rtol=0, atol=1e-9)
    assert "blocks.0.attention.unit.norm" in fusion.left


@pytest.mark.parametrize("word", ["fourier", "haar(over=map)"])
def test_unrolled_integers(word: str) -> None:
    model = tiny_model("e_spikeformer_19m.imagenet", attention=word).double()
    x = random_input(model, 1).double()
    torch.testing.assert_close(unroll(model)(x), model(x), rtol=0, atol=1e-9)


def test_an_ann_twin_mixes_by_the_same_transform() -> None:
    twin: Any = build("fourier", vocabulary=Vocabulary(neuron="relu", ann=True))
    assert isinstance(twin, nn.Module)
    assert isinstance(twin.get_submodule("unit.tokens"), FourierReal)
