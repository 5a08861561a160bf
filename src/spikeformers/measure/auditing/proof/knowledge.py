"""What is known about tensors, kept for each storage.

Views need no rules then, and what is written through one view is known of all others.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.multiprocessing.reductions import StorageWeakRef

from spikeformers.measure.auditing.proof.sources import Fact, Source

OUTSIDE = Fact(None, (Source("outside"),))


class Knowledge:
    """Facts about storages; they keep no storage alive."""

    def __init__(self) -> None:
        self._facts: dict[StorageWeakRef, tuple[torch.dtype, Fact]] = {}
        self._ended: Source | None = None

    def learn(self, x: Tensor, fact: Fact) -> None:
        """Put down what holds for a tensor, and for whatever shares its memory."""
        if x.layout == torch.strided:
            self._facts[storage(x)] = x.dtype, fact

    def of(self, x: Tensor) -> Fact:
        """What is known about a tensor."""
        if x.layout != torch.strided:
            return OUTSIDE
        dtype, fact = self._facts.get(storage(x), (x.dtype, OUTSIDE))
        if self._ended is not None and fact.numbers is not None:
            return Fact(None, (self._ended,))
        # The same memory read as another type holds other numbers.
        return fact if dtype == x.dtype and not x.is_neg() and not x.is_conj() else OUTSIDE

    def overwrite(self, x: Tensor, fact: Fact) -> None:
        """Put down what is written into a tensor, which may be a part of its memory only."""
        if x.layout == torch.strided and not _covers(x):
            fact = self.of(x).joined(fact)
        self.learn(x, fact)

    def end(self, source: Source) -> None:
        """Know of no set of numbers from here on."""
        self._ended = self._ended or source


def storage(x: Tensor) -> StorageWeakRef:
    """The memory of a tensor. The reference keeps its identity from being given to another one."""
    return StorageWeakRef(x.untyped_storage())  # type: ignore[no-untyped-call]


def _covers(x: Tensor) -> bool:
    """Whether every element of a tensor's memory is one of its own."""
    order = sorted(range(x.dim()), key=x.stride, reverse=True)
    dense = x.permute(order).is_contiguous()
    return dense and x.numel() * x.element_size() == x.untyped_storage().nbytes()
