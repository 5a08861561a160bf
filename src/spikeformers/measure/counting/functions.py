"""What plain modules compute by functions rather than modules: `x @ y`, `F.linear`, attention of PyTorch's own."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Protocol

import torch
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.hooks import RemovableHandle

from spikeformers.layers import REAL, OpSpec
from spikeformers.measure.counting.describe import describe

_aten = torch.ops.aten


class Watcher(Protocol):
    """Who is told what was found."""

    def found(self, name: str, spec: OpSpec, weight: Tensor | None, operands: list[Tensor], output: Tensor) -> None:
        """A matrix product or convolution, as `<module>.<function>`: what it is, of what, and its result."""

    def biased(self) -> None:
        """A bias was added to the result of the one before: PyTorch computes some linears in two parts."""

    def missed(self, name: str) -> None:
        """Another function that uses parameters, as `<function> in <module>`."""


class Functions(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Watches a plain model below its modules, outside those that are described.

    Args:
        model: whose modules give names, and whose parameters are weights.
        watcher: is told.
    """

    def __init__(self, model: nn.Module, watcher: Watcher) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._model, self._watcher = model, watcher
        self._stored = {_storage(parameter) for parameter in model.parameters()}
        self._within: list[tuple[str, bool]] = []  # the modules being run, outermost first: name, whether described
        self._last: Tensor | None = None  # what was found last gave

    def hooks(self) -> Iterator[RemovableHandle]:
        """Follow which module is being run; to be registered after the hooks that look at what a module did."""
        for name, module in self._model.named_modules():
            entered, here = describe(module) is not None, name or type(module).__name__
            yield module.register_forward_pre_hook(self._enter(here, entered))
            yield module.register_forward_hook(self._leave, always_call=True)

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Watch; PyTorch's fused attentions are taken apart meanwhile, which changes rounding only."""
        fast = torch.backends.mha.get_fastpath_enabled()
        torch.backends.mha.set_fastpath_enabled(False)
        self._within, self._last = [], None
        try:
            with sdpa_kernel(SDPBackend.MATH), self:
                yield
        finally:
            torch.backends.mha.set_fastpath_enabled(fast)
            self._last = None

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        output = func(*args, **(kwargs or {}))
        if self._within and not any(described for _, described in self._within):
            self._tell(func, args, output)
        return output

    def _tell(self, func: Any, args: Any, output: Any) -> None:
        rule, word, place = _RULES.get(func), func.overloadpacket.__name__, self._within[-1][0]
        found = None if rule is None else rule(self.stores, *args)
        weights = [x for x in args if self.stores(x)]
        vectors = bool(weights) and all(x.dim() < 2 for x in weights)
        if found is not None:
            self._watcher.found(f"{place}.{word}", *found, output)
            self._last = output
        elif func is _aten.add.Tensor and vectors and any(map(self._is_last, args)):
            self._watcher.biased()
        elif weights and not _is_view(output, args):
            self._watcher.missed(f"{word} in {place}")

    def stores(self, x: Any) -> bool:
        """Whether it is a parameter, or shows one in another shape."""
        return isinstance(x, Tensor) and _storage(x) in self._stored

    def _is_last(self, x: Any) -> bool:
        return isinstance(x, Tensor) and self._last is not None and _storage(x) == _storage(self._last)

    def _enter(self, name: str, described: bool) -> Callable[[nn.Module, Any], None]:
        return lambda module, args: self._within.append((name, described))

    def _leave(self, module: nn.Module, args: Any, output: Any) -> None:
        self._within.pop()


def _storage(x: Tensor) -> int:
    try:
        return x.untyped_storage().data_ptr()
    except NotImplementedError:  # a sparse tensor has none
        return -id(x)


def _is_view(output: Any, args: Any) -> bool:
    """Whether a result only shows an operand in another shape."""
    first = output[0] if isinstance(output, tuple | list) and output else output
    return isinstance(first, Tensor) and any(isinstance(x, Tensor) and _storage(x) == _storage(first) for x in args)


Found = tuple[OpSpec, Tensor | None, list[Tensor]]
IsWeight = Callable[[Any], bool]


def _product(is_weight: IsWeight, left: Tensor, right: Tensor) -> Found:
    if is_weight(right) and right.dim() == 2:
        return _linear(right.t(), left, bias=False)
    if is_weight(left) and left.dim() == 2:
        return _linear(left, right.t(), bias=False)
    if is_weight(right) and (len(right) == 1 or right.stride(0) == 0):  # one matrix for the whole batch
        return _linear(right[0].t(), left, bias=False)
    if is_weight(left) and (len(left) == 1 or left.stride(0) == 0):
        return _linear(left[0], right.transpose(-1, -2), bias=False)
    return OpSpec(kind="product", inputs=(REAL, REAL), timed=False), None, [left, right]


def _added_product(is_weight: IsWeight, added: Tensor, left: Tensor, right: Tensor, *factors: Any) -> Found:
    spec, weight, operands = _product(is_weight, left, right)
    if weight is not None and is_weight(added):
        return _linear(weight, operands[0], bias=True)
    return spec, weight, operands


def _linear(weight: Tensor, x: Tensor, *, bias: bool) -> Found:
    shape = tuple(weight.shape)
    return OpSpec(kind="linear", inputs=(REAL,), weight_shape=shape, bias=bias, axis=-1, timed=False), weight, [x]


def _convolution(
    is_weight: IsWeight,
    x: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    stride: list[int],
    padding: list[int],
    dilation: list[int],
    transposed: bool,
    output_padding: list[int],
    groups: int,
) -> Found | None:
    if transposed:
        return None
    spec = OpSpec(
        kind="convolution",
        inputs=(REAL,),
        weight_shape=tuple(weight.shape),
        stride=tuple(stride),
        padding=tuple(padding),
        dilation=tuple(dilation),
        groups=groups,
        bias=bias is not None,
        timed=False,
    )
    return spec, weight, [x]


_RULES: dict[Any, Callable[..., Found | None]] = {
    _aten.mm.default: _product,
    _aten.bmm.default: _product,
    _aten.addmm.default: _added_product,
    _aten.baddbmm.default: _added_product,
    _aten.convolution.default: _convolution,
}
