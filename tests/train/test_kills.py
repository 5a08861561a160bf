"""Runs that are killed at random moments end as an undisturbed one; the whole harness is `scripts/kill_runs.py`."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from scripts import kill_runs


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="there is no SIGKILL")
def test_killed_runs_end_with_the_bytes_of_an_undisturbed_one(tmp_path: Path) -> None:
    figures = kill_runs.try_kills(12, seed=1, folder=tmp_path)
    assert (figures.kills, figures.different) == (12, 0)
    assert figures.while_saving  # else no kill met a half-written save, and the test would show less than it says
