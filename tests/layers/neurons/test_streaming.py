"""Time: step by step, from rest, for the number of steps a neuron was built for; and what it keeps."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from spikeformers.errors import ConfigError, InputError, NotStreamable
from spikeformers.layers import NEURONS, Memory
from tests.layers.neurons.made import T, assert_fires_now_and_then, build, current, moved, streamed

STREAMING = [
    "klif",
    "klif(k=1.5, scale_reset=true)",
    "glif",
    "clif",
    "learned_threshold",
    "psn(causal=true)",
    "sliding_psn",
    "sliding_psn(order=1)",
    "sliding_psn(order=9)",
]
BUILT_FOR_T = ["glif", "psn", "psn(causal=true)"]


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16])
@pytest.mark.parametrize("v_reset", [0.0, -0.2, None])
@pytest.mark.parametrize("word", STREAMING)
def test_step_by_step_is_all_at_once_to_the_last_bit(word: str, v_reset: float | None, dtype: torch.dtype) -> None:
    neuron, x = moved(word, v_reset=v_reset).to(dtype), current().to(dtype)
    out = neuron(x)
    assert_fires_now_and_then(out)
    assert out.dtype == dtype
    assert neuron.values.hold(out)
    assert torch.equal(streamed(neuron, x), out)
    assert torch.equal(neuron(x), out)


@pytest.mark.parametrize("word", ["klif", "clif", "glif", "sliding_psn", "psn(causal=true)"])
def test_parameters_of_full_precision_leave_half_precision_as_it_is(word: str) -> None:
    neuron, x = moved(word).float(), current().bfloat16()
    assert neuron(x).dtype == torch.bfloat16
    assert neuron.potentials(x).dtype == torch.bfloat16


@pytest.mark.parametrize("word", [*STREAMING, "psn"])
def test_potentials_are_held_against_the_threshold(word: str) -> None:
    neuron, x = moved(word, v_threshold=0.75), current()
    h = neuron.potentials(x)
    assert not h.requires_grad
    assert torch.equal((h >= neuron.v_threshold).double(), neuron(x))


def test_no_step_of_a_psn_can_be_run_before_the_others_are_known() -> None:
    with pytest.raises(NotStreamable, match=r"all time steps, later ones too.*psn\(causal=true\)"):
        build("psn")(current()[:1], Memory({}))


@pytest.mark.parametrize("steps", [T - 1, T + 1])
@pytest.mark.parametrize("word", BUILT_FOR_T)
def test_another_number_of_time_steps(word: str, steps: int) -> None:
    neuron = build(word)
    for run in (neuron, neuron.potentials):
        with pytest.raises(InputError, match=rf"of time_steps = {T} steps and got {steps}\. .* time_steps = {steps}"):
            run(current(steps=steps))


@pytest.mark.parametrize("word", ["glif", "psn(causal=true)"])
def test_a_stream_ends_with_the_steps_it_was_built_for(word: str) -> None:
    neuron = build(word)
    with pytest.raises(InputError, match=f"time_steps = {T} steps and got {T + 1}"):
        streamed(neuron, current(steps=T + 1))


@pytest.mark.parametrize("word", ["klif", "clif", "learned_threshold", "sliding_psn"])
def test_others_take_any_number_of_time_steps(word: str) -> None:
    neuron, x = build(word), current(steps=9)
    assert torch.equal(streamed(neuron, x), neuron(x))
    assert torch.equal(neuron(x[:2]), neuron(x)[:2])


@pytest.mark.parametrize(
    ("word", "kept"),
    [
        ("klif", {"v": 1}),
        ("clif", {"v": 1, "m": 1}),
        ("glif", {"v": 1, "step": 0}),
        ("sliding_psn(order=4)", {"x": 3}),
        ("sliding_psn(order=1)", {}),
        ("psn(causal=true)", {"x": T - 1}),
        ("learned_threshold", {"v": 1}),
    ],
)
def test_what_is_kept_from_step_to_step_is_told(word: str, kept: dict[str, int]) -> None:
    neuron, x = build(word), current()
    memory = Memory({})
    neuron(x[: T - 1], memory)
    sizes = {name: value.numel() // x[0].numel() for (_, name), value in memory.after.items()}
    assert sizes == kept
    assert neuron.remembers == neuron.element_spec().remembers == sum(kept.values())


@pytest.mark.parametrize("word", sorted(NEURONS))
def test_a_current_has_time_steps(word: str) -> None:
    if word in ("relu", "gelu"):
        return  # functions of any tensor
    with pytest.raises(InputError, match="floating point current" if word != "sfa" else "floating"):
        build(word)(torch.ones(T, 2, dtype=torch.int64))


@pytest.mark.parametrize(
    ("word", "words", "message"),
    [
        ("psn", {"time_steps": 0}, "psn has weights for each time step and needs time_steps >= 1, got 0"),
        ("glif", {"time_steps": 0}, "glif has weights for each time step"),
        ("glif", {"tau": 1.0}, "starts at a tau above 1 and below infinity, got 1"),
        ("glif(leak_gate=1.0)", {}, "leak_gate of glif starts between 0 and 1"),
        ("glif(reset_gate=0.0)", {}, "reset_gate of glif starts between 0 and 1"),
        ("sliding_psn(order=0)", {}, "at least 1; got 0"),
        ("klif(order=2)", {}, "neuron 'klif' has no option 'order'"),
        ("psn(time_steps=3)", {}, "neuron 'psn' has no option 'time_steps'"),
        ("psn(causal=1)", {}, "causal in"),
    ],
)
def test_what_cannot_be_built(word: str, words: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        build(word, **words)


def test_asking_a_vocabulary_for_its_spikes_draws_no_random_numbers() -> None:
    from spikeformers.layers import Vocabulary

    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    assert str(Vocabulary(neuron="psn").spikes) == "binary"
    assert torch.equal(torch.rand(3), expected)
