"""A user's own surrogate gradient by word."""

from __future__ import annotations

import pytest
import torch

from spikeformers.errors import ConfigError
from spikeformers.ops import SURROGATES, Dynamics, Surrogate, SurrogateLaw, lif, register_surrogate


def test_a_registered_surrogate_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("spikeformers.ops.surrogate.SURROGATES", dict(SURROGATES))
    constant = SurrogateLaw(lambda u, alpha: torch.full_like(u, alpha), lambda u, alpha: alpha * u, 3.0)
    register_surrogate("constant", constant)
    x = torch.zeros(1, 4, requires_grad=True)
    lif(x, dynamics=Dynamics(surrogate=Surrogate("constant")))[0].sum().backward()
    assert x.grad is not None
    assert torch.equal(x.grad, torch.full((1, 4), 1.5))  # slope 3, input divided by tau = 2


def test_a_name_is_registered_once() -> None:
    with pytest.raises(ConfigError, match="'sigmoid' is registered already"):
        register_surrogate("sigmoid", SURROGATES["sigmoid"])
