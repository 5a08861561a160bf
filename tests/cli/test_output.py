"""`--json`: any result becomes strict JSON."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from spikeformers.cli.output import console, error_console, plain

leaves = st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.just(Path("runs"))
values = st.recursive(
    leaves,
    lambda inner: st.lists(inner) | st.tuples(inner, inner) | st.dictionaries(st.text() | st.integers(), inner),
)


@given(values)
def test_everything_plain_is_strict_json(value):
    text = json.dumps(plain(value), allow_nan=False)
    assert json.loads(text) == plain(value)


@dataclass
class Named:
    shape: tuple[int, ...]


class Speaking:
    def to_dict(self):
        return {"where": Path("runs"), "loss": float("inf")}


def test_results_become_objects():
    assert plain([Named((1, 2)), Speaking()]) == [{"shape": [1, 2]}, {"where": "runs", "loss": None}]


def test_a_narrow_terminal_wraps_but_does_not_cut(monkeypatch):
    monkeypatch.setenv("COLUMNS", "30")
    assert console().width == 80
    monkeypatch.setenv("COLUMNS", "200")
    assert error_console().width == 200
