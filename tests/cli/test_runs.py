"""`spikeformers runs`: what is listed, compared, drawn and complained about."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from spikeformers.cli.commands import runs
from spikeformers.cli.dispatch import call
from spikeformers.errors import DataError
from tests.train.events import write_run

Captured = pytest.CaptureFixture[str]


@pytest.fixture
def directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two runs, and one whose log another version wrote."""
    monkeypatch.setenv("COLUMNS", "100")
    write_run(tmp_path / "one", 2)
    write_run(tmp_path / "deep" / "two", 1, finished=False, seed=4)
    old = write_run(tmp_path / "old [1]")
    (old / "log.jsonl").write_text('{"epoch": 1, "test_loss": 1.0}\n')
    return tmp_path


def test_lists_runs_and_says_which_cannot_be_shown(directory: Path, capsys: Captured) -> None:
    assert call("runs", ["list", str(directory)]) == 0
    out, err = capsys.readouterr()
    assert f"{directory / 'one'}  digits_spikformer on digits" in out.replace("\n", "")
    assert "2/2  finished" in out
    assert "1/2  unfinished" in out
    assert "old" not in out
    assert err.startswith("Not shown: ")
    assert "old [1]/log.jsonl, line 1" in err


def test_lists_as_json(directory: Path, capsys: Captured) -> None:
    assert call("runs", ["list", str(directory), "--json"]) == 0
    out, err = capsys.readouterr()
    answer = json.loads(out)
    assert [(run["run"], run["finished"]) for run in answer["runs"]] == [
        (str(directory / "deep" / "two"), False),
        (str(directory / "one"), True),
    ]
    assert "test_loss" in answer["unreadable"][0]
    assert err == ""


def test_looks_into_runs_unless_told_otherwise(
    directory: Path, capsys: Captured, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(directory)
    with pytest.raises(DataError, match="no directory runs"):
        runs.list_runs()
    write_run(Path("runs/mine"))
    runs.list_runs()
    assert "runs/mine" in capsys.readouterr().out


def test_a_directory_without_runs_is_told(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"no runs in .*recipe.json"):
        runs.list_runs(tmp_path)


def test_compares_runs_and_draws_them(directory: Path, capsys: Captured) -> None:
    words = ["compare", str(directory / "one"), str(directory / "deep" / "two"), str(directory / "one")]
    assert call("runs", words) == 0
    out = capsys.readouterr().out
    assert "seed" in out
    assert "--out compare.png" in out
    assert list(directory.glob("*.png")) == []
    picture = directory / "some [1].png"
    assert call("runs", [*words, "--out", str(picture), "--json"]) == 0
    answer = json.loads(capsys.readouterr().out)
    assert answer["differences"]["seed"] == [0, 4, 0]
    assert [len(run["epochs"]) for run in answer["runs"]] == [2, 1, 2]
    assert answer["runs"][0]["epochs"][1]["train_loss"] == 1.0
    assert answer["picture"] == str(picture)
    assert picture.read_bytes().startswith(b"\x89PNG")
    assert call("runs", [*words, "--out", str(picture)]) == 0
    assert f"Curves: {picture}" in capsys.readouterr().out


def test_one_run_is_not_enough(directory: Path, capsys: Captured) -> None:
    assert call("runs", ["compare", str(directory / "one")]) == 2
    assert "SECOND" in capsys.readouterr().err


def test_a_run_that_is_not_there_is_named(directory: Path) -> None:
    with pytest.raises(DataError, match=r"no run in .*ones.*Did you mean 'one'"):
        runs.compare(directory / "one", directory / "ones", ())


def test_listing_and_comparing_need_no_torch(directory: Path) -> None:
    code = (
        "import sys; from spikeformers.cli.dispatch import call; "
        "assert call('runs', ['list', sys.argv[1]]) == 0; "
        "assert call('runs', ['compare', sys.argv[1] + '/one', sys.argv[1] + '/one']) == 0; "
        "assert not {'torch', 'matplotlib'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code, str(directory)], check=True, capture_output=True)
