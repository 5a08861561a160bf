"""Following sets of numbers through one forward pass of a model.

What a neuron emits and what an encoder of spikes makes is taken from what they declare, after a look that they keep to
it here; everything else follows by `rules`.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from numbers import Real
from typing import Any

import torch
from torch import Tensor, nn
from torch._ops import OpOverload
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.hooks import RemovableHandle

from spikeformers.layers import Neuron, OpSpec, Values
from spikeformers.measure.auditing.proof.call import Call, bound, name_of, written
from spikeformers.measure.auditing.proof.knowledge import Knowledge, storage
from spikeformers.measure.auditing.proof.origins import Place, of_numbers, of_reals
from spikeformers.measure.auditing.proof.rules import READS, result
from spikeformers.measure.auditing.proof.sets import NumberSet
from spikeformers.measure.auditing.proof.sources import Fact, Source
from spikeformers.measure.counting.describe import describe
from spikeformers.measure.counting.functions import Functions
from spikeformers.measure.observe import undisturbed
from spikeformers.measure.stepwise import calls_a_step
from spikeformers.models import SpikingModel

Facts = dict[tuple[str, int], tuple[Fact, ...]]

# Some of these write through the memory they are given, which is not seen either.
_LEAVING = frozenset({"tolist", "numpy", "__array__", "__dlpack__", "data_ptr", "apply_", "map_", "map2_"})


@torch.no_grad()
def trace(model: nn.Module, x: Tensor) -> Facts:
    """What is known about every operand of every operation, for any input of the same size.

    Args:
        model: its mode, weights and buffers are left as they are.
        x: one batch; its values matter only where a model looks at them itself, and there the knowledge ends.

    Returns:
        For each call of each operation that `measure.count` counts, by name and number of the call, a fact for each
        operand.
    """
    tracer = _Tracer(model)
    tracer.knowledge.learn(x, Fact(None, (Source("input"),)))
    # As in `measure.count`: models here are modules throughout.
    functions = None if isinstance(model, SpikingModel) else Functions(model, tracer)
    with ExitStack() as stack:
        stack.enter_context(undisturbed(model, [*tracer.hooks(), *(functions.hooks() if functions else ())]))
        stack.enter_context(_Leaving(tracer))
        stack.enter_context(tracer)
        if functions is not None:
            stack.enter_context(functions.watching())
        model(x)
    return tracer.facts


class _Leaving(TorchFunctionMode):
    """Tells the tracer of numbers that leave PyTorch: its basic operations know nothing of that."""

    def __init__(self, tracer: _Tracer) -> None:
        super().__init__()
        self.tracer = tracer

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if getattr(func, "__name__", "") in _LEAVING:
            self.tracer.read()
        return func(*args, **(kwargs or {}))


class _Tracer(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Sees every basic operation, and which module it runs in."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.facts: Facts = {}
        self.knowledge = Knowledge()
        self._names = {module: name for name, module in model.named_modules()}
        self._specs = {module: describe(module) for module in self._names}
        self._encoder = model.encoder if isinstance(model, SpikingModel) else None
        self._inside: list[nn.Module] = []
        self._calls: dict[str, int] = {}
        self._often = {self._names[module]: often for module, often in calls_a_step(model).items()}
        self._paused = False
        # What a model of ours asks of its input before its first layer only refuses inputs.
        self._entrance = set() if self._encoder is None else {model, *self._encoder.modules()}
        self._entering = self._encoder is not None
        for name, tensor in (*model.named_parameters(), *model.named_buffers()):
            self.knowledge.learn(tensor, Fact(None, (Source("weights", name.rpartition(".")[0]),)))

    def __torch_dispatch__(self, func: OpOverload[..., Any], types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        out = func(*args, **kwargs)
        if not self._paused:
            self._note(func, bound(func, args, kwargs), out)
        return out

    def _note(self, func: OpOverload[..., Any], arguments: dict[str, Any], out: Any) -> None:
        name, operands, targets = name_of(func), list(_tensors(arguments.values())), written(func, arguments)
        if (
            name in READS
            or isinstance(out, Real)
            or (name == "index.Tensor" and any(map(_chooses, arguments["indices"])))
        ):
            self.read()
        if name == "lift_fresh.default":
            self._constant(operands[0])
        for target in targets:
            self.knowledge.overwrite(target, self._made(Call(name, arguments, target, self._numbers), operands))
        shared = {storage(operand) for operand in operands if operand.layout == torch.strided}
        for index, made in enumerate(_tensors([out])):
            if made.layout == torch.strided and storage(made) not in shared:
                call = Call(name, arguments, made, self._numbers)
                self.knowledge.learn(made, self._made(call, operands, first=index == 0 and not targets))

    def _made(self, call: Call, operands: list[Tensor], *, first: bool = True) -> Fact:
        """What an operation makes of its operands; the rules know its first result only."""
        facts, place = [self.knowledge.of(operand) for operand in operands], self._place()
        numbers = result(call) if first else None
        if numbers is None:
            return Fact(None, of_reals(call.name, facts, place))
        return Fact(numbers, of_numbers(call.name, facts, numbers, place))

    def _numbers(self, operand: Any) -> NumberSet | None:
        if isinstance(operand, Tensor):
            return self.knowledge.of(operand).numbers
        return NumberSet.constant(float(operand)) if isinstance(operand, Real) else None

    def _constant(self, x: Tensor) -> None:
        """A tensor made of a number in the code is that number; one made of a list may be made of tensors."""
        if x.dim() == 0 and x.device.type != "meta":
            with self._own_business():
                self.knowledge.learn(x, Fact(self._numbers(x.item())))

    def read(self) -> None:
        """End: the rest of the pass may depend on a number that the model has looked at.

        What a neuron or encoder looks at, its own output answers for.
        """
        answered = any(isinstance(module, Neuron) for module in self._inside)
        if not (answered or self._paused or self._entering):
            self.knowledge.end(Source("read", self._place().module))

    def hooks(self) -> list[RemovableHandle]:
        """Follow the pass into every module and out again."""
        handles: list[RemovableHandle] = []
        for module in self._names:
            handles.append(module.register_forward_pre_hook(self._enter, with_kwargs=True))
            handles.append(module.register_forward_hook(self._leave))
        return handles

    def _enter(self, module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        self._inside.append(module)
        self._entering = self._entering and module in self._entrance
        if isinstance(self._specs[module], OpSpec):
            self._record(self._names[module], [each for each in (*args, *kwargs.values()) if isinstance(each, Tensor)])

    def found(self, name: str, spec: OpSpec, weight: Tensor | None, operands: list[Tensor], output: Tensor) -> None:
        """Take an operation that a plain module writes as a function."""
        self._record(name, operands)

    def biased(self) -> None:
        """Nothing: it is a part of that operation."""

    def missed(self, name: str) -> None:
        """Nothing: it is not audited, as it is not counted."""

    def _record(self, name: str, operands: list[Tensor]) -> None:
        call = self._calls[name] = self._calls.get(name, -1) + 1
        facts = tuple(map(self.knowledge.of, operands))
        if name in self._often:  # all time steps are one call, as in `measure.count`
            key = name, call % self._often[name]
            facts = tuple(map(Fact.joined, self.facts.get(key, facts), facts))
            self.facts[key] = facts
        else:
            self.facts[name, call] = facts

    def _leave(self, module: nn.Module, inputs: Any, output: Any) -> None:
        self._inside.pop()
        if isinstance(module, Neuron):
            self._declared(module, module.values, output)
        elif self._encoder is module and self._encoder.values.kind != "real":
            self._declared(module, self._encoder.values, output)

    def _declared(self, module: nn.Module, values: Values, output: Tensor) -> None:
        """What a neuron or encoder declares of what it emits, where it keeps to it."""
        name = self._names[module]
        with self._own_business():
            numbers = NumberSet.of(values) if values.hold(output) else None
        if numbers is None:
            fact = Fact(None, (Source("analog" if values.kind == "real" else "broken", name),))
        else:
            fact = Fact(numbers, (Source("levels", name),) if values.kind == "integer" else ())
        self.knowledge.overwrite(output, fact)

    def _place(self) -> Place:
        innermost = self._names[self._inside[-1]] if self._inside else ""
        for module in reversed(self._inside):
            if (spec := self._specs[module]) is not None:
                return Place(innermost, self._names[module], spec)
        return Place(innermost)

    @contextmanager
    def _own_business(self) -> Iterator[None]:
        """Look at numbers without that being part of the model."""
        before, self._paused = self._paused, True
        try:
            yield
        finally:
            self._paused = before


def _tensors(values: Any) -> Iterator[Tensor]:
    for value in values:
        if isinstance(value, Tensor):
            yield value
        elif isinstance(value, list | tuple):
            yield from _tensors(value)


def _chooses(index: Any) -> bool:
    """Whether an index is a mask, which chooses as many elements as it is true for."""
    return isinstance(index, Tensor) and index.dtype in (torch.bool, torch.uint8)
