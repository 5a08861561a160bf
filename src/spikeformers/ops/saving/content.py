"""What is kept in place of a storage, and how it becomes that again."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.multiprocessing.reductions import StorageWeakRef

from spikeformers.ops.packing import Packed, pack, unpack
from spikeformers.ops.saving.storage import Shared, Span, View, elements


class Content(ABC):
    """Elements of a storage as they were when a tensor over them was saved; all tensors over them share one.

    Args:
        tensor: one of them.

    Attributes:
        payload: what is kept, or None where there is no tensor to be kept, or where somebody else keeps it.
    """

    payload: Tensor | None = None

    def __init__(self, tensor: Tensor) -> None:
        # While this is held, no other storage gets the identity of this one, even when its memory is long gone.
        self._source = StorageWeakRef(tensor.untyped_storage())  # type: ignore[no-untyped-call]
        self._dtype = tensor.dtype
        self._expanded = Shared()

    def view(self, view: View, payload: Tensor | None) -> Tensor:
        """A tensor over the elements; who asks while another is in use gets the same memory."""
        storage = self._expanded.get()
        if storage is None:
            with torch.no_grad():
                storage = self._expand(payload).untyped_storage()
            self._expanded.set(storage)
        return view.over(storage, self._dtype)

    @abstractmethod
    def _expand(self, payload: Tensor | None) -> Tensor:
        """The elements, in memory that begins with them."""


class PackedContent(Content):
    """Spikes or small integers, nothing lost."""

    def __init__(self, tensor: Tensor, packed: Packed) -> None:
        super().__init__(tensor)
        self.payload = packed.data
        self._form = packed._replace(data=packed.data.new_empty(0))

    @classmethod
    def of(cls, tensor: Tensor, span: Span) -> PackedContent | None:
        """None where something would be lost."""
        packed = pack(elements(tensor, span))
        return None if packed is None else cls(tensor, packed)

    def _expand(self, payload: Tensor | None) -> Tensor:
        assert payload is not None
        return unpack(self._form._replace(data=payload))


class RoundedContent(Content):
    """Real values as bfloat16: eight significant bits, the range of float32."""

    def __init__(self, tensor: Tensor, span: Span) -> None:
        super().__init__(tensor)
        self.payload = elements(tensor, span).to(torch.bfloat16)

    def _expand(self, payload: Tensor | None) -> Tensor:
        assert payload is not None
        return payload.to(self._dtype)


class _Autocast(NamedTuple):
    """The autocast of a moment."""

    device: str
    dtype: torch.dtype
    enabled: bool

    @classmethod
    def now(cls, device: str) -> _Autocast:
        return cls(device, torch.get_autocast_dtype(device), torch.is_autocast_enabled(device))

    def again(self) -> torch.autocast:
        # The cache is left alone: weights may have changed since it was filled.
        return torch.autocast(self.device, self.dtype, self.enabled, cache_enabled=False)


class RemadeContent(Content):
    """The output of a function, of which only the input is kept.

    Args:
        tensor: the output; all of its storage is its own.
        function: what made it, under the autocast of now.
        unpack_input: gives the function's input.
    """

    def __init__(self, tensor: Tensor, function: Callable[[Tensor], Tensor], unpack_input: Callable[[], Any]) -> None:
        super().__init__(tensor)
        self._function, self._unpack_input = function, unpack_input
        self._autocast = _Autocast.now(tensor.device.type)
        self._size, self._stride = tensor.size(), tensor.stride()

    def _expand(self, payload: Tensor | None) -> Tensor:
        with self._autocast.again():
            made = self._function(self._unpack_input())
        if made.stride() == self._stride and made.storage_offset() == 0:
            return made
        return torch.empty_strided(self._size, self._stride, dtype=made.dtype, device=made.device).copy_(made)
