"""QKFormer's embeddings against the same chain written out with torch's own functions."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from spikeformers.layers import (
    BINARY,
    EMBEDDING_FORMS,
    REAL,
    DeformedShortcutEmbedding,
    Shortcut,
    Unit,
    Vocabulary,
    integers,
)
from tests.layers.attention.built import randomise
from tests.layers.attention.formulas import lif

T, B = 3, 2


def embedding(form: str, *, first: bool, shortcut: Shortcut = "sew") -> DeformedShortcutEmbedding:
    """In eval mode and float64, its norms at random."""
    torch.manual_seed(0)
    f = EMBEDDING_FORMS[form]
    built = DeformedShortcutEmbedding(
        3 if first else 8,
        [16 // part for part in f.widths] if first else [16, 16],
        pooling=f.pooling if first else f.later_pooling,
        fork=f.fork if first else 0,
        inputs=REAL if first or shortcut == "membrane" else integers(2),
        vocabulary=Vocabulary(),
        shortcut=shortcut,
        first=first,
    )
    randomise(built)
    return built.double().eval()


def stream(*, first: bool, shortcut: Shortcut = "sew") -> Tensor:
    generator = torch.Generator().manual_seed(1)
    shape = (T, B, 3 if first else 8, 16, 24)
    if first or shortcut == "membrane":
        return 2 * torch.randn(shape, generator=generator, dtype=torch.float64)
    return torch.randint(0, 2 if shortcut in ("vanilla", "iand") else 3, shape, generator=generator).double()


def weighted(unit: nn.Module, x: Tensor, *, stride: int = 1, pool: bool = False) -> Tensor:
    """Convolution, norm and pool of a unit, [T, B, C, H, W]."""
    assert isinstance(unit, Unit)
    state = {name: tensor.detach() for name, tensor in unit.state_dict().items()}
    weight = state["conv.weight"]
    out = F.conv2d(x.flatten(0, 1), weight, stride=stride, padding=weight.shape[-1] // 2)
    norm = (state[f"norm.{word}"] for word in ("running_mean", "running_var", "weight", "bias"))
    out = F.batch_norm(out, *norm)
    return (F.max_pool2d(out, 3, 2, 1) if pool else out).unflatten(0, (T, B))


# The tables of the paper's code: which convolution pools, where the shortcut leaves, and its stride.
FORMS = [
    ("cifar", True, [False, False], 1, 1),
    ("cifar", False, [False, True], 0, 2),
    ("imagenet", True, [True, True, False], 1, 2),
    ("imagenet", False, [True, False], 0, 2),
    ("events", True, [False, True, True, True], 2, 4),
    ("events", False, [False, True], 0, 2),
]


@pytest.mark.parametrize(("form", "first", "pools", "fork", "stride"), FORMS)
def test_an_embedding_is_its_chain_and_a_strided_shortcut(
    form: str, first: bool, pools: list[bool], fork: int, stride: int
) -> None:
    built, x = embedding(form, first=first), stream(first=first)
    maps = [x]
    for unit, pool in zip(built.units, pools, strict=True):
        maps.append(lif(weighted(unit, maps[-1], pool=pool)))
    expected = maps[-1] + lif(weighted(built.shortcut, maps[fork], stride=stride))
    out = built(x)
    assert torch.equal(out, expected)
    assert set(out.unique().tolist()) == {0, 1, 2}
    assert built.values == integers(2)
    scale = 2 ** sum(pools)
    assert out.shape == (T, B, 16, 16 // scale, 24 // scale)


@pytest.mark.parametrize(("form", "first", "pools", "fork", "stride"), FORMS)
def test_the_membrane_form_has_every_neuron_in_front(
    form: str, first: bool, pools: list[bool], fork: int, stride: int
) -> None:
    built, x = embedding(form, first=first, shortcut="membrane"), stream(first=first, shortcut="membrane")
    maps = [x]
    for i, (unit, pool) in enumerate(zip(built.units, pools, strict=True)):
        arriving = maps[-1] if first and i == 0 else lif(maps[-1])
        maps.append(weighted(unit, arriving, pool=pool))
    expected = maps[-1] + weighted(built.shortcut, lif(maps[fork]), stride=stride)
    # Float64 sums of the same terms, perhaps in another order.
    torch.testing.assert_close(built(x), expected, rtol=0, atol=1e-12)
    assert built.values == REAL
    convolutions = [*built.units[0 if not first else 1 :], built.shortcut]
    assert all(unit.conv.op_spec().inputs == (BINARY,) for unit in convolutions)


@pytest.mark.parametrize("first", [True, False])
def test_the_vanilla_form_fires_behind_the_sum(first: bool) -> None:
    built, x = embedding("cifar", first=first, shortcut="vanilla"), stream(first=first, shortcut="vanilla")
    one = lif(weighted(built.units[0], x))
    chain = weighted(built.units[1], one, pool=not first)
    beside = weighted(built.shortcut, one if first else x, stride=1 if first else 2)
    assert torch.equal(built(x), lif(beside + chain))
    assert built.values == BINARY


@pytest.mark.parametrize("first", [True, False])
def test_iand_takes_spikes_off_the_shortcut(first: bool) -> None:
    built, x = embedding("cifar", first=first, shortcut="iand"), stream(first=first, shortcut="iand")
    one = lif(weighted(built.units[0], x))
    chain = lif(weighted(built.units[1], one, pool=not first))
    beside = lif(weighted(built.shortcut, one if first else x, stride=1 if first else 2))
    out = built(x)
    assert torch.equal(out, beside * (1 - chain))
    assert built.values == BINARY
    assert out.any()


def test_true_strides() -> None:
    """Those of the maps 56, 28, 14 of 224; of 32, 16, 8 of 32; of 16, 8 of 128."""
    assert EMBEDDING_FORMS["imagenet"].strides(3) == (4, 8, 16)
    assert EMBEDDING_FORMS["cifar"].strides(3) == (1, 2, 4)
    assert EMBEDDING_FORMS["events"].strides(2) == (8, 16)
