"""What docs/results.md says of the small models on the digits, tried with the user's own command."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest


@pytest.mark.slow
@pytest.mark.parametrize("family", ["sdt", "meta_spikeformer", "e_spikeformer", "spikeformer", "qkformer"])
def test_every_family_learns_the_digits(family: str, tmp_path: Path) -> None:
    words = ["train", f"digits_{family}", "--out", str(tmp_path / "run"), "--json"]
    answer = subprocess.run([sys.executable, "-m", "spikeformers", *words], capture_output=True, text=True, check=False)
    assert answer.returncode == 0, answer.stderr
    assert json.loads(answer.stdout)["last_accuracy"] >= 0.97
