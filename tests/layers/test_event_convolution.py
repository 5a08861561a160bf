"""Event-driven convolution: stamps against the convolution of frames, and against a leaky map event by event."""

from __future__ import annotations

import math

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from spikeformers.errors import ConfigError, InputError
from spikeformers.layers import REAL, integers
from spikeformers.layers.event_convolution import EventBatch, EventConvolution, leaky_frames, stamp_kernels

T, B, P, C, SIZE = 3, 2, 2, 4, (6, 7)


def batch(seed: int = 0, count: int = 60) -> EventBatch:
    """Recordings of unequal length; the second one begins behind events of no step, and one step is empty."""
    generator = torch.Generator().manual_seed(seed)
    x, y, p = (torch.randint(0, size, (count,), generator=generator) for size in (SIZE[1], SIZE[0], P))
    bounds = torch.tensor([[0, 9, 9, 20], [25, 40, 50, count - 3]])
    t = torch.empty(count, dtype=torch.int64)
    ends = torch.tensor([[100, 200, 300], [150, 250, 350]])
    for sample in range(B):
        for step in range(T):
            begin, end = bounds[sample, step], bounds[sample, step + 1]
            first = int(ends[sample, step]) - 50
            t[begin:end] = torch.randint(first, first + 51, (int(end - begin),), generator=generator).sort().values
    t[20:25], t[count - 3 :] = 0, 999
    return EventBatch(t=t, x=x, y=y, p=p, bounds=bounds, ends=ends, size=SIZE)


def counted(events: EventBatch) -> Tensor:
    frames = torch.zeros(T, B, P, *SIZE, dtype=torch.float64)
    for sample in range(B):
        for step in range(T):
            for k in range(int(events.bounds[sample, step]), int(events.bounds[sample, step + 1])):
                frames[step, sample, events.p[k], events.y[k], events.x[k]] += 1
    return frames


def weights(kernel: int) -> Tensor:
    return torch.randn(C, P, kernel, kernel, dtype=torch.float64, generator=torch.Generator().manual_seed(3))


@pytest.mark.parametrize("kernel", [1, 3, 5])
def test_without_a_leak_it_is_the_convolution_of_the_count_frames(kernel: int) -> None:
    events, weight = batch(), weights(kernel).requires_grad_()
    maps = stamp_kernels(events, weight)
    expected = F.conv2d(counted(events).flatten(0, 1), weight, padding=kernel // 2).view(T, B, C, *SIZE)
    # Sums of up to 20 products in another order, in float64.
    torch.testing.assert_close(maps, expected, rtol=0, atol=1e-12)
    upstream = torch.randn(maps.shape, dtype=torch.float64, generator=torch.Generator().manual_seed(4))
    (ours,) = torch.autograd.grad(maps, weight, upstream)
    (theirs,) = torch.autograd.grad(expected, weight, upstream)
    assert ours.abs().max() > 0
    torch.testing.assert_close(ours, theirs, rtol=0, atol=1e-11)


def test_one_event_leaves_the_image_of_its_kernel() -> None:
    events = EventBatch(
        t=torch.tensor([5]), x=torch.tensor([3]), y=torch.tensor([1]), p=torch.tensor([1]),
        bounds=torch.tensor([[0, 1]]), ends=torch.tensor([[5]]), size=SIZE,
    )  # fmt: skip
    weight = weights(3)
    maps = stamp_kernels(events, weight)[0, 0]
    assert torch.equal(maps[:, 0:3, 2:5], weight[:, 1].flip(-2, -1))  # centred at column 3 of row 1
    maps[:, 0:3, 2:5] = 0
    assert not maps.any()


@pytest.mark.parametrize("tau", [5.0, 80.0])
def test_with_a_leak_it_is_a_map_that_decays_between_events(tau: float) -> None:
    """v <- v e^(-dt / tau) + K at every event, and once more up to the end of the step."""
    events, weight = batch(1), weights(3)
    maps = stamp_kernels(events, weight, tau)
    for sample in range(B):
        for step in range(T):
            v, now = torch.zeros(C, SIZE[0] + 2, SIZE[1] + 2, dtype=torch.float64), 0
            for k in range(int(events.bounds[sample, step]), int(events.bounds[sample, step + 1])):
                v *= math.exp(-(int(events.t[k]) - now) / tau)
                y, x, now = int(events.y[k]), int(events.x[k]), int(events.t[k])
                v[:, y : y + 3, x : x + 3] += weight[:, events.p[k]].flip(-2, -1)
            v *= math.exp(-(int(events.ends[sample, step]) - now) / tau)
            torch.testing.assert_close(maps[step, sample], v[:, 1:-1, 1:-1], rtol=0, atol=1e-12)
    frames = leaky_frames(events, P, tau, torch.float64)
    expected = F.conv2d(frames.flatten(0, 1), weight, padding=1).view_as(maps)
    torch.testing.assert_close(maps, expected, rtol=0, atol=1e-12)


def test_leaky_frames_without_a_leak_count() -> None:
    assert torch.equal(leaky_frames(batch(), P, dtype=torch.float64), counted(batch()))


def test_no_events_leave_no_trace() -> None:
    nothing = torch.empty(0, dtype=torch.int64)
    events = EventBatch(
        t=nothing, x=nothing, y=nothing, p=nothing, bounds=torch.zeros(B, T + 1, dtype=torch.int64),
        ends=torch.zeros(B, T), size=SIZE,
    )  # fmt: skip
    assert stamp_kernels(events, weights(3)).shape == (T, B, C, *SIZE)
    assert not stamp_kernels(events, weights(3)).any()


def test_the_module_takes_events_and_frames() -> None:
    torch.manual_seed(0)
    layer = EventConvolution(P, C, kernel=3).double()
    events = batch()
    torch.testing.assert_close(layer(events), layer(counted(events)), rtol=0, atol=1e-12)
    spec = layer.op_spec()
    assert (spec.kind, spec.inputs, spec.weight_shape) == ("convolution", (integers(None),), (C, P, 3, 3))
    assert EventConvolution(P, C, tau=9.0).op_spec().inputs == (REAL,)
    leaky = EventConvolution(P, C, tau=30.0).double()
    frames = leaky_frames(events, P, 30.0, torch.float64)
    torch.testing.assert_close(leaky(events), leaky(frames), rtol=0, atol=1e-12)


def test_what_cannot_be_stamped_is_refused() -> None:
    with pytest.raises(ConfigError, match="kernel must be odd, got 4"):
        EventConvolution(P, C, kernel=4)
    with pytest.raises(ConfigError, match="above 0, or inf"):
        EventConvolution(P, C, tau=0.0)
    one, two = torch.zeros(1, dtype=torch.int64), torch.zeros(2, dtype=torch.int64)
    words = {
        "t": one,
        "x": one,
        "y": one,
        "p": one,
        "bounds": torch.tensor([[0, 1]]),
        "ends": torch.ones(1, 1),
        "size": SIZE,
    }
    for change, message in (
        ({"x": two}, "give each as"),
        ({"bounds": torch.tensor([[0, 1, 1]])}, r"bounds are \[1, 2\]"),
        ({"bounds": torch.tensor([[1, 0]])}, "must not go back"),
    ):
        with pytest.raises(InputError, match=message):
            EventBatch(**{**words, **change})
