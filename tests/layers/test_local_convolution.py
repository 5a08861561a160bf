"""Local convolutions: two residuals inside, whatever the shortcut, and the values they declare."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from spikeformers.layers import BINARY, REAL, LocalConvolution, Shortcut, Values, Vocabulary, build_join, integers
from spikeformers.layers.norms import BatchNorm
from spikeformers.layers.residual import joined_values

T, B, C = 3, 2, 6
STREAMS = {"sew": integers(2), "membrane": REAL, "vanilla": BINARY, "iand": BINARY}


def build(shortcut: Shortcut = "sew", ratio: float = 4.0) -> LocalConvolution:
    torch.manual_seed(0)
    module = LocalConvolution(
        C, ratio=ratio, inputs=STREAMS[shortcut], vocabulary=Vocabulary(), shortcut=shortcut
    ).double()
    for norm in module.modules():
        if isinstance(norm, BatchNorm):
            norm.bias.data.uniform_(0.5, 2)
    return module.eval()


def stream(values: Values) -> Tensor:
    generator = torch.Generator().manual_seed(1)
    if values.kind == "real":
        return torch.randn(T, B, C, 5, 4, dtype=torch.float64, generator=generator)
    assert values.highest is not None
    return torch.randint(0, values.highest + 1, (T, B, C, 5, 4), generator=generator).double()


def test_both_branches_are_added_to_what_reaches_them() -> None:
    module, x = build(), stream(integers(2))
    y = x + module.depthwise(x)
    assert torch.equal(module(x), y + module.separable(y))
    assert 0 < module.depthwise(x).mean() < 1
    assert 0 < module.separable(y).mean() < 1


def test_parameters_by_hand() -> None:
    """DW: 9 C and a norm of 2 C; then C -> r C -> C with norms, and 9 r C in the middle."""
    for ratio in (1, 4):
        expected = 11 * C + ratio * C * (C + 2) + ratio * C * (9 + 2) + C * (ratio * C + 2)
        assert sum(p.numel() for p in build(ratio=ratio).parameters()) == expected
    assert build(ratio=2.5).separable.units[1].conv.weight.shape == (15, 1, 3, 3)


@pytest.mark.parametrize("shortcut", list(STREAMS))
def test_declared_values_hold_inside_and_behind_the_outer_sum(shortcut: Shortcut) -> None:
    module, inputs = build(shortcut), STREAMS[shortcut]
    x = stream(inputs)
    assert module.depthwise.conv.inputs == (BINARY if shortcut == "membrane" else inputs)
    out = module(x)
    assert module.values.hold(out)
    joined = build_join(shortcut, Vocabulary())(x, out)
    behind = joined_values(shortcut, inputs, Vocabulary(), module)
    assert behind.hold(joined)
    if shortcut == "sew":  # twice the stream, and the spikes of two branches
        assert (module.values, behind) == (integers(4), integers(6))
        assert joined.max() > 4
    assert out.any()
