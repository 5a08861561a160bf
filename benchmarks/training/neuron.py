"""The LIF neuron alone, beside SpikingJelly's, on shapes of Spikformer's layers: one thread, CPU time of the process.

"to bits" is the kernel that norms, convolutions and linears feed: spikes of one bit into memory that is there already.
SpikingJelly's neuron has no such place to write to, and allocates. "kernels" runs forward to bits and backward into
memory that is there; "autograd" is what a user calls.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch

from benchmarks.training.spread import interleaved, ratios
from spikeformers.ops import Dynamics, lif
from spikeformers.ops.layout import flat
from spikeformers.ops.lif import native

SHAPES = ((4, 1, 512, 196), (4, 1, 2048, 196), (4, 1, 64, 224 * 224), (4, 32, 384, 64))
PEER = "SpikingJelly"


def neurons(shapes: Sequence[Sequence[int]], rounds: int) -> dict[str, Any]:
    """Milliseconds and ratios of forward, and of forward and backward, by shape."""
    found = {}
    for shape in shapes:
        repeats = max(1, 2_000_000 // torch.Size(shape).numel())  # so that a clock has something to measure
        for what, works in (("forward", _forward(shape)), ("forward and backward", _both(shape))):
            rows = interleaved(works, rounds, repeats=repeats)
            found[f"{list(shape)} {what}"] = {"rows": rows, "ratios": ratios(rows, PEER, "cpu")}
    return found


def _forward(shape: Sequence[int]) -> dict[str, Callable[[], object]]:
    from spikingjelly.activation_based import functional

    from benchmarks.peers.parts import lif as peer

    x, dynamics, node = torch.randn(*shape), Dynamics(), peer()
    bits, out = torch.empty(-(-x.numel() // 8), dtype=torch.uint8), torch.empty_like(x)

    @torch.no_grad()
    def theirs() -> None:
        node(x)
        functional.reset_net(node)

    return {
        PEER: theirs,
        "to bits": lambda: native.forward(x, flat(x), dynamics, bits=bits),
        "to float32": lambda: native.forward(x, flat(x), dynamics, out=out),
    }


def _both(shape: Sequence[int]) -> dict[str, Callable[[], object]]:
    from spikingjelly.activation_based import functional

    from benchmarks.peers.parts import lif as peer

    x, gradient, dynamics, node = torch.randn(*shape), torch.randn(*shape), Dynamics(), peer()
    bits, grad_x, leaf = torch.empty(-(-x.numel() // 8), dtype=torch.uint8), torch.empty_like(x), x.clone()
    leaf.requires_grad_()

    def theirs() -> None:
        torch.autograd.grad(node(leaf), leaf, gradient)
        functional.reset_net(node)

    def kernels() -> None:
        native.forward(x, flat(x), dynamics, bits=bits)
        native.backward(x, flat(x), dynamics, grad_out=gradient, grad_x=grad_x)

    def autograd() -> None:
        torch.autograd.grad(lif(leaf, keep_last=False)[0], leaf, gradient)

    return {PEER: theirs, "kernels": kernels, "autograd": autograd}
