"""`scripts/fuzz_recordings.py`: the readers stand it, and it sees readers that do not."""

from __future__ import annotations

import importlib.util
import json
import os
import signal
import sys
import time
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from tests.data.recordings.fuzz_damage import DAMAGES, WORDS, Case, make_case
from tests.data.recordings.fuzz_trial import Broken, Outcome, read_case

SCRIPT = Path(__file__).parents[3] / "scripts" / "fuzz_recordings.py"

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the harness limits memory as Linux does")


@pytest.fixture
def harness() -> ModuleType:
    spec = importlib.util.spec_from_file_location("fuzz_recordings", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    # A dataclass looks its module up.
    sys.modules[spec.name] = module
    path = list(sys.path)
    spec.loader.exec_module(module)
    sys.path[:] = path
    return module


def fuzz(harness: ModuleType, path: Path, files: int, seed: int, *more: str) -> tuple[int, dict[str, Any]]:
    code = harness.main(["--files", str(files), "--seed", str(seed), "--json", str(path), *more])
    return code, json.loads(path.read_text())


def test_some_hundred_files_do_no_harm(harness: ModuleType, tmp_path: Path) -> None:
    code, result = fuzz(harness, tmp_path / "r.json", 200, 1, "--workers", "1")
    assert result["failures"] == []
    assert code == 0
    assert {word: row["files"] for word, row in result["formats"].items()} == dict.fromkeys(WORDS, 200 // len(WORDS))
    assert all(row["events read"] > 0 for row in result["formats"].values())


@pytest.mark.slow
def test_some_thousand_files_do_no_harm(harness: ModuleType, tmp_path: Path) -> None:
    code, result = fuzz(harness, tmp_path / "r.json", 6000, 2)
    assert result["failures"] == []
    assert code == 0
    assert all(row["read with counted losses"] > 0 for row in result["formats"].values())


def _crash() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def _hang() -> None:
    end = time.monotonic() + 600
    while time.monotonic() < end:
        pass


def _grow() -> None:
    bytearray(1 << 32)


def _raise() -> None:
    raise KeyError("something")


def _break() -> None:
    raise Broken("a promise")


def test_harm_is_seen_and_the_rest_is_read(
    harness: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    contents = [make_case(index, 0, tmp_path).content for index in range(40)]
    alone = [index for index in range(10, 40) if contents.count(contents[index]) == 1]
    kinds = {"crash": _crash, "memory": _grow, "exception": _raise, "promise": _break, "hang": _hang}
    harms = dict(zip(alone, kinds, strict=False))
    victims = {contents[index]: kinds[kind] for index, kind in harms.items()}

    def harmful(case: Case, folder: Path) -> Outcome:
        victims.get(case.content, lambda: None)()
        return read_case(case, folder)

    monkeypatch.setattr(harness, "read_case", harmful)
    code, result = fuzz(harness, tmp_path / "r.json", 40, 0, "--workers", "2", "--seconds", "3")
    assert code == 1
    found = {failure["index"]: failure["failure"] for failure in result["failures"]}
    assert found == harms
    assert sum(row["files"] for row in result["formats"].values()) == 40


def test_every_damage_is_done(tmp_path: Path) -> None:
    cases = [make_case(index, 0, tmp_path) for index in range(400)]
    assert {case.word for case in cases} == set(WORDS)
    assert len({case.damage for case in cases}) == len(DAMAGES)


@pytest.mark.parametrize("damage", ["none", "out of range", "unordered"])
def test_a_silent_loss_is_seen(tmp_path: Path, damage: str) -> None:
    """Were there twice the events that the file holds, its reader would have lost half of them in silence."""
    cases = (make_case(index, 0, tmp_path) for index in range(1000))
    case = next(each for each in cases if each.damage == damage and read_case(each, tmp_path).events)
    with pytest.raises(Broken):
        read_case(replace(case, events=np.repeat(case.events, 2)), tmp_path)
