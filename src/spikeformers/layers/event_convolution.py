"""Event-driven convolution: every event stamps its kernel onto a map (Zheng and Zhou, arXiv:2409.12691).

Derived: the abstract says that an event stamps the kernel, centred at its address, onto a leaky membrane map, and that
kernels are trained by gradient; the rest is worked out here. Between two spikes the map v <- v e^(-dt / tau) + kernel
is linear in the events, so that what they charge it with up to the end of a time step is the sum of their kernels,
each decayed since its event. That is the current of the step; the neuron behind it leaks from step to step, and fires.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from spikeformers.errors import ConfigError, InputError
from spikeformers.layers.values import REAL, integers
from spikeformers.layers.weighted import Conv2d


@dataclass(frozen=True, eq=False, kw_only=True)
class EventBatch:
    """The events of B recordings one after the other, cut into T time steps.

    Attributes:
        t: microseconds, `[N]`.
        x, y, p: column, row and polarity, int64 `[N]`.
        bounds: int64 `[B, T + 1]`: step i of recording b has the events bounds[b, i] .. bounds[b, i + 1] - 1.
        ends: microseconds, `[B, T]`, when each step ends.
        size: height and width of the map.

    Raises:
        InputError: shapes that do not agree, or bounds that go back.
    """

    t: Tensor
    x: Tensor
    y: Tensor
    p: Tensor
    bounds: Tensor
    ends: Tensor
    size: tuple[int, int]

    def __post_init__(self) -> None:
        shapes = [tuple(values.shape) for values in (self.t, self.x, self.y, self.p)]
        if self.t.dim() != 1 or len(set(shapes)) > 1:
            raise InputError(f"An event has one t, x, y and p: give each as [N]; got {shapes}.")
        batch, steps = self.ends.shape
        if self.bounds.shape != (batch, steps + 1):
            raise InputError(
                f"With ends of {batch} recordings and {steps} steps, bounds are [{batch}, {steps + 1}]; "
                f"got {tuple(self.bounds.shape)}."
            )
        borders = self.bounds.flatten()
        if len(borders) and not (int(borders[0]) >= 0 and bool((borders.diff() >= 0).all())):
            raise InputError("bounds must not go back: the recordings lie one after the other, each in order of time.")

    def steps(self) -> tuple[Tensor, Tensor]:
        """Return which events belong to a step (bool `[N]`), and for those which of the T B frames, time first."""
        batch, steps = self.ends.shape
        number = torch.arange(len(self.t), device=self.t.device)
        place = torch.searchsorted(self.bounds.flatten(), number, right=True) - 1
        sample, step = place // (steps + 1), place % (steps + 1)  # step T: behind a recording's last step
        held = (place >= 0) & (step < steps)
        return held, (step * batch + sample)[held]

    def decays(self, tau: float) -> Tensor:
        """Return e^(-dt / tau) of each event in a step, dt from the event to the step's end."""
        held, frame = self.steps()
        return torch.exp(-(self.ends.t().flatten()[frame] - self.t[held]).double() / tau)


def leaky_frames(
    events: EventBatch, polarities: int, tau: float = math.inf, dtype: torch.dtype | None = None
) -> Tensor:
    """Return [T, B, P, H, W]: the sum of the decayed events of each pixel; without a leak, their number."""
    batch, steps = events.ends.shape
    held, frame = events.steps()
    height, width = events.size
    place = ((frame * polarities + events.p[held]) * height + events.y[held]) * width + events.x[held]
    decays = events.decays(tau).to(dtype or torch.get_default_dtype())
    frames = decays.new_zeros(steps * batch * polarities * height * width).index_add_(0, place, decays)
    return frames.view(steps, batch, polarities, height, width)


def stamp_kernels(events: EventBatch, weight: Tensor, tau: float = math.inf) -> Tensor:
    """Return [T, B, C, H, W]: at the end of each step, the sum of the stamps of its events.

    A stamp is the kernel turned by 180 degrees about its centre: the same weights then give what `conv2d` gives for
    `leaky_frames`. The work grows with the number of events, not with that of pixels.

    Args:
        weight: [C, P, K, K] as of a convolution, K odd.
        tau: time constant in microseconds; inf: no leak inside a step.
    """
    channels, _, kernel, _ = weight.shape
    batch, steps = events.ends.shape
    height, width = events.size
    reach = kernel - 1  # a margin as wide as two halves of a kernel takes what sticks out, and is cut off
    held, frame = events.steps()
    rows, columns = height + reach, width + reach
    base = (frame * rows + events.y[held] + reach) * columns + events.x[held] + reach
    decays = events.decays(tau).to(weight.dtype).unsqueeze(1)
    maps = weight.new_zeros(steps * batch * rows * columns, channels)
    polarity = events.p[held]
    for down in range(kernel):
        for right in range(kernel):
            stamp = weight[:, :, down, right].t()[polarity] * decays  # [N, C]
            maps = maps.index_add(0, base - down * columns - right, stamp)
    margin = reach // 2
    maps = maps.view(steps, batch, rows, columns, channels).permute(0, 1, 4, 2, 3)
    return maps[..., margin : margin + height, margin : margin + width]


class EventConvolution(Conv2d):
    """A convolution of event frames that takes the events themselves, too: a trainable front end.

    On frames [T, B, P, H, W] it is the convolution; on an `EventBatch` it stamps kernels, with the same result for
    `leaky_frames` of the same events. It describes itself as the convolution: what it multiplies by its weights are
    counts of events, or decayed ones with a finite `tau`.

    Args:
        polarities: P.
        channels: C.
        kernel: odd side of the kernel, which keeps the size of the map.
        tau: time constant in microseconds of the leak inside a time step; inf: none.

    Raises:
        ConfigError: an even kernel, or a time constant not above 0.
    """

    def __init__(self, polarities: int, channels: int, *, kernel: int = 3, tau: float = math.inf) -> None:
        if kernel < 1 or kernel % 2 == 0:
            raise ConfigError(f"an event stamps a kernel centred at its address: kernel must be odd, got {kernel}.")
        if not tau > 0:
            raise ConfigError(f"tau is {tau} microseconds; it must be above 0, or inf for no leak.")
        super().__init__(polarities, channels, inputs=integers(None) if math.isinf(tau) else REAL, kernel=kernel)
        self.tau = tau

    def forward(self, x: Tensor | EventBatch) -> Tensor:
        """Frames [T, B, P, H, W], or events -> [T, B, C, H, W]."""
        return super().forward(x) if isinstance(x, Tensor) else stamp_kernels(x, self.weight, self.tau)
