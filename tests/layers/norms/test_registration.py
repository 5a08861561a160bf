"""What a norm and a neuron of a user's own are told of the config."""

from __future__ import annotations

from functools import partial
from typing import Any

import pytest
from torch import Tensor, nn

from spikeformers.errors import ConfigError
from spikeformers.layers import Memory, Neuron, Vocabulary, register_neuron, register_norm


class Told(nn.Module):
    def __init__(self, channels: int, time_steps: int, *, gain: float = 2.0, **more: float) -> None:
        super().__init__()
        self.told = {"channels": channels, "time_steps": time_steps, "gain": gain, **more}


class ToldNeuron(Neuron):
    def __init__(self, time_steps: int, *, gain: float = 2.0, **words: Any) -> None:
        super().__init__()
        self.told = {"time_steps": time_steps, "gain": gain, **words}

    def forward(self, x: Tensor, memory: Memory | None = None) -> Tensor:
        return x


def test_a_norm_is_given_what_it_names() -> None:
    register_norm("told", Told)
    register_norm("told_all", lambda channels, time_steps, v_threshold: Told(channels, time_steps, v=v_threshold))
    words: dict[str, Any] = {"v_threshold": 0.7, "time_steps": 6}
    assert Vocabulary(norm="told", **words).build_norm(5).told == {"channels": 5, "time_steps": 6, "gain": 2.0}
    assert Vocabulary(norm="told(gain=3.5)", **words).build_norm(5).told["gain"] == 3.5
    assert Vocabulary(norm="told_all", **words).build_norm(5).told["v"] == 0.7


def test_a_neuron_is_given_its_time_steps_where_it_names_them() -> None:
    register_neuron("told", ToldNeuron)
    told = Vocabulary(neuron="told(gain=0.5)", time_steps=6, tau=3.0).build_neuron().told
    assert (told["time_steps"], told["gain"], told["tau"]) == (6, 0.5, 3.0)


@pytest.mark.parametrize("kind", ["norm", "neuron"])
def test_what_it_is_given_is_no_option(kind: str) -> None:
    register_norm("told", Told)
    register_neuron("told", ToldNeuron)
    vocabulary = Vocabulary(**{kind: "told(time_steps=3)"})  # type: ignore[arg-type]
    build = partial(vocabulary.build_norm, 3) if kind == "norm" else vocabulary.build_neuron
    with pytest.raises(ConfigError, match=f"the {kind} 'told' has no option 'time_steps'.*Known: gain"):
        build()
