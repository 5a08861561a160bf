"""Run directories read back: finished, unfinished, foreign and damaged ones."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from spikeformers.errors import DataError
from spikeformers.train.runs import differing_words, find_runs, read_run, read_runs
from tests.train.events import epoch_log, epoch_time, run_result, write_run


def test_a_finished_run_comes_back_as_it_was_written(tmp_path: Path) -> None:
    path = write_run(tmp_path / "run", 3, seed=5)
    run = read_run(path)
    assert run.epochs == [epoch_log(1), epoch_log(2), epoch_log(3)]
    assert run.times == [epoch_time(1), epoch_time(2), epoch_time(3)]
    assert run.result == run_result(path, 3, seed=5)  # the path is where it lies now, not where it was written
    assert (run.recipe.seed, run.recipe.schedule.total_epochs) == (5, 3)
    assert (run.eval_part, run.best, run.seconds) == ("test", epoch_log(3), 125.0)


def test_an_unfinished_run_has_what_is_known_so_far(tmp_path: Path) -> None:
    run = read_run(write_run(tmp_path / "run", 2, finished=False))
    figures = run.to_dict()
    assert json.loads(json.dumps(figures)) == figures
    assert (figures["finished"], figures["epochs_done"], figures["epochs_total"]) == (False, 2, 3)
    assert (figures["best_accuracy"], figures["best_epoch"], figures["last_accuracy"]) == (0.875, 2, 0.875)
    assert figures["seconds"] == 62.0 + 63.0
    for unknown in ("test_accuracy", "best_test_accuracy", "parameters"):
        assert figures[unknown] is None
    assert figures["eval_part"] == "test"


def test_a_run_without_an_epoch_is_a_run(tmp_path: Path) -> None:
    run = read_run(write_run(tmp_path / "run", 0, finished=False))
    assert (run.epochs, run.times, run.best, run.seconds, run.eval_part) == ([], [], None, 0, None)
    assert run.to_dict()["last_accuracy"] is None


def test_the_best_epoch_is_the_first_of_the_highest(tmp_path: Path) -> None:
    run = read_run(write_run(tmp_path / "run", 3, log={"eval_accuracy": 0.5}))
    assert run.best is run.epochs[0]


# ---- finding -------------------------------------------------------------------------------------------------------


def test_finds_runs_at_any_depth_but_none_that_are_hidden(tmp_path: Path) -> None:
    places = [tmp_path, tmp_path / "b" / "deep" / "er", tmp_path / "a", tmp_path / "a" / "within"]
    for place in places:
        place.mkdir(parents=True, exist_ok=True)
        (place / "recipe.json").write_text("{}")
    for hidden in (tmp_path / "a" / ".saving-xyz", tmp_path / ".trash" / "old"):
        hidden.mkdir(parents=True)
        (hidden / "recipe.json").write_text("{}")
    assert find_runs(tmp_path) == sorted(places)
    (tmp_path / "empty").mkdir()
    assert find_runs(tmp_path / "empty") == []


def test_a_directory_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"no directory .*nowhere.*spikeformers train"):
        find_runs(tmp_path / "nowhere")


def test_a_directory_without_a_run_names_the_nearest_run(tmp_path: Path) -> None:
    write_run(tmp_path / "digits_lif")
    (tmp_path / "digits_lf2").mkdir()
    with pytest.raises(DataError, match=r"no run in .*digits_lf: expected recipe.json .*Did you mean 'digits_lif'\?"):
        read_run(tmp_path / "digits_lf")


# ---- foreign and damaged files -------------------------------------------------------------------------------------


def old_log(path: Path) -> None:
    figures = {"epoch": 1, "step": 3, "train_loss": 1.0, "test_loss": 1.0, "test_accuracy": 0.5, "seconds": 1.0}
    (path / "log.jsonl").write_text(json.dumps(figures) + "\n")


def old_recipe(path: Path) -> None:
    table = json.loads((path / "recipe.json").read_text())
    (path / "recipe.json").write_text(json.dumps({**table, "label_smoothing": 0.1}))


def edited(file: str, **changes: Any) -> Any:
    def edit(path: Path) -> None:
        table = json.loads(
            (path / file).read_text().splitlines()[0] if file.endswith("l") else (path / file).read_text()
        )
        (path / file).write_text(json.dumps({**table, **changes}))

    return edit


def cut_short(file: str) -> Any:
    return lambda path: (path / file).write_bytes((path / file).read_bytes()[:-5])


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (old_log, ["log.jsonl, line 1", "'test_loss'", "another version"]),
        (old_recipe, ["recipe.json", "'label_smoothing'", "another version"]),
        (edited("result.json", accuracy=1.0), ["result.json", "'accuracy'", "another version"]),
        (edited("result.json", best_epoch="2"), ["result.json", "best_epoch", "whole number", "'2'"]),
        (edited("result.json", eval_part="train"), ["result.json", "eval_part", "'validation', 'test'"]),
        (edited("log.jsonl", firing_rate=None), ["log.jsonl, line 1", "firing_rate"]),
        (edited("times.jsonl", hours=1), ["times.jsonl, line 1", "'hours'"]),
        (cut_short("result.json"), ["result.json is damaged", "copy"]),
        (cut_short("log.jsonl"), ["log.jsonl, line 2 is damaged", "copy"]),
        (cut_short("recipe.json"), ["recipe.json cannot be parsed"]),
        (lambda path: (path / "result.json").write_text("[1]"), ["result.json", "one JSON object", "list"]),
        (lambda path: (path / "log.jsonl").write_bytes(b"\xff\xfe"), ["log.jsonl cannot be read"]),
    ],
)
def test_what_cannot_be_read_is_named_and_hides_no_other_run(tmp_path: Path, spoil: Any, words: list[str]) -> None:
    whole = write_run(tmp_path / "whole")
    spoil(write_run(tmp_path / "spoilt"))
    runs, errors = read_runs(find_runs(tmp_path))
    assert [run.path for run in runs] == [whole]
    (error,) = errors
    assert str(tmp_path / "spoilt") in str(error)
    for word in words:
        assert word in str(error)


def test_a_result_without_one_of_its_figures_names_it(tmp_path: Path) -> None:
    file = write_run(tmp_path / "run") / "result.json"
    table = json.loads(file.read_text())
    del table["test_accuracy"]
    file.write_text(json.dumps(table))
    with pytest.raises(DataError, match="'test_accuracy' is missing"):
        read_run(tmp_path / "run")


# ---- comparing recipes ---------------------------------------------------------------------------------------------


def test_words_that_differ_have_the_value_of_every_run(tmp_path: Path) -> None:
    words: list[dict[str, Any]] = [
        {"description": "one", "seed": 1},
        {"description": "two", "seed": 1, "optimizer": {"lr": 0.5}},
        {"description": "one", "seed": 2, "loss": {"tet": 0.5}},
    ]
    runs = [read_run(write_run(tmp_path / str(number), **word)) for number, word in enumerate(words)]
    assert differing_words(runs) == {
        "loss.tet": [None, None, 0.5],
        "optimizer.lr": [0.01, 0.5, 0.01],
        "seed": [1, 1, 2],
    }
    assert differing_words(runs[:1] * 2) == {}


def test_reading_runs_needs_no_torch(tmp_path: Path) -> None:
    write_run(tmp_path / "run")
    code = (
        "import sys; from pathlib import Path; from spikeformers.train.runs import find_runs, read_runs; "
        "runs, errors = read_runs(find_runs(Path(sys.argv[1]))); assert len(runs) == 1 and not errors, errors; "
        "assert not {'torch', 'matplotlib', 'numpy'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=True)
