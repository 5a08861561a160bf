"""The rules are about operations that exist."""

from __future__ import annotations

import pytest
import torch

from spikeformers.measure.auditing.proof.rules import READS, RULES


def _exists(name: str) -> bool:
    packet, _, overload = name.partition(".")
    return any(overload in getattr(torch.ops.aten, word).overloads() for word in (packet, f"{packet}_") if _has(word))


def _has(packet: str) -> bool:
    return hasattr(torch.ops.aten, packet)


@pytest.mark.parametrize("name", sorted({*RULES, *READS}))
def test_every_operation_with_a_rule_exists(name: str) -> None:
    assert _exists(name)
