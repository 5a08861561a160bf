"""How much of a device's memory bandwidth the fused batch norm and LIF reach, in bfloat16, forward and backward.

Counted are the bytes their passes over [T, B, C, N] cannot do without: forward reads the input for the moments, reads
it again and writes the spikes; backward reads input and gradient twice, once for the sums and the neuron's gradient and
once for the way through the norm, and writes twice. The yardstick is PyTorch's copy of one large tensor. Times are
those of the whole operator, with what it does for each channel and the launches of its kernels.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from benchmarks.training.spread import interleaved
from spikeformers.ops import Dynamics
from spikeformers.ops.norm_lif import norm_lif

SHAPES = ((4, 32, 64, 224 * 224), (4, 32, 512, 196), (4, 32, 2048, 196))  # of Spikformer-8-512 at 224, batch 32
PASSES = {"forward": 3, "backward": 6}
COPIED = 2**29  # elements, 1 GiB: no cache holds them

Works = dict[str, tuple[Callable[[], object], int]]  # what runs, and how many bytes it moves


def bandwidth(
    shapes: Sequence[Sequence[int]], rounds: int, device: str = "cuda", copied: int = COPIED, repeats: int = 10
) -> dict[str, Any]:
    """GB/s of the copy, and of each shape, memory layout and direction; the latter also as a share of the former."""
    copy = _rates(_copy(copied, device), rounds, device, repeats)["copy"]
    found: dict[str, Any] = {"copy": copy}
    for shape in shapes:
        for layout in ("contiguous", "channels last"):
            rates = _rates(_works(_laid_out(shape, layout, device)), rounds, device, repeats)
            found[f"{list(shape)} {layout}"] = {
                name: {**rate, "share": rate["gigabytes_per_second"] / copy["gigabytes_per_second"]}
                for name, rate in rates.items()
            }
    return found


def _copy(elements: int, device: str) -> Works:
    source = torch.zeros(elements, dtype=torch.bfloat16, device=device)
    target = torch.empty_like(source)
    return {"copy": (lambda: target.copy_(source), 2 * source.nbytes)}


def _laid_out(shape: Sequence[int], layout: str, device: str) -> Tensor:
    T, B, C, N = shape
    if layout == "contiguous":
        return torch.randn(T, B, C, N, dtype=torch.bfloat16, device=device)
    return torch.randn(T, B, N, C, dtype=torch.bfloat16, device=device).transpose(2, 3)


def _works(y: Tensor) -> Works:
    weight, bias = (make(y.shape[2], device=y.device).requires_grad_() for make in (torch.ones, torch.zeros))
    inputs, dynamics = (y.requires_grad_(), weight, bias), Dynamics()
    out = norm_lif(*inputs, dynamics).out
    gradient = torch.randn_like(out)

    @torch.no_grad()
    def forward() -> None:
        norm_lif(*inputs, dynamics)

    def backward() -> None:
        torch.autograd.grad(out, inputs, gradient, retain_graph=True)

    return {
        "forward": (forward, PASSES["forward"] * y.nbytes),
        "backward": (backward, PASSES["backward"] * y.nbytes),
    }


def _rates(works: Works, rounds: int, device: str, repeats: int) -> dict[str, dict[str, float]]:
    def finished(work: Callable[[], object]) -> Callable[[], None]:
        def run() -> None:
            for _ in range(repeats):
                work()
            if device != "cpu":
                torch.cuda.synchronize()

        return run

    times = interleaved({name: finished(work) for name, (work, _) in works.items()}, rounds)
    milliseconds = {name: times[name]["wall"]["median"] / repeats for name in works}
    return {
        name: {
            "milliseconds": milliseconds[name],
            "mad": times[name]["wall"]["mad"] / repeats,
            "gigabytes_per_second": moved / milliseconds[name] / 1e6,
        }
        for name, (_, moved) in works.items()
    }
