"""Every error of the operation, with the words a user needs to get on."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from torch import Tensor

from spikeformers.errors import ConfigError, InputError
from spikeformers.ops import Dynamics, Surrogate, lif


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ({"tau": 0.5}, r"tau must be at least 1 time step \(math.inf for no leak\), got 0.5"),
        ({"tau": math.nan}, "tau must be at least 1 .* got nan"),
        ({"v_threshold": 0.0}, "v_threshold must be a positive number, got 0.0"),
        ({"v_threshold": -1.0}, "v_threshold must be a positive number, got -1.0"),
        ({"v_threshold": math.inf}, "v_threshold must be a positive number, got inf"),
        ({"v_threshold": math.nan}, "v_threshold must be a positive number, got nan"),
        ({"v_reset": math.nan}, "v_reset must be a finite number or None, got nan"),
        ({"v_reset": None, "reset_by": math.inf}, "reset_by must be a finite number or None, got inf"),
        ({"fire": "graded"}, "fire must be one of binary, ternary, integer, got 'graded'"),
        ({"output": "voltage"}, "output must be one of spikes, normalised, membrane, got 'voltage'"),
        ({"levels": 0}, "levels must be a whole number of at least 1, got 0"),
        ({"levels": 2.5}, "levels must be a whole number of at least 1, got 2.5"),
        ({"fire": "integer"}, "integer firing .* set v_reset=None"),
        ({"output": "normalised"}, "output='normalised' .* set fire='integer'"),
        ({"reset_by": 0.5}, "reset_by belongs to the soft reset: set v_reset=None"),
    ],
)
def test_words_out_of_range_or_at_odds(words: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        Dynamics(**words)


@pytest.mark.parametrize(
    ("x", "message"),
    [
        (torch.tensor(1.0), r"\[T, \.\.\.\] with T >= 1, got torch.float32 \[\]"),
        (torch.zeros(0, 3), r"T >= 1, got torch.float32 \[0, 3\]"),
        (torch.ones(2, 3, dtype=torch.int64), r"floating point current .* got torch.int64 \[2, 3\]"),
        (torch.ones(2, 3, dtype=torch.bool), "floating point current .* got torch.bool"),
        (torch.ones(2, 3, dtype=torch.complex64), "floating point current .* got torch.complex64"),
    ],
)
def test_currents_a_neuron_cannot_take(x: Tensor, message: str) -> None:
    with pytest.raises(InputError, match=message):
        lif(x)


@pytest.mark.parametrize(
    "v",
    [torch.zeros(2), torch.zeros(1, 3), torch.zeros(3, dtype=torch.float64), torch.zeros(())],
    ids=["size", "rank", "dtype", "scalar"],
)
def test_a_state_that_does_not_fit(v: Tensor) -> None:
    got = rf"must be torch.float32 \[3\] for a current \[2, 3\], got {v.dtype} \[{', '.join(map(str, v.shape))}\]"
    with pytest.raises(InputError, match=got):
        lif(torch.zeros(2, 3), v)


@pytest.mark.parametrize("k", [torch.tensor([0.5, 0.5, 0.5]), torch.tensor([0.5]), torch.tensor(1)])
def test_a_learned_tau_that_is_no_number(k: Tensor) -> None:
    with pytest.raises(InputError, match=r"inverse_tau must be one floating point number, a tensor \[\], got torch"):
        lif(torch.zeros(2, 3), inverse_tau=k)


@pytest.mark.parametrize(
    "neuron",
    [
        Dynamics(),
        Dynamics(tau=math.inf, v_reset=None, reset_by=0.5, decay_input=False, detach_reset=False),
        Dynamics(detach_membrane=True),
        Dynamics(fire="integer", levels=7, v_reset=None, output="normalised", v_threshold=0.5),
        Dynamics(fire="ternary", output="membrane", surrogate=Surrogate("triangle", 0.25).smoothed(), v_reset=-0.5),
    ],
)
def test_words_survive_the_operator_schema(neuron: Dynamics) -> None:
    assert Dynamics.from_words(neuron.words) == neuron


def test_no_dynamics_is_spikformers_neuron() -> None:
    x = torch.randn(4, 5, generator=torch.Generator().manual_seed(0))
    neuron = Dynamics(tau=2.0, v_threshold=1.0, v_reset=0.0, decay_input=True, detach_reset=True)
    assert torch.equal(lif(x)[0], lif(x, None, neuron)[0])
