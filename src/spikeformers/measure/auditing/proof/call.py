"""One call of one of PyTorch's basic operations, its arguments by name."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import reduce
from typing import Any

from torch import Tensor
from torch._ops import OpOverload

from spikeformers.measure.auditing.proof.sets import NumberSet


@dataclass(frozen=True)
class Call:
    """A call that a rule is asked about.

    Args:
        name: such as "add.Tensor"; of a form that writes into its operand the name of the form that does not.
        arguments: by the names that PyTorch gives them, defaults included.
        output: its first result.
        known: the set of numbers a tensor or number is known to lie in; None of what may be real.
    """

    name: str
    arguments: dict[str, Any]
    output: Tensor
    known: Callable[[Any], NumberSet | None]

    def __getitem__(self, argument: str) -> Any:
        return self.arguments[argument]

    def numbers(self, argument: str) -> NumberSet | None:
        """What is known about one operand."""
        return self.known(self.arguments[argument])

    def joined(self, operands: Sequence[Any]) -> NumberSet | None:
        """A set that holds all of these operands; None where one of them may be real."""
        sets = [self.known(operand) for operand in operands]
        return reduce(lambda one, other: None if one is None or other is None else one.joined(other), sets)


def name_of(function: OpOverload[..., Any]) -> str:
    """Name a basic operation; add_ and add have one name."""
    packet, _, overload = function.__name__.partition(".")
    own = packet.rstrip("_") if function._schema.is_mutable else packet
    return f"{own}.{overload}"


def bound(function: OpOverload[..., Any], args: Sequence[Any], kwargs: dict[str, Any]) -> dict[str, Any]:
    """The arguments of a call by name, defaults included."""
    schema = function._schema.arguments
    given = {argument.name: value for argument, value in zip(schema, args, strict=False)}
    defaults = {argument.name: argument.default_value for argument in schema}
    return {**defaults, **given, **kwargs}


def written(function: OpOverload[..., Any], arguments: dict[str, Any]) -> list[Tensor]:
    """The tensors that a call writes into."""
    targets: list[Tensor] = []
    for argument in function._schema.arguments:
        if argument.alias_info is not None and argument.alias_info.is_write:
            value = arguments[argument.name]
            targets += [value] if isinstance(value, Tensor) else list(value or ())
    return targets
