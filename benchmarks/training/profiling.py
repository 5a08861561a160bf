"""Where the time of a training step goes: what PyTorch's profiler says, summed by kind of work.

The time an operation itself takes counts for the nearest kind among it and what called it, so that a small operation
inside of an optimizer's step is the optimizer's. Packing of what is kept is done by whoever keeps it. The profiler
itself slows small operations: shares are rough.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from torch.autograd.profiler_util import FunctionEvent
from torch.profiler import ProfilerActivity, profile

from benchmarks.training.rows import ROWS, Trainer, Work

STEPS = 3
REST = "all else"
# By what the names of operations contain; the first that fits.
KINDS = {
    "optimizer": ("Optimizer.",),
    "norm and neuron": ("norm_lif", "spikeformers::lif", "spikeformers_lif", "batch_norm"),
    "attention": ("product_attention", "bmm"),
    "pooling": ("max_pool",),
    "matrix products and look-ups": ("convolution", "Convolution", "linear", "aten::mm", "addmm", "aten::matmul"),
}


def where_time_goes(work: Work, rows: Sequence[str]) -> dict[str, Any]:
    """Milliseconds a step of each row spends on each kind of work."""
    return {name: _profiled(Trainer(ROWS[name], work)) for name in rows}


def _profiled(trainer: Trainer) -> dict[str, float]:
    for _ in range(2):
        trainer.step()
    with profile(activities=[ProfilerActivity.CPU]) as profiler:
        for _ in range(STEPS):
            trainer.step()
    spent: Counter[str] = Counter()
    for event in profiler.events() or ():
        spent[_kind(event)] += event.self_cpu_time_total / 1000 / STEPS
    return dict(spent.most_common())


def _kind(event: FunctionEvent | None) -> str:
    while event is not None:
        for kind, parts in KINDS.items():
            if any(part in event.name for part in parts):
                return kind
        event = event.cpu_parent
    return REST
