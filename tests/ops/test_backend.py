"""Which implementation runs: the environment variable decides, and says no to what does not exist."""

from __future__ import annotations

import pytest
import torch

from spikeformers.errors import ConfigError
from spikeformers.ops import lif
from spikeformers.ops.backend import IMPLEMENTED, VARIABLE, choose, describe


def test_without_a_wish_the_fastest_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(VARIABLE, raising=False)
    choice = choose("lif")
    assert choice.operation == "lif"
    assert "fastest" in choice.reason
    assert choice in describe()


def test_a_wish_is_followed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, "reference")
    assert choose("lif").backend == "reference"
    assert VARIABLE in choose("lif").reason
    assert lif(torch.tensor([2.0]))[0].tolist() == [1]


def test_an_unknown_backend_offers_the_nearest(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, "refrence")
    with pytest.raises(ConfigError, match=r"'refrence' is no backend\. Did you mean 'reference'\? Known: .*triton"):
        lif(torch.tensor([2.0]))


def test_a_backend_this_operation_lacks_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(IMPLEMENTED, "lif", ("reference",))
    monkeypatch.setenv(VARIABLE, "triton")
    with pytest.raises(ConfigError, match=r"lif has no triton implementation .*reference.* Unset SPIKEFORMERS_BACKEND"):
        lif(torch.tensor([2.0]))
