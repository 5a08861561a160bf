"""What holds for every attention and mixer, registered by whomever: values, gradients, precision, fusing."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, get_args

import pytest
import torch
from torch import Tensor, nn

from spikeformers.layers import ATTENTIONS, BINARY, REAL, DescribesItself, SelfAttention, Shortcut, integers
from spikeformers.layers.values import Values
from spikeformers.layers.words import parse_word
from spikeformers.models import fuse
from tests.layers.attention.built import DIM, B, T, build, randomise
from tests.models.tiny import random_input, tiny_model

SIZE = (4, 4)
STREAMS: dict[str, Values] = {"membrane": REAL, "sew": integers(3), "vanilla": BINARY, "iand": BINARY}

every_word = pytest.mark.parametrize("word", ATTENTIONS)
every_shortcut = pytest.mark.parametrize("shortcut", get_args(Shortcut))


def drawn(word: str, shortcut: str) -> nn.Module:
    """With a low threshold, so that something passes every mask and product."""
    attention = build(word, shortcut=shortcut, grid=SIZE, inputs=STREAMS[shortcut], v_threshold=0.125, scale=1.0)
    randomise(attention)
    for _, parameter in attention.named_parameters():
        if parameter.dim() > 1 and not parameter.any():
            nn.init.normal_(parameter)  # a linear that starts at zero hides what is in front of it
    return attention


def stream(shortcut: str) -> Tensor:
    generator, shape = torch.Generator().manual_seed(5), (T, B, DIM, *SIZE)
    if shortcut == "membrane":
        return 2.5 * torch.randn(shape, generator=generator)
    return torch.randint(0, 4 if shortcut == "sew" else 2, shape, generator=generator).float()


@every_shortcut
@every_word
def test_operations_see_what_they_declare(word: str, shortcut: str) -> None:
    attention, seen = drawn(word, shortcut).eval(), set()

    def look(module: Any, inputs: tuple[Tensor, ...]) -> None:
        operands = module.op_spec().inputs
        assert all(values.hold(x) for values, x in zip(operands, inputs, strict=True)), operands
        assert any(x.any() for x in inputs)
        seen.add(module)

    operations = {module for module in attention.modules() if isinstance(module, DescribesItself)}
    for operation in operations:
        operation.register_forward_pre_hook(look)
    with torch.no_grad():
        attention(stream(shortcut))
    assert seen == operations != set()


@every_shortcut
@every_word
def test_gradients_reach_every_parameter(word: str, shortcut: str) -> None:
    attention = drawn(word, shortcut).double().train()
    weights = torch.randn(T, B, DIM, *SIZE, generator=torch.Generator().manual_seed(2)).double()
    (attention(stream(shortcut).double()) * weights).sum().backward()
    for name, parameter in attention.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.isfinite().all(), name
        # A norm in training takes the bias in front of it away again.
        if not name.endswith(("linear.bias", "projection.bias")):
            assert parameter.grad.any(), name


@every_word
def test_nothing_is_left_behind(word: str) -> None:
    attention, x = drawn(word, "sew").eval(), stream("sew")
    with torch.no_grad():
        assert torch.equal(attention(x), attention(x))


@pytest.mark.parametrize("count", [4, 16])
@pytest.mark.parametrize("word", [word for word in ATTENTIONS if "softmax" not in word])
def test_on_spikes_the_mixing_is_exact_in_float32(word: str, count: int) -> None:
    """Sums of whole numbers times a power of two have no rounding, whatever their order."""
    attention = drawn(word, "sew")
    if not isinstance(attention, SelfAttention):
        pytest.skip("mixes with real numbers")
    side = (count // 2, 2)
    generator = torch.Generator().manual_seed(1)
    parts = {name: torch.randint(0, 2, (T, B, DIM, *side), generator=generator).float() for name in attention.uses}
    with torch.no_grad():
        single = attention.mix(None, **parts)
        double = attention.double().mix(None, **{name: part.double() for name, part in parts.items()})
    assert torch.equal(single.double(), double)
    assert single.any()


@every_word
def test_a_fused_model_computes_the_same(word: str) -> None:
    model = tiny_model("spikingformer_4_384.cifar10", attention=word, depth=1, time_steps=4).double()
    x = random_input(model, 2)
    fused, fusion = fuse(model)
    torch.testing.assert_close(fused(x), model(x), rtol=0, atol=1e-9)
    # Transforms and softmax between real numbers have norms of their own, or behind no linear.
    left = {name for name in fusion.left if "attention" in name}
    assert all(name.rpartition(".")[2] == "norm" for name in left)
    assert bool(left) == (word in ("fourier", "haar", "divided", "spatial", "temporal", "joint"))


def test_the_page_has_every_word_in_its_table() -> None:
    page = (Path(__file__).parents[3] / "docs" / "attention.md").read_text()
    rows = [line for line in page.partition("## Words")[2].partition("\n## ")[0].splitlines() if line.startswith("| `")]
    words = [parse_word(word)[0] for row in rows for word in re.findall(r"`([^`]+)`", row.split("|")[1])]
    assert sorted(words) == sorted(ATTENTIONS)
