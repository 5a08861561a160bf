"""What a user is told about inputs a model cannot take, and that it takes all others."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from torch import Tensor

from spikeformers.errors import InputError
from spikeformers.models import SpikingModel, State
from tests.models.tiny import random_input, smallest, tiny_model

STATIC, EVENTS = "spikformer_4_384.cifar10", "spikingformer_2_256.cifar10dvs"


@pytest.fixture(scope="module")
def static() -> SpikingModel:
    return tiny_model(STATIC)


@pytest.fixture(scope="module")
def events() -> SpikingModel:
    return tiny_model(EVENTS)


@pytest.mark.parametrize(
    ("x", "message"),
    [
        (torch.zeros(3, 8, 8), r"expected images \[B, 3, H, W\] or frames \[B, T, 3, H, W\], got \[3, 8, 8\]\."),
        (torch.zeros(1, 1, 1, 3, 8, 8), r"got \[1, 1, 1, 3, 8, 8\]\."),
        (torch.zeros(8), r"got \[8\]\."),
        (torch.tensor(1.0), r"got \[\]\."),
        (torch.zeros(2, 1, 8, 8), r"got \[2, 1, 8, 8\]\."),
        (torch.zeros(2, 8, 8, 3), r"got \[2, 8, 8, 3\]\."),
        (torch.zeros(2, 3, 2, 8, 8), r"frames \[B, T, 3, H, W\], got \[2, 3, 2, 8, 8\]\."),
        (torch.zeros(0, 3, 8, 8), r"the input is empty: \[0, 3, 8, 8\]; every size must be at least 1\."),
        (torch.zeros(2, 0, 3, 8, 8), r"the input is empty: \[2, 0, 3, 8, 8\]"),
        (torch.zeros(2, 3, 0, 8), r"the input is empty: \[2, 3, 0, 8\]"),
        (torch.zeros(2, 3, 8, 6), r"must be multiples of 4 \(the tokenizer's stride\), got 8 x 6\. Resize or pad"),
        (torch.zeros(2, 3, 9, 8), r"must be multiples of 4 .*, got 9 x 8\."),
        (torch.zeros(2, 3, 8, 8, dtype=torch.uint8), r"must be floating point, got torch\.uint8; .* use x\.float\(\)"),
        (torch.zeros(2, 3, 8, 8, dtype=torch.bool), r"must be floating point, got torch\.bool"),
        (torch.zeros(2, 3, 8, 8, dtype=torch.complex64), r"must be floating point, got torch\.complex64"),
        (
            torch.zeros(2, 3, 8, 8, dtype=torch.float64),
            r"is torch\.float64, the model torch\.float32; use x\.to\(torch\.float32\) or model\.to\(torch\.float64\)",
        ),
    ],
)
def test_inputs_that_do_not_fit(static: SpikingModel, x: Tensor, message: str) -> None:
    for run in (static, static.forward_steps, static.forward_heads, static.forward_features, static.forward_pyramid):
        with pytest.raises(InputError, match=message):
            run(x)


@pytest.mark.parametrize("number", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("place", [0, 17, -1])
def test_what_is_no_number(static: SpikingModel, number: float, place: int) -> None:
    x = random_input(static, 2)
    x.view(-1)[place] = number
    with pytest.raises(InputError, match=r"the input holds NaN or infinity; look for a division by zero"):
        static(x)


def test_an_error_leaves_nothing_behind(static: SpikingModel) -> None:
    x = random_input(static, 2)
    before = static(x)
    with pytest.raises(InputError):
        static(x * math.nan)
    assert torch.equal(static(x), before)


def test_static_images_are_repeated_over_time(static: SpikingModel) -> None:
    x = random_input(static, 2)
    frames = x.unsqueeze(1).repeat(1, static.config.time_steps, 1, 1, 1)
    assert torch.equal(static(x), static(frames))


def test_frames_bring_their_own_number_of_time_steps(events: SpikingModel) -> None:
    x = random_input(events, 2)
    twice = torch.cat([x, x], 1)
    assert events.forward_steps(twice).shape[0] == 2 * events.config.time_steps
    # What came first does not depend on what comes later.
    torch.testing.assert_close(events.forward_steps(twice)[: x.shape[1]], events.forward_steps(x))


@pytest.mark.parametrize("layout", ["channels last", "a batch of frames", "every other pixel"])
def test_the_layout_in_memory_does_not_matter(static: SpikingModel, layout: str) -> None:
    x = random_input(static, 2)
    same = {
        "channels last": x.contiguous(memory_format=torch.channels_last),
        "a batch of frames": x.transpose(0, 1).contiguous().transpose(0, 1),
        "every other pixel": x.repeat_interleave(2, -1)[..., ::2],
    }[layout]
    assert same.stride() != x.stride()
    assert torch.equal(static(same), static(x))


def test_autocast_may_mix_types(static: SpikingModel) -> None:
    x = random_input(static, 2)
    with torch.autocast("cpu", torch.bfloat16):
        assert static(x).isfinite().all()
        assert static(x.bfloat16()).isfinite().all()


# ---- streaming -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "x",
    [torch.zeros(3, 3, 8, 8), torch.zeros(2, 2, 3, 8, 8), torch.zeros(3, 8, 8), torch.zeros(0, 3, 8, 8)],
    ids=["batch", "frames", "rank", "empty"],
)
def test_a_step_takes_one_frame_of_each_sample(static: SpikingModel, x: Tensor) -> None:
    message = (
        rf"takes one frame \[2, C, H, W\] of each of the state's 2 samples, got \[{', '.join(map(str, x.shape))}\]"
    )
    with pytest.raises(InputError, match=message + r"\. Start with initial_state\(B\) for another batch\."):
        static.step(x, static.initial_state(2))


def test_a_step_checks_its_input_as_a_forward_pass_does(static: SpikingModel) -> None:
    state = static.initial_state(2)
    for wrong in (torch.zeros(2, 1, 8, 8), torch.zeros(2, 3, 9, 8), torch.full((2, 3, 8, 8), math.nan)):
        with pytest.raises(InputError):
            static.step(wrong, state)
    with pytest.raises(InputError, match="floating point"):
        static.step(torch.zeros(2, 3, 8, 8, dtype=torch.uint8), state)


def test_states_that_do_not_fit(static: SpikingModel, events: SpikingModel) -> None:
    x = random_input(static, 2)
    _, state = static.step(x, static.initial_state(2))
    larger = random_input(static, 2, tokens=(3, 2))
    with pytest.raises(InputError, match="the membrane potential must be"):
        static.step(larger, state)
    with pytest.raises(
        InputError, match=r"the state belongs to another model: this one has no 'tokenizer\.stages\.0\."
    ):
        events.step(random_input(events, 2)[:, 0], state)


def test_a_state_can_be_used_twice(static: SpikingModel) -> None:
    x = random_input(static, 2)
    _, state = static.step(x, static.initial_state(2))
    one, after_one = static.step(x, state)
    two, after_two = static.step(x, state)
    assert torch.equal(one, two)
    assert after_one.tensors.keys() == after_two.tensors.keys()
    assert isinstance(state, State)
    assert state.batch == 2


@pytest.mark.parametrize("batch", [0, -1, 2.5, "a"])
def test_a_state_is_of_at_least_one_sample(static: SpikingModel, batch: Any) -> None:
    with pytest.raises(InputError, match=f"at least one sample, got batch {batch!r}"):
        static.initial_state(batch)


def test_shapes_can_be_asked_for_on_the_meta_device() -> None:
    model = smallest().to("meta")
    assert model(torch.empty(2, 3, 8, 8, device="meta")).shape == (2, 5)
