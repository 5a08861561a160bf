"""Every encoder keeps its law: rates, times of the first spike, bits; and says what it cannot take."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from spikeformers.errors import ConfigError, InputError, UnknownNameError
from spikeformers.layers import BINARY, ENCODERS, REAL, Encoder, register_encoder
from spikeformers.layers.encoders import build_encoder

SPIKING = ["poisson", "latency", "phase"]

intensities = st.lists(st.floats(0, 1, width=32), min_size=1, max_size=12)


def row(values: list[float], dtype: torch.dtype = torch.float32) -> Tensor:
    """Intensities as the pixels of one image [1, 1, 1, W]."""
    return torch.tensor(values, dtype=dtype).view(1, 1, 1, -1)


def trains(word: str, values: list[float], T: int) -> list[list[float]]:
    """The spike train of each intensity."""
    frames = build_encoder(word)(row(values, torch.float64), T)
    trains: list[list[float]] = frames.view(T, -1).T.tolist()
    return trains


# ---- all of them ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("word", sorted(ENCODERS))
@pytest.mark.parametrize("T", [1, 2, 7, 8, 17])
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16, torch.float16])
def test_frames_hold_what_is_declared(word: str, T: int, dtype: torch.dtype) -> None:
    x = torch.rand(2, 3, 4, 5, dtype=dtype)
    x[0, 0, 0, :2] = torch.tensor([0, 1])
    encoder = build_encoder(word)
    frames = encoder(x, T)
    assert frames.shape == (T, 2, 3, 4, 5)
    assert frames.dtype == dtype
    assert encoder.values.hold(frames)
    assert not list(encoder.parameters())


@pytest.mark.parametrize("word", SPIKING)
@pytest.mark.parametrize(("low", "high"), [(-0.01, 0.5), (0.0, 1.01), (-2.0, 255.0)])
def test_spikes_are_made_of_intensities(word: str, low: float, high: float) -> None:
    message = (
        rf"{word} encoding takes intensities from 0 to 1, got {low:g} to {high:g}\. Give it unnormalised images: "
        r"bytes divided by 255, normalise = false in a recipe\."
    )
    with pytest.raises(InputError, match=message):
        build_encoder(word)(row([low, 0.5, high]), 4)


def test_direct_encoding_repeats_any_image() -> None:
    x = torch.randn(2, 3, 4, 5)
    frames = build_encoder("direct")(x, 3)
    assert [torch.equal(frame, x) for frame in frames] == [True] * 3
    assert build_encoder("direct").values == REAL


# ---- rate ----------------------------------------------------------------------------------------------------------


def test_poisson_rates_are_the_intensities() -> None:
    torch.manual_seed(0)
    x, draws = torch.tensor([0.0, 0.02, 0.25, 0.5, 0.9, 1.0]), 40_000
    spikes = build_encoder("poisson")(x.view(1, 1, 1, -1), draws).view(draws, -1)
    rates = spikes.mean(0)
    assert rates[0] == 0
    assert rates[-1] == 1
    for rate, p in zip(rates.tolist(), x.tolist(), strict=True):
        assert abs(rate - p) <= 5 * math.sqrt(p * (1 - p) / draws)
    assert build_encoder("poisson").values == BINARY


def test_poisson_spikes_are_independent_over_steps_pixels_and_samples() -> None:
    torch.manual_seed(0)
    spikes = build_encoder("poisson")(torch.full((50, 2, 10, 10), 0.5), 20)
    for one, other in (
        (spikes[1:], spikes[:-1]),
        (spikes[:, 1:], spikes[:, :-1]),
        (spikes[:, :, :1], spikes[:, :, 1:]),
        (spikes[..., 1:], spikes[..., :-1]),
    ):
        together = float((one * other).mean())
        assert abs(together - 0.25) < 5 * math.sqrt(0.25 * 0.75 / one.numel())


def test_poisson_draws_from_the_global_generator() -> None:
    encoder, x = build_encoder("poisson").eval(), torch.rand(2, 3, 8, 8)

    def drawn(x: Tensor, seed: int) -> Tensor:
        torch.manual_seed(seed)
        spikes: Tensor = encoder(x, 4)
        return spikes

    assert torch.equal(drawn(x, 1), drawn(x, 1))
    assert not torch.equal(drawn(x, 1), drawn(x, 2))
    # Neither the layout in memory nor the precision decides which pixel gets which number.
    assert torch.equal(drawn(x.contiguous(memory_format=torch.channels_last), 1), drawn(x, 1))
    assert torch.equal(drawn(x.double(), 1).float(), drawn(x, 1))


# ---- time to first spike -------------------------------------------------------------------------------------------


@given(intensities, st.integers(1, 20))
def test_latency_is_one_spike_at_its_time(values: list[float], T: int) -> None:
    for x, train in zip(values, trains("latency", values, T), strict=True):
        if x == 0:
            assert train == [0] * T
        else:
            assert sum(train) == 1
            assert train.index(1) == round((1 - x) * (T - 1))


def test_latency_by_hand() -> None:
    assert trains("latency", [1.0, 0.75, 0.5, 0.25, 1e-3, 0.0], 5) == [
        [1, 0, 0, 0, 0],
        [0, 1, 0, 0, 0],
        [0, 0, 1, 0, 0],
        [0, 0, 0, 1, 0],
        [0, 0, 0, 0, 1],
        [0, 0, 0, 0, 0],
    ]
    assert trains("latency", [1.0, 0.3, 0.0], 1) == [[1], [1], [0]]


@given(intensities, st.integers(2, 12))
def test_the_brighter_the_earlier(values: list[float], T: int) -> None:
    shining = sorted(x for x in values if x > 0)
    times = [train.index(1) for train in trains("latency", shining, T)] if shining else []
    assert times == sorted(times, reverse=True)


# ---- phase ---------------------------------------------------------------------------------------------------------


def test_a_byte_comes_as_its_bits() -> None:
    levels = list(range(256))
    spikes = build_encoder("phase")(torch.tensor(levels).float().view(1, 1, 16, 16) / 255, 8).view(8, -1)
    for level, train in zip(levels, spikes.T.tolist(), strict=True):
        bits = [int(bit) for bit in f"{level:08b}"]
        assert train == [bit / 2 ** (1 + k) for k, bit in enumerate(bits)]
        assert sum(train) == level / 256


@given(intensities, st.integers(1, 20))
def test_the_sum_over_a_period_is_the_intensity_cut_off(values: list[float], T: int) -> None:
    for x, train in zip(values, trains("phase", values, T), strict=True):
        bits = min(T, 8)
        assert sum(train[:8]) == min(math.floor(x * 2**bits), 2**bits - 1) / 2**bits
        assert 0 <= x - sum(train[:8]) <= 2**-bits
        assert train[8:] == train[: len(train) - 8] or T <= 8  # period 8


def test_phase_declares_shifts_of_one_number() -> None:
    values = build_encoder("phase").values
    assert (values.kind, values.highest, values.scale) == ("integer", 128, 2**-8)
    assert str(values) == "integer up to 128 times 0.00390625"


# ---- words ---------------------------------------------------------------------------------------------------------


@pytest.fixture
def own_encoders(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a test registers is forgotten after it."""


