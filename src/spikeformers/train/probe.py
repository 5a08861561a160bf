"""What one update of a run costs in memory and time, found out by doing parts of it on synthetic images."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace

import torch
from torch import Tensor
from torch.autograd.graph import saved_tensors_hooks

from spikeformers.models import SpikingModel, saving_of
from spikeformers.train.goal import Goal
from spikeformers.train.optim import set_rate
from spikeformers.train.state import TrainingState

PASSES = 3
SECONDS = 2.0  # for all timed passes together; one that takes longer is the only one
BYTES = 2**30  # of activations in a timed pass


@dataclass(frozen=True, kw_only=True)
class Memory:
    """Bytes that an update needs at once.

    Everything is exact but the activations: they are what the backward pass needs of one part of a batch, counted on
    a sample or two and extrapolated. Short-lived results, the loader and the libraries come on top.
    """

    weights: int  # of the model, its buffers, and a teacher
    gradients: int
    optimizer: int
    average: int  # of the weights
    activations: int

    @property
    def total(self) -> int:
        """All of it together."""
        return self.weights + self.gradients + self.optimizer + self.average + self.activations


@dataclass(frozen=True, kw_only=True)
class Speed:
    """Seconds of one update, extrapolated from `passes` forward and backward passes of `samples` images each.

    Loading and augmenting images, evaluating and saving are not part of it.
    """

    seconds: float
    passes: int
    samples: int
    dtype: torch.dtype  # that was timed


class Probe:
    """Measures the updates of a training state, whose weights it leaves but whose running statistics it spoils.

    Args:
        shape: of one sample, (C, H, W) or (T, C, H, W).
        classes: number of them.
    """

    def __init__(self, state: TrainingState, goal: Goal, *, shape: tuple[int, ...], classes: int) -> None:
        self.state, self.goal, self.shape, self.classes = state, goal, shape, classes
        self.device = next(state.model.parameters()).device
        state.model.train()
        self._update()  # an optimizer makes its state in the first update
        # One sample is the least; with a single time step the norms could meet a single value per channel.
        self.least = 1 if state.model.config.time_steps > 1 else 2
        self._per_sample, self._cast_weights = self._kept_bytes()

    def memory(self, part: int) -> Memory:
        """Return what an update needs that computes `part` samples at once."""
        model = self.state.model
        learning = [parameter for parameter in model.parameters() if parameter.requires_grad]
        teacher = [] if self.goal.teacher is None else list(self.goal.teacher.state_dict().values())
        return Memory(
            weights=_bytes([*model.parameters(), *model.buffers(), *teacher]),
            gradients=_bytes(learning),
            optimizer=_bytes(_tensors(self.state.optimizer.state)),
            average=0 if self.state.ema is None else _bytes(self.state.ema.state_dict().values()),
            activations=self._cast_weights + part * self._per_sample,
        )

    def speed(self, batch_size: int, part: int) -> Speed:
        """Return how long an update of `batch_size` samples takes that computes `part` of them at once.

        On a CPU float16 is timed as float32: some CPUs take minutes for one backward pass in float16.
        """
        goal = self.goal
        if self.device.type == "cpu" and goal.dtype == torch.float16:
            goal = replace(goal, dtype=torch.float32)
        samples, passes = self.least, self._passes(goal, self.least, 1)
        if passes[0] < SECONDS:
            samples = self._samples_for(min(self._passes(goal, self.least, PASSES)) / self.least, part)
            passes = self._passes(goal, samples, PASSES)
        updates = [self._timed(self._update) for _ in range(PASSES)]
        return Speed(
            seconds=statistics.median(passes) * batch_size / samples + statistics.median(updates),
            passes=len(passes),
            samples=samples,
            dtype=goal.dtype,
        )

    def _samples_for(self, seconds: float, part: int) -> int:
        """How many samples of a part fit into a timed pass, at so many seconds each."""
        return max(self.least, min(part, int(SECONDS / PASSES / seconds), BYTES // max(1, self._per_sample)))

    def _loss(self, goal: Goal, samples: int) -> Tensor:
        x = torch.rand(samples, *self.shape, device=self.device)
        targets = torch.arange(samples, device=self.device) % self.classes
        return goal(self.state.model, x, targets)[0]

    def _passes(self, goal: Goal, samples: int, number: int) -> list[float]:
        """Seconds of each of some forward and backward passes."""

        def once() -> None:
            self.state.scaler.scale(self._loss(goal, samples)).backward()  # type: ignore[no-untyped-call]

        return [self._timed(once) for _ in range(number)]

    def _update(self) -> None:
        """Do an update that changes no weight: the gradients and the learning rate are zero."""
        for parameter in self.state.model.parameters():
            parameter.grad = torch.zeros_like(parameter) if parameter.requires_grad else None
        set_rate(self.state.optimizer, 0.0)
        self.state.gradients.observe()
        self.state.optimizer.step()
        if self.state.ema is not None:
            self.state.ema.update(self.state.model)

    def _kept_bytes(self) -> tuple[int, int]:
        """Bytes that a forward pass keeps for the backward pass: of each sample, and of weights in another type."""
        own = {tensor.untyped_storage().data_ptr() for tensor in self.state.model.state_dict().values()}
        samples: dict[int, int] = {}  # by storage, which several tensors may share
        weights: dict[int, int] = {}

        def keep(tensor: Tensor) -> Tensor:
            storage = tensor.untyped_storage()
            if storage.data_ptr() not in own:
                (weights if _is_weight(tensor) else samples)[storage.data_ptr()] = storage.nbytes()
            # Without its graph: an output that its own node holds would never be freed.
            return tensor.detach()

        with saved_tensors_hooks(keep, lambda tensor: tensor), self._saving():
            loss = self._loss(self.goal, self.least)
        del loss  # until here it held all storages, so that no two could lie at the same place
        return sum(samples.values()) // self.least, sum(weights.values())

    def _saving(self) -> AbstractContextManager[object]:
        # Small as they are, the tensors of a sample or two are kept as those of a whole part will be.
        model = self.state.model
        return saving_of(model, self.device, least_bytes=0) if isinstance(model, SpikingModel) else nullcontext()

    def _timed(self, work: Callable[[], object]) -> float:
        self._wait()
        start = time.perf_counter()
        work()
        self._wait()
        return time.perf_counter() - start

    def _wait(self) -> None:
        if self.device.type != "cpu":
            torch.accelerator.synchronize(self.device)


def _is_weight(tensor: Tensor) -> bool:
    """Return whether a tensor is a parameter in another type or form: one serves any number of samples."""
    made_by = tensor.grad_fn
    while made_by is not None and len(made_by.next_functions) == 1:
        made_by = made_by.next_functions[0][0]
    return hasattr(made_by, "variable")  # as the node that gathers a parameter's gradient has


def _bytes(tensors: Iterable[Tensor]) -> int:
    return sum(tensor.numel() * tensor.element_size() for tensor in tensors)


def _tensors(state: Mapping[Tensor, Mapping[str, object]]) -> Iterator[Tensor]:
    return (value for values in state.values() for value in values.values() if isinstance(value, Tensor))
