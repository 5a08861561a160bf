"""The peers are the networks that our models are: the same logits, gradients and statistics in float64."""

from __future__ import annotations

import warnings
from typing import Any

import pytest
import torch

from spikeformers import create_model

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # of what SpikingJelly imports
    functional = pytest.importorskip("spikingjelly.activation_based.functional", reason="needs SpikingJelly 2")

from benchmarks.peers import meta_spikeformer, spikformer

SMALL: dict[str, tuple[Any, Any, dict[str, Any]]] = {
    "spikformer_4_384.cifar10": (spikformer.Spikformer, spikformer.from_ours, {"dim": 48, "depth": 2, "heads": 4}),
    "spikformer_8_512.imagenet": (
        spikformer.Spikformer,
        spikformer.from_ours,
        {"dim": 48, "depth": 1, "heads": 4, "image_size": (32, 32), "num_classes": 7},
    ),
    "meta_spikeformer_15m_t4.imagenet": (
        meta_spikeformer.MetaSpikeFormer,
        meta_spikeformer.from_ours,
        {"dims": (8, 16, 16, 24), "image_size": (32, 32), "num_classes": 7, "depths_by_stage": (1, 1, 2, 2, 1)},
    ),
}


def pair(name: str, words: dict[str, Any]) -> tuple[Any, Any]:
    """Our model and its peer with the same random parameters and statistics in float64."""
    ours = create_model(name, **words).double()
    for parameter in ours.parameters():
        torch.nn.init.normal_(parameter, std=0.3)
    for key, buffer in ours.named_buffers():
        if key.endswith("running_var"):
            buffer.uniform_(0.1, 0.5)
        elif key.endswith("running_mean"):
            buffer.normal_(std=0.1)
    for module in ours.modules():
        if isinstance(module, torch.nn.BatchNorm2d) or type(module).__name__ == "BatchNorm":
            torch.nn.init.uniform_(module.weight, 0.5, 1.5)
    build, from_ours, _ = SMALL[name]
    peer = build(ours.config).double()
    peer.load_state_dict(from_ours(ours.state_dict()))
    return ours, peer


@pytest.mark.parametrize("name", SMALL)
@pytest.mark.parametrize("training", [False, True])
def test_peer_is_our_network(name: str, training: bool) -> None:
    torch.manual_seed(0)
    ours, peer = pair(name, SMALL[name][2])
    x = torch.randn(3, 3, 32, 32, dtype=torch.float64)
    logits, theirs = ours.train(training)(x), peer.train(training)(x)
    functional.reset_net(peer)
    # A network that never fires gives every image the same, and would agree with anything.
    assert logits.detach().std(0).max() > 1e-3
    # Sums in another order: rounding of float64 only, as long as no spike flips.
    torch.testing.assert_close(theirs, logits, rtol=1e-9, atol=1e-9)
    if training:
        state, other = SMALL[name][1](ours.state_dict()), peer.state_dict()
        for key in state:
            torch.testing.assert_close(other[key], state[key], rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("name", SMALL)
def test_peer_has_our_gradients(name: str) -> None:
    torch.manual_seed(1)
    ours, peer = pair(name, SMALL[name][2])
    x, target = torch.randn(3, 3, 32, 32, dtype=torch.float64), torch.tensor([0, 1, 2])
    for model in (ours, peer):
        torch.nn.functional.cross_entropy(model.train()(x), target).backward()
    grads = SMALL[name][1]({key: p.grad for key, p in ours.named_parameters()})
    for key, parameter in peer.named_parameters():
        # Relative to the largest entry: biases in front of norms have no true gradient, only rounding.
        scale = max(grads[key].abs().max().item(), 1e-3)
        assert (parameter.grad - grads[key]).abs().max() <= 1e-8 * scale, key


def test_sizes_are_the_papers() -> None:
    config = create_model("meta_spikeformer_15m_t4.imagenet").config
    peer = meta_spikeformer.MetaSpikeFormer(config)
    assert sum(p.numel() for p in peer.parameters()) == 15_112_208
