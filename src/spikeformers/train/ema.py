"""An exponential moving average of the weights."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from spikeformers.errors import CheckpointError


class Ema:
    """The average of a model over its updates: average <- decay average + (1 - decay) weights.

    It starts as a copy of the model and covers every entry of the state dict, running statistics too. Floating-point
    entries are kept in float32 at least, because (1 - decay) times a difference vanishes in half precision; others,
    such as counters, are copied.

    Args:
        model: the model to follow.
        decay: weight of the past in each update, 0 or more and below 1.
    """

    def __init__(self, model: nn.Module, decay: float) -> None:
        self.decay = decay
        self._average = {name: _widened(tensor).clone() for name, tensor in model.state_dict().items()}

    @torch.no_grad()
    def update(self, model: nn.Module) -> None:
        """Move the average towards the weights of `model`; call it after every update of them."""
        weights = model.state_dict()
        averaged = [name for name, average in self._average.items() if average.is_floating_point()]
        torch._foreach_lerp_(
            [self._average[name] for name in averaged],
            [_widened(weights[name]) for name in averaged],
            1.0 - self.decay,
        )
        for name in self._average.keys() - set(averaged):
            self._average[name].copy_(weights[name])

    @contextmanager
    def applied(self, model: nn.Module) -> Iterator[None]:
        """Give `model` the averaged weights inside the block, and its own back afterwards, to the last bit."""
        before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
        try:
            _write(model, self._average)
            yield
        finally:
            _write(model, before)

    def state_dict(self) -> dict[str, Tensor]:
        """Return the average by the names of the model's state dict; the tensors are the average itself, no copies."""
        return dict(self._average)

    def load_state_dict(self, state: Mapping[str, Tensor]) -> None:
        """Take over a saved average.

        Raises:
            CheckpointError: names or shapes are not those of the model.
        """
        mine = {name: tensor.shape for name, tensor in self._average.items()}
        theirs = {name: tensor.shape for name, tensor in state.items()}
        if mine != theirs:
            different = sorted(name for name in mine.keys() | theirs.keys() if mine.get(name) != theirs.get(name))
            raise CheckpointError(
                f"The saved average of the weights belongs to another model: {len(different)} entries differ in name "
                f"or shape, the first is {different[0]!r}. Resume with the recipe the run was started with."
            )
        for name, average in self._average.items():
            average.copy_(state[name])


def _widened(tensor: Tensor) -> Tensor:
    return tensor.to(torch.promote_types(tensor.dtype, torch.float32)) if tensor.is_floating_point() else tensor


@torch.no_grad()
def _write(model: nn.Module, values: Mapping[str, Tensor]) -> None:
    for name, tensor in model.state_dict().items():
        tensor.copy_(values[name])
