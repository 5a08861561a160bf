"""What `make demo` promises: two models that learn the digits, and the same figures when it is run again."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest


def demonstrate(out: Path) -> dict[str, Any]:
    words = [sys.executable, "-m", "spikeformers", "demo", "--out", str(out), "--json"]
    answer = subprocess.run(words, capture_output=True, text=True, check=False)
    assert answer.returncode == 0, answer.stderr
    return json.loads(answer.stdout)


def without_times(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: without_times(item) for key, item in value.items() if key != "seconds"}
    return [without_times(item) for item in value] if isinstance(value, list) else value


@pytest.mark.slow
def test_both_models_learn_the_digits_and_a_second_run_repeats_the_first(tmp_path: Path) -> None:
    first = demonstrate(tmp_path)
    assert [model["evaluation"]["samples"] for model in first["models"]] == [360, 360]
    for model in first["models"]:
        assert model["evaluation"]["accuracy"] >= 0.97, model["label"]
    assert without_times(demonstrate(tmp_path)) == without_times(first)
