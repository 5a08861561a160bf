"""The context in which autograd keeps what it saves in fewer bytes."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Any, Final, NamedTuple

import torch
from torch import Tensor
from torch.multiprocessing.reductions import StorageWeakRef
from torch.utils._python_dispatch import _get_current_dispatch_mode

from spikeformers.ops.saving.content import Content, PackedContent, RemadeContent, RoundedContent
from spikeformers.ops.saving.storage import Span, Version, View, span_of
from spikeformers.ops.saving.words import PreActivations, checked

LEAST_BYTES: Final = 16384  # a tensor with less is not worth the look at it

_OVERWRITTEN = (
    "a tensor that the backward pass needs has been modified by an in-place operation since it was saved: it is at "
    "version {now}, and was saved at version {then}, shape {shape}, {dtype}. Make a copy before it is modified."
)


def compact_saving(
    pre_activations: PreActivations = "exact", *, least_bytes: int = LEAST_BYTES
) -> AbstractContextManager[object]:
    """Keep what autograd saves while this is entered in fewer bytes.

    Tensors whose values are all 0 or 1 become bits, those that are all integers from 0 to 255 bytes, in
    float32, bfloat16, float16 and float64 alike; this is verified, and everything else is kept as it is. Gradients are
    the same to the bit, also those of gradients. Hooks on saved tensors that are there already (`save_on_cpu`, a
    checkpoint around all of it) get what is kept in place of the tensors.

    Directly inside another one, under a tracer (`torch.compile`, `torch.export`, `torch.func`) or under a dispatch mode
    it does nothing. Entered around a compiled model it works on what that saves.

    Args:
        pre_activations: what becomes of tensors given to `mark_pre_activation`: "exact" keeps them as they are,
            "bfloat16" rounds them to it, "recompute" keeps what is needed to make them again.
        least_bytes: tensors with fewer are kept as they are.

    Raises:
        ConfigError: another word.
    """
    word = checked(pre_activations)
    return nullcontext() if torch.compiler.is_compiling() or _out_of_place() else _Saving(word, least_bytes)


def mark_pre_activation(tensor: Tensor, function: Callable[[Tensor], Tensor] | None = None, *inputs: Tensor) -> None:
    """Point out a tensor about to be saved as the real-valued input of a norm or a neuron.

    Args:
        tensor: the output of an operation, which nothing modifies from now on.
        function: makes it again from `inputs`, without random numbers and without moving a buffer; it must hold none of
            the inputs itself. None where it cannot be made again.
        inputs: the function's one argument.
    """
    # A compiled program decides by itself what it keeps.
    if not torch.compiler.is_compiling() and (saving := _entered()) is not None:
        saving.mark(tensor, function, *inputs)


class _Untouched(NamedTuple):
    tensor: Any  # what hooks below us made of it, where there are some
    version: int


class _Compacted(NamedTuple):
    content: Content
    payload: Any  # what hooks below us made of the content's
    view: View


class _Mark(NamedTuple):
    identity: StorageWeakRef  # held so that no other storage gets it
    remade: RemadeContent | None


class _Saving:
    """The hooks of one forward pass."""

    def __init__(self, pre_activations: PreActivations, least_bytes: int) -> None:
        self._pre_activations, self._least_bytes = pre_activations, least_bytes
        self._contents: dict[tuple[Version, Span, torch.dtype], Content] = {}
        self._marked: dict[Version, _Mark] = {}
        self._below: tuple[Callable[[Tensor], Any], Callable[[Any], Tensor]] | None = None

    def __enter__(self) -> None:
        self._below = _hooks()
        # As `saved_tensors_hooks` does, which would refer to this as this would to it: a cycle for every forward pass.
        torch._C._autograd._push_saved_tensors_default_hooks(self._pack, self._unpack)

    def __exit__(self, *error: object) -> None:
        torch._C._autograd._pop_saved_tensors_default_hooks()
        if self._below is not None:
            for content in self._contents.values():
                content.payload = None
        self._contents, self._marked = {}, {}

    def mark(self, tensor: Tensor, function: Callable[[Tensor], Tensor] | None, *inputs: Tensor) -> None:
        """See `mark_pre_activation`."""
        if self._pre_activations == "exact" or not self._may_change(tensor):
            return
        remade = None
        if self._pre_activations == "recompute":
            if function is None or span_of(tensor) != (0, tensor.numel()):
                return
            (x,) = inputs
            kept = self._pack(x.detach())
            remade = RemadeContent(tensor, function, lambda: self._unpack(kept))
        identity = StorageWeakRef(tensor.untyped_storage())  # type: ignore[no-untyped-call]
        self._marked[Version.of(tensor)] = _Mark(identity, remade)

    def _pack(self, tensor: Tensor) -> _Untouched | _Compacted:
        span = span_of(tensor) if self._may_change(tensor) else None
        content = None if span is None else self._content(tensor, span)
        if span is None or content is None:
            # Without its graph: an output that its own node holds would never be freed.
            kept = tensor.detach() if self._below is None else self._below[0](tensor)
            return _Untouched(kept, tensor._version)
        payload = None if self._below is None or content.payload is None else self._below[0](content.payload)
        return _Compacted(content, payload, View.of(tensor, span))

    def _content(self, tensor: Tensor, span: Span) -> Content | None:
        version = Version.of(tensor)
        key = version, span, tensor.dtype
        if key in self._contents:
            return self._contents[key]
        content: Content | None = None
        if version in self._marked:
            content = self._marked[version].remade
            if content is None and tensor.dtype == torch.float32:
                content = RoundedContent(tensor, span)
        content = content or PackedContent.of(tensor, span)
        if content is not None:
            self._contents[key] = content
        return content

    def _may_change(self, tensor: Tensor) -> bool:
        return (
            type(tensor) is Tensor
            and tensor.is_floating_point()
            and tensor.layout == torch.strided
            and tensor.device.type in ("cpu", "cuda")
            and tensor.numel() * tensor.element_size() >= self._least_bytes
        )

    def _unpack(self, kept: _Untouched | _Compacted) -> Tensor:
        if isinstance(kept, _Compacted):
            payload = kept.content.payload
            if kept.payload is not None and self._below is not None:
                payload = self._below[1](kept.payload)
            return kept.content.view(kept.view, payload)
        if self._below is not None:
            return self._below[1](kept.tensor)
        tensor: Tensor = kept.tensor
        # Where there are hooks PyTorch does not look.
        if tensor._version != kept.version:
            raise RuntimeError(
                _OVERWRITTEN.format(
                    now=tensor._version, then=kept.version, shape=list(tensor.shape), dtype=tensor.dtype
                )
            )
        return tensor


def _hooks() -> tuple[Callable[[Tensor], Any], Callable[[Any], Tensor]] | None:
    """Those that autograd calls now, of this thread."""
    hooks: tuple[Any, Any] | None = torch._C._autograd._top_saved_tensors_default_hooks(True)
    return hooks


def _entered() -> _Saving | None:
    """The one whose hooks autograd calls now; not one that others, such as a checkpoint's, have been put above."""
    hooks = _hooks()
    owner = None if hooks is None else getattr(hooks[0], "__self__", None)
    return owner if isinstance(owner, _Saving) else None


def _out_of_place() -> bool:
    """Whether somebody else looks after what is saved, or watches what is computed."""
    return (
        _entered() is not None
        or torch._C._get_tracing_state() is not None
        or not torch._C._autograd._saved_tensors_hooks_is_enabled()  # type: ignore[attr-defined]
        or _get_current_dispatch_mode() is not None
    )
