"""LayerNorm over channels: each position, time step and sample by itself."""

from __future__ import annotations

import pytest
import torch

from spikeformers.layers import LayerNorm


@pytest.mark.parametrize("shape", [(3, 2, 6, 5), (3, 2, 6, 4, 5), (3, 2, 6)])
def test_every_position_is_normalised_over_its_channels(shape: tuple[int, ...]) -> None:
    torch.manual_seed(0)
    norm = LayerNorm(6).double()
    torch.nn.init.normal_(norm.weight)
    torch.nn.init.normal_(norm.bias)
    x = torch.randn(shape, dtype=torch.float64)
    out = norm(x)
    assert out.shape == x.shape
    rows, normed = x.movedim(2, 0).flatten(1), out.movedim(2, 0).flatten(1)  # [C, everything else]
    for row, found in zip(rows.unbind(1), normed.unbind(1), strict=True):
        centred = row - row.sum() / 6
        expected = centred / (centred.square().sum() / 6 + 1e-6).sqrt() * norm.weight + norm.bias
        torch.testing.assert_close(found, expected, rtol=0, atol=1e-12)


def test_eps_is_that_of_vision_transformers() -> None:
    # A variance of 1e-6 is halved by an eps of 1e-6 and drowned by PyTorch's own, 1e-5.
    x = torch.tensor([-1e-3, 1e-3], dtype=torch.float64).view(1, 1, 2, 1)
    expected = torch.tensor([-(0.5**0.5), 0.5**0.5], dtype=torch.float64).view(1, 1, 2, 1)
    torch.testing.assert_close(LayerNorm(2).double()(x), expected, rtol=0, atol=1e-12)


def test_training_and_eval_mode_are_alike() -> None:
    torch.manual_seed(0)
    norm, x = LayerNorm(4), torch.randn(2, 3, 4, 5)
    assert torch.equal(norm.train()(x), norm.eval()(x))
    assert not list(norm.buffers())
