"""What an accelerator is given: matrix products, one sample's worth."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import pairwise
from math import prod
from typing import Literal

from spikeformers.errors import InputError
from spikeformers.measure.counting.counts import OPERATIONS, Count, Counts, Seen

Map = Literal["", "map", "keys first"]


@dataclass(frozen=True, kw_only=True)
class Workload:
    """One layer: for each time step and group, M x K inputs times K x (N / groups) weights or other activations.

    Args:
        name: of the layer.
        M: output positions.
        K: terms of a sum.
        N: outputs in all groups.
        groups: of a grouped convolution, or heads.
        time_steps: T.
        density: part of the operations whose operands are all other than zero.
        input_bits: bits of its inputs that are processed one after another: 1 for spikes; of a product of two
            activations, the product of both.
        weights: whether the second operand is stored weights rather than activations.
        membranes: membrane potentials of the neurons behind it.
        attention: of the first product of an attention, which one it is: Q K^T ("map") or K^T V ("keys first").
    """

    name: str
    M: int
    K: int
    N: int
    groups: int = 1
    time_steps: int = 1
    density: float = 1.0
    input_bits: int = 1
    weights: bool = True
    membranes: int = 0
    attention: Map = ""

    def __post_init__(self) -> None:
        for word in ("M", "K", "N", "groups", "time_steps", "input_bits"):
            if getattr(self, word) < 1:
                raise InputError(f"workload {self.name!r}: {word} must be at least 1, got {getattr(self, word)}.")
        if self.N % self.groups:
            raise InputError(f"workload {self.name!r}: {self.N} outputs cannot be split into {self.groups} groups.")
        if not 0 <= self.density <= 1:
            raise InputError(f"workload {self.name!r}: density is a part between 0 and 1, got {self.density}.")
        if self.membranes < 0:
            raise InputError(f"workload {self.name!r}: membranes must not be negative, got {self.membranes}.")

    @property
    def synaptic(self) -> int:
        """Operations without regard to bits: M K N T."""
        return self.M * self.K * self.N * self.time_steps

    @property
    def operations(self) -> int:
        """Operations of one bit of input."""
        return self.synaptic * self.input_bits


def workloads(counts: Counts, *, real_bits: int = 8) -> tuple[tuple[Workload, ...], tuple[str, ...]]:
    """The workloads of a counted model, and the names of its operations that are none.

    These are masks, and what plain modules do to something else than samples, or to all of them at once.

    Args:
        counts: from `measure.count`.
        real_bits: what a real operand, such as an image, is quantised to.

    Raises:
        InputError: the samples differ in size or in time steps, so that no schedule holds for all of them.
    """
    made: list[Workload] = []
    missing: list[str] = []
    products: list[tuple[str, range]] = []  # which module or function, and its calls one after another
    weighed: set[int] = set()
    for row in counts.rows:
        if row.kind == "neuron" and made:
            potentials = row.membranes // counts.samples
            made[-1] = replace(made[-1], membranes=made[-1].membranes + potentials)
        if row.shape is not None:
            made.append(_workload(row, real_bits))
            if row.kind == "product":
                _called(products, row, len(made) - 1)
            if made[-1].synaptic * counts.samples != row.dense_padded:
                raise InputError(
                    f"{row.name!r} was counted on samples of different sizes or numbers of time steps, which take "
                    "different cycles: count those of one size at a time."
                )
        elif row.kind in OPERATIONS:
            missing.append(row.name)
        elif row.kind == "softmax":
            weighed.add(len(made) - 1)
    for (_, calls), (_, following) in pairwise(products):
        if following.start == calls.stop and calls.start and not made[calls[-1]].membranes:
            order = _order(made[calls.start], made[calls.start - 1], calls[-1] in weighed)
            made[calls.start : calls.stop] = [replace(made[index], attention=order) for index in calls]
    return tuple(made), tuple(missing)


def _called(products: list[tuple[str, range]], row: Count, index: int) -> None:
    """Add a product; unrolled, one of a model here is called once for each pair of sub-steps."""
    if products and products[-1][0] == f"{row.name} {row.shape}" and products[-1][1].stop == index:
        products[-1] = products[-1][0], range(products[-1][1].start, index + 1)
    else:
        products.append((f"{row.name} {row.shape}", range(index, index + 1)))


def _workload(row: Count, real_bits: int) -> Workload:
    assert row.shape is not None
    M, K, N, groups = row.shape
    return Workload(
        name=row.name if row.call == 0 else f"{row.name} (call {row.call})",
        M=M,
        K=K,
        N=N,
        groups=groups,
        time_steps=row.time_steps,
        density=min(1.0, row.nonzero / row.dense_padded),
        input_bits=prod(_bits(seen, real_bits) for seen in row.seen),
        weights=row.kind != "product",
    )


def _bits(seen: Seen, real_bits: int) -> int:
    """Of the magnitude; a sign decides between adding and subtracting."""
    return real_bits if seen.highest is None else max(1, seen.highest.bit_length())


def _order(first: Workload, before: Workload, weighed: bool) -> Map:
    """Q K^T is summed over the channels of a head, K^T V over positions: as many as the layer before has outputs for.

    With as many positions as channels they look alike; softmax follows only the first, and models here take the second.
    """
    if weighed or (first.M == first.N // first.groups == before.M != first.K):
        return "map"
    return "keys first" if first.K == before.M else ""
