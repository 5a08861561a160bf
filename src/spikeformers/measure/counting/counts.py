"""What was counted: plain data, one row for each call of each operation."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any, Literal

from spikeformers.layers.values import Kind

OpKind = Literal["convolution", "linear", "product", "mask", "norm", "pool", "add", "neuron", "softmax"]
OPERATIONS: tuple[OpKind, ...] = ("convolution", "linear", "product", "mask")
KINDS: tuple[OpKind, ...] = (*OPERATIONS, "norm", "pool", "add", "neuron", "softmax")


@dataclass(frozen=True, kw_only=True)
class Seen:
    """What one operand held, over all samples.

    Args:
        kind: the smallest of binary {0, 1}, ternary {-1, 0, 1}, integer and real that holds it, after division by the
            scale.
        highest: largest absolute integer; None where real.
        scale: declared constant factor, folded into the weights.
        zeros, elements: how many.
        total: sum of the absolute integers; None where real.
    """

    kind: Kind
    highest: int | None
    scale: float
    zeros: int
    elements: int
    total: int | None

    @property
    def rate(self) -> float:
        """Mean absolute integer, of binary values the firing rate; 1 where real, 0 of no elements."""
        return 1.0 if self.total is None else self.total / max(self.elements, 1)


@dataclass(frozen=True, kw_only=True)
class Count:
    """One call of one operation in a forward pass, summed over the samples of all batches.

    Args:
        name, call: our name of the module, and which of its calls in one pass: 0, 1, ...
        kind: "convolution", "linear", "product", "mask", or, of what lies between operations, "norm", "pool", "add",
            "neuron" (or any function of each element), "softmax".
        time_steps: T of its input; 1 where it has no time axis of its own (plain modules, heads behind the mean over
            time, attention over time).
        dense: operations of operands without zeros: multiplications of two elements; of a norm, addition, neuron or
            softmax the elements of its result, of a pool the elements its windows read. Padding is not counted.
        dense_padded: the same by the usual formulas, which count the padding.
        nonzero: those on elements other than zero: non-zero inputs times the non-zero weights they meet, pairs both
            non-zero of a product, mask or addition, non-zero inputs otherwise.
        events: sum of absolute integers (scales folded) times non-zero weights they meet, or of their products; None
            where an operand is real, and between operations.
        nonzero_by_step, events_by_step: the same for each time step.
        seen: what each operand of an operation held; () between operations.
        declared: what each operand is meant to hold; "" of a plain module, () between operations.
        binary_calls, calls: batches in which every element of every operand was -1, 0 or 1, of all batches.
        neurobench_acs, neurobench_macs: `nonzero` of those batches and of the others: NeuroBench's rule.
        weights: elements of the weights.
        weights_read: the same for each sample and time step.
        inputs, outputs: elements of the operands and of the result.
        bias: whether a bias is added.
        first: whether it reads the model's input (or the encoded frames) itself.
        shape: of an operation but a mask, (M, K, N, groups) for one sample and time step: M positions, sums of K terms,
            N outputs in all groups, so that M K N is dense_padded; None where it is fed something else than samples.
        membranes: membrane potentials that are kept and updated, once each time step; 0 of what remembers nothing.
        silent: zeros among the results of a neuron; 0 of all other kinds, where they are not counted.
    """

    name: str
    call: int
    kind: OpKind
    time_steps: int
    dense: int
    dense_padded: int
    nonzero: int
    events: int | None
    nonzero_by_step: tuple[int, ...]
    events_by_step: tuple[int, ...] | None
    seen: tuple[Seen, ...] = ()
    declared: tuple[str, ...] = ()
    binary_calls: int = 0
    calls: int = 1
    neurobench_acs: int = 0
    neurobench_macs: int = 0
    weights: int = 0
    weights_read: int = 0
    inputs: int
    outputs: int
    bias: bool = False
    first: bool = False
    shape: tuple[int, int, int, int] | None = None
    membranes: int = 0
    silent: int = 0

    def to_dict(self) -> dict[str, Any]:
        """Plain values."""
        return asdict(self)


@dataclass(frozen=True, kw_only=True)
class Batch:
    """Totals of one batch over convolutions, linears, products and masks."""

    samples: int
    dense: int
    nonzero: int


@dataclass(frozen=True, kw_only=True)
class Spread:
    """A quantity per sample: its mean over all samples, and the standard deviation of the batches' means.

    Args:
        mean: over all samples.
        deviation: of the batches' means per sample (n - 1); None of one batch.
    """

    mean: float
    deviation: float | None


@dataclass(frozen=True, kw_only=True)
class Counts:
    """A model, counted.

    Args:
        rows: in order of execution.
        samples: how many were counted.
        by_batch: totals of each batch.
        name: catalogue name of the model, or its class where it has none.
        system: published system it is, where it is one.
        fused: whether its norms are folded into its weights, and how ("norms", "rep_conv"); None of others.
        uncounted: modules with parameters that were run and that nothing is known about: what they do is missing here.
    """

    rows: tuple[Count, ...]
    samples: int
    by_batch: tuple[Batch, ...] = ()
    name: str = ""
    system: str | None = None
    fused: str | None = None
    uncounted: tuple[str, ...] = ()

    @property
    def batches(self) -> int:
        """How many batches."""
        return len(self.by_batch)

    def total(self, quantity: str = "nonzero", kinds: Iterable[OpKind] = OPERATIONS) -> int:
        """Sum of a quantity of `Count` over the rows of these kinds, of all samples; a missing one counts as 0."""
        wanted = tuple(kinds)
        return sum(getattr(row, quantity) or 0 for row in self.rows if row.kind in wanted)

    @property
    def activation_sparsity(self) -> float | None:
        """Part of the outputs of all neurons (and functions of each element) that is zero; None without neurons.

        NeuroBench's metric of that name, where it is told which modules are activations, on batches of one size.
        """
        outputs = self.total("outputs", ["neuron"])
        return self.total("silent", ["neuron"]) / outputs if outputs else None

    def spread(self, quantity: Literal["dense", "nonzero"] = "nonzero") -> Spread:
        """Operations per sample."""
        mean = sum(getattr(batch, quantity) for batch in self.by_batch) / self.samples
        if self.batches < 2:
            return Spread(mean=mean, deviation=None)
        means = [getattr(batch, quantity) / batch.samples for batch in self.by_batch]
        middle = sum(means) / len(means)
        variance = sum((each - middle) ** 2 for each in means) / (len(means) - 1)
        return Spread(mean=mean, deviation=math.sqrt(variance))

    def to_dict(self) -> dict[str, Any]:
        """Plain values."""
        return asdict(self)
