"""Runs in tables and curves: every figure is there, whole, at any width."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from spikeformers.errors import InputError
from spikeformers.report import curves, runs, style
from spikeformers.train.runs import Run, differing_words, read_run
from tests.report.drawn import check_texts, texts
from tests.train.events import write_run

LONG = "sweeps/of_many_runs/fashion_mnist_lr_4e-3_weight_decay_2e-2_seed_12345"


@pytest.fixture
def three(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[Run]:
    """A finished run judged on a validation part, an unfinished one, and one that has just begun."""
    monkeypatch.chdir(tmp_path)
    held_out = {
        "eval_part": "validation", "parameters": 96_066, "test_accuracy": 0.81, "best_test_accuracy": 0.82,
        "seconds": 754.0,
    }  # fmt: skip
    write_run(Path(LONG), 4, result=held_out, validation=0.1, optimizer={"lr": 0.004})
    write_run(Path("b"), 2, finished=False, validation=0.1)
    write_run(Path("new"), 0, finished=False, seed=3)
    return [read_run(path) for path in (Path(LONG), Path("b"), Path("new"))]


def shown(page: Any, width: int) -> list[str]:
    console = Console(width=width, color_system=None)
    with console.capture() as capture:
        console.print(page)
    return capture.get().splitlines()


@pytest.mark.parametrize("width", [80, 140])
def test_the_list_shows_all_of_each_run(three: list[Run], width: int) -> None:
    lines = shown(runs.run_list(three), width)
    assert max(map(len, lines)) <= width
    assert lines[1].split() == ["epochs", "state", "best", "on", "test", "parameters", "time"]
    assert LONG in lines[2]
    whole = [" ".join(line.split()) for line in lines]
    assert "4/4 finished 93.75 % validation 81.00 % 96,066 12 min 34 s" in whole
    assert "b digits_spikformer on digits" in whole
    assert "2/3 unfinished 87.50 % validation – – 2 min 05 s" in whole
    assert whole[-1] == "0/1 unfinished – – – – 0.0 s"


def test_a_best_epoch_on_the_test_images_comes_with_a_warning(three: list[Run], tmp_path: Path) -> None:
    judged_on_test = read_run(write_run(tmp_path / "on_test"))
    for table in (runs.run_list, lambda some: runs.run_comparison(some, {})):
        assert "flatters" not in "".join(shown(table(three), 80))
        assert "flatters" in "".join(shown(table([*three, judged_on_test]), 80))


@pytest.mark.parametrize("width", [80, 140])
def test_the_comparison_has_every_figure_by_number(three: list[Run], width: int) -> None:
    lines = [" ".join(line.split()) for line in shown(runs.run_comparison(three, differing_words(three)), width)]
    assert "2 b digits_spikformer on digits" in lines
    assert "1 4/4 93.75 % 93.75 % 4 validation 81.00 % 82.00 %" in lines
    assert "1 0.5000 87.50 % 12.30 % 3.12 % 0.00 % 812 12 min 34 s" in lines
    assert "3 0/1 – – – – – –" in lines
    assert "3 – – – – – – 0.0 s" in lines
    assert "optimizer.lr 0.004 0.01 0.01" in lines
    assert "seed 0 0 3" in lines
    assert "validation 0.1 0.1 0.0" in lines


def test_runs_of_one_recipe_differ_in_nothing(three: list[Run]) -> None:
    assert "Nothing that decides a run." in shown(runs.run_comparison(three[1:2] * 2, {}), 80)


# ---- curves --------------------------------------------------------------------------------------------------------


def test_curves_are_the_logs(three: list[Run]) -> None:
    figure = curves.run_curves(three)
    loss, accuracy, firing = figure.axes
    assert [len(line.get_xdata()) for line in loss.lines] == [4, 2, 0]
    assert loss.lines[0].get_ydata().tolist() == [2.0, 1.0, 2 / 3, 0.5]
    assert accuracy.lines[1].get_ydata().tolist() == [0.75, 0.875]
    assert firing.lines[0].get_ydata().tolist() == [0.123] * 4
    words = [text for text, _ in texts(figure)]
    assert f"{LONG}, judged on the validation part" in words
    assert "b, judged on the validation part, unfinished: 2 of 3 epochs" in words
    check_texts(figure)


@pytest.mark.parametrize("count", [1, 12])
def test_as_many_runs_as_there_are_can_be_told_apart(tmp_path: Path, count: int) -> None:
    many = [read_run(write_run(tmp_path / str(number), 1 + number)) for number in range(count)]
    figure = curves.run_curves(many)
    looks = {(line.get_color(), line.get_linestyle()) for line in figure.axes[0].lines}
    assert len(looks) == count
    assert figure.axes[0].lines[0].get_marker() == "o"  # one epoch is a point
    check_texts(figure)


def test_runs_without_an_epoch_make_an_empty_picture(three: list[Run], tmp_path: Path) -> None:
    style.save(curves.run_curves(three[2:]), tmp_path / "c.PNG")
    assert (tmp_path / "c.PNG").read_bytes().startswith(b"\x89PNG")


def test_a_format_that_is_none_is_named(three: list[Run], tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"'xyz'.*\.png"):
        style.save(curves.run_curves(three), tmp_path / "c.xyz")
    assert not (tmp_path / "c.xyz").exists()
