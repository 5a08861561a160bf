from __future__ import annotations

import pytest
import torch

from spikeformers.errors import ConfigError
from spikeformers.ops import backend, lif


def test_every_operation_has_the_reference(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(backend.VARIABLE, raising=False)
    assert [choice.operation for choice in backend.describe()] == list(backend.IMPLEMENTED)
    monkeypatch.setenv(backend.VARIABLE, "reference")
    assert {choice.backend for choice in backend.describe()} == {"reference"}
    assert all(backend.VARIABLE in choice.reason for choice in backend.describe())


@pytest.mark.parametrize(
    ("word", "message"), [("natve", "Did you mean 'native'"), ("triton", "no triton implementation")]
)
def test_a_backend_that_is_not_there_is_refused(monkeypatch: pytest.MonkeyPatch, word: str, message: str) -> None:
    monkeypatch.setenv(backend.VARIABLE, word)
    with pytest.raises(ConfigError, match=message):
        backend.describe()
    with pytest.raises(ConfigError, match=message):
        lif(torch.zeros(2, 3))