class Blink(Encoder):
    """The image at the first time step only."""

    def forward(self, x: Tensor, time_steps: int) -> Tensor:
        return torch.cat([x.unsqueeze(0), x.new_zeros(time_steps - 1, *x.shape)])


@pytest.mark.usefixtures("own_encoders")
def test_a_registered_encoder_is_a_word_like_any_other() -> None:
    from tests.models.tiny import random_input, smallest

    register_encoder("blink", Blink)
    with pytest.raises(ConfigError, match="encoder 'blink' is registered already; choose another word"):
        register_encoder("blink", Blink)
    model = smallest(encoder="blink")
    x = random_input(model, 2)
    frames = torch.zeros(2, model.config.time_steps, *x.shape[1:])
    frames[:, 0] = x
    assert torch.equal(model(x), model(frames))


@pytest.mark.usefixtures("own_encoders")
@pytest.mark.parametrize("wrong", [torch.nn.Identity, lambda: Blink()], ids=["module", "function"])
def test_what_is_no_encoder_class_is_not_registered(wrong: Any) -> None:
    with pytest.raises(ConfigError, match=r"'mine' must be a subclass of spikeformers\.layers\.Encoder, got <"):
        register_encoder("mine", wrong)


def test_an_unknown_encoder() -> None:
    with pytest.raises(UnknownNameError, match=r"no encoder 'poison'\. Did you mean 'poisson'\? Known: direct, poi"):
        build_encoder("poison")
