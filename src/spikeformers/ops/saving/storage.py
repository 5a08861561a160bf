"""Tensors as views of a storage: what they cover of it, and how to see it again."""

from __future__ import annotations

from math import prod
from typing import NamedTuple

import torch
from torch import Tensor
from torch.multiprocessing.reductions import StorageWeakRef

from spikeformers.ops.layout import is_dense


class Span(NamedTuple):
    """Elements of a storage."""

    start: int
    size: int


class View(NamedTuple):
    """How a tensor lies over the elements of a span."""

    size: torch.Size
    stride: tuple[int, ...]
    offset: int

    @classmethod
    def of(cls, tensor: Tensor, span: Span) -> View:
        """The view that a tensor is."""
        return cls(tensor.size(), tensor.stride(), int(tensor.storage_offset()) - span.start)

    def over(self, storage: torch.UntypedStorage, dtype: torch.dtype) -> Tensor:
        """The tensor over other memory."""
        return torch.empty(0, dtype=dtype, device=storage.device).set_(storage, self.offset, self.size, self.stride)


class Version(NamedTuple):
    """A storage's identity and content; the identity holds while a `StorageWeakRef` to it does."""

    identity: int
    version: int

    @classmethod
    def of(cls, tensor: Tensor) -> Version:
        """What a tensor shows now."""
        return cls(tensor.untyped_storage()._cdata, tensor._version)


def span_of(tensor: Tensor) -> Span | None:
    """What has to be kept for a tensor: all of its storage where it covers a good part of it, else its own part.

    None where it is scattered over a storage that is much larger.
    """
    whole, rest = divmod(tensor.untyped_storage().nbytes(), tensor.element_size())
    covered = prod(size for size, stride in zip(tensor.size(), tensor.stride(), strict=True) if stride != 0)
    # A quarter, so that a step of four or one of query, key and value shares what is kept with the others.
    if not rest and 4 * covered >= whole:
        return Span(0, whole)
    return Span(int(tensor.storage_offset()), tensor.numel()) if is_dense(tensor.size(), tensor.stride()) else None


def elements(tensor: Tensor, span: Span) -> Tensor:
    """A span of the tensor's storage [n]."""
    return View(torch.Size((span.size,)), (1,), span.start).over(tensor.untyped_storage(), tensor.dtype)


class Shared:
    """A storage that is there as long as somebody else needs it."""

    def __init__(self) -> None:
        self._weak: StorageWeakRef | None = None

    def get(self) -> torch.UntypedStorage | None:
        """The storage, or None where it is gone."""
        if self._weak is None:
            return None
        found: torch.UntypedStorage | None = torch.UntypedStorage._new_with_weak_ptr(self._weak.cdata)
        return found

    def set(self, storage: torch.UntypedStorage) -> None:
        """Another storage from now on."""
        self._weak = StorageWeakRef(storage)  # type: ignore[no-untyped-call]
