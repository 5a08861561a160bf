"""Operations on the sub-steps of integers: the same numbers, from zeros and ones alone."""

from __future__ import annotations

from math import prod

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn

from spikeformers.errors import ConfigError
from spikeformers.layers import (
    BINARY,
    REAL,
    TERNARY,
    Classifier,
    Conv2d,
    Linear,
    Mask,
    MatrixProduct,
    OpSpec,
    Values,
    integers,
)
from spikeformers.layers.sub_steps import SubSteps, has_sub_steps, sub_steps_needed

T, B, C, K = 2, 3, 4, 6


def drawn(values: Values, *shape: int, seed: int = 0) -> Tensor:
    """Integers that values declare, the highest among them, times their scale."""
    highest = 20 if values.highest is None else values.highest
    counts = torch.randint(0, highest + 1, shape, generator=torch.Generator().manual_seed(seed))
    counts.view(-1)[:2] = torch.tensor([highest, 0])
    return counts.double() * values.scale


def seen_by(module: SubSteps, *operands: Tensor) -> tuple[Tensor, list[tuple[Tensor, ...]]]:
    """What comes out, and the operands of every call of the operation inside."""
    calls: list[tuple[Tensor, ...]] = []
    handle = module.operation.register_forward_pre_hook(lambda operation, inputs: calls.append(inputs))
    out = module(*operands)
    handle.remove()
    return out, calls


def weighted(kind: str, inputs: Values, bias: bool) -> tuple[nn.Module, tuple[int, ...]]:
    torch.manual_seed(0)
    module: nn.Module
    if kind == "classifier":
        module, shape = Classifier(C, K, inputs=inputs, init="kaiming_uniform"), (T, B, C)
    elif kind == "linear":
        module = Linear(C, K, inputs=inputs, bias=bias, init="kaiming_uniform")
        return module.double(), (T, B, C, 3, 5)
    else:
        groups = C if kind == "depthwise" else 1
        module = Conv2d(C, C * 2, inputs=inputs, groups=groups, stride=2, bias=bias)
        return module.double(), (T, B, C, 3, 5)
    return module.double(), shape


@pytest.mark.parametrize(
    "values", [integers(4), integers(4, scale=0.25), integers(3, scale=1 / 3), integers(7)], ids=str
)
@pytest.mark.parametrize("bias", [False, True])
@pytest.mark.parametrize("kind", ["conv", "depthwise", "linear", "classifier"])
def test_a_weighted_operation(kind: str, bias: bool, values: Values) -> None:
    operation, shape = weighted(kind, values, bias)
    x = drawn(values, *shape)
    expected = operation(x)
    D = values.highest
    assert D is not None
    assert sub_steps_needed(operation) == (D,)
    unrolled = SubSteps(operation, (D,))
    out, calls = seen_by(unrolled, x)
    # Up to four sums of four or 36 numbers up to 4, in another order.
    torch.testing.assert_close(out, expected, rtol=0, atol=1e-13)
    assert len(calls) == D
    assert all(BINARY.hold(operand) for (operand,) in calls)
    total = sum(operand for (operand,) in calls)
    torch.testing.assert_close(total, x / values.scale, rtol=0, atol=1e-12)
    spec = operation.op_spec()  # type: ignore[operator]
    assert (spec.inputs, spec.sub_steps) == ((BINARY,), (D,))
    assert sub_steps_needed(operation) == ()


@pytest.mark.parametrize("given", [4, 5, 9])
def test_idle_sub_steps_change_nothing(given: int) -> None:
    operation, shape = weighted("linear", integers(4), bias=True)
    x = drawn(integers(4), *shape)
    expected = operation(x)
    out, calls = seen_by(SubSteps(operation, (given,)), x)
    torch.testing.assert_close(out, expected, rtol=0, atol=1e-13)
    assert len(calls) == given
    assert not any(operand.any() for (operand,) in calls[4:])


PAIRS = [
    (integers(4), integers(3), (4, 3)),
    (integers(4, scale=0.25), integers(2, scale=1 / 3), (4, 2)),
    (integers(4, scale=0.25), integers(None, scale=0.5), (4, 1)),
    (BINARY, integers(3), (1, 3)),
]


@pytest.mark.parametrize(("left", "right", "steps"), PAIRS)
@pytest.mark.parametrize("scale", [1.0, 0.125])
@pytest.mark.parametrize("kind", ["product", "mask"])
def test_a_product_takes_every_pair_of_sub_steps(
    kind: str, scale: float, left: Values, right: Values, steps: tuple[int, ...]
) -> None:
    operation = (MatrixProduct if kind == "product" else Mask)(left, right, scale=scale)
    values = operation.values
    a, b = drawn(left, T, B, 5, 5), drawn(right, T, B, 5, 5, seed=1)
    expected = operation(a, b)
    assert values.hold(expected)
    assert sub_steps_needed(operation) == steps
    out, calls = seen_by(SubSteps(operation, steps), a, b)
    torch.testing.assert_close(out, expected, rtol=0, atol=1e-12)
    assert len(calls) == prod(steps)
    spec = operation.op_spec()
    whole = [values if not has_sub_steps(values) else BINARY for values in (left, right)]
    assert list(spec.inputs) == whole
    assert spec.sub_steps == steps
    assert all(values.hold(operand) for call in calls for values, operand in zip(whole, call, strict=True))
    factors = [values.scale for values in (left, right) if has_sub_steps(values)]
    assert spec.scale == pytest.approx(scale * prod(factors))


@given(st.integers(1, 9), st.sampled_from([1.0, 0.1, 1 / 3, 1 / 7]), st.integers(0, 10**6))
def test_any_integers(highest: int, scale: float, seed: int) -> None:
    values = integers(highest, scale=scale)
    operation = Linear(3, 2, inputs=values, init="kaiming_uniform").double()
    x = drawn(values, 2, 1, 3, 4, seed=seed)
    expected = operation(x)
    torch.testing.assert_close(SubSteps(operation, (highest,))(x), expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize("values", [BINARY, TERNARY, REAL, integers(None), integers(3, signed=True)], ids=str)
def test_what_has_no_sub_steps(values: Values) -> None:
    assert not has_sub_steps(values)
    assert sub_steps_needed(Linear(2, 2, inputs=values)) == ()


def test_what_is_no_operation_has_none() -> None:
    assert sub_steps_needed(nn.ReLU()) == ()


class Power(nn.Module):
    """An operation of a user's own, without a rule."""

    def op_spec(self) -> OpSpec:
        return OpSpec(kind="mask", inputs=(integers(2), integers(2)))


def test_an_operation_without_a_rule_says_how_to_add_one() -> None:
    assert sub_steps_needed(Power()) == (2, 2)
    with pytest.raises(ConfigError, match=r"Power is fed integers, .*\.run_on_spikes\.register"):
        SubSteps(Power(), (2, 2))
