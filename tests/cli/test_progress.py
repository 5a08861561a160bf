"""The live table and bar of a terminal, and the lines of a file."""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Sequence

import pytest
from rich.console import Console

from spikeformers.cli import progress
from spikeformers.train.result import Event, Note
from tests.train.events import epoch_events, started, step_done

Show = Callable[..., list[str]]


@pytest.fixture
def show(monkeypatch: pytest.MonkeyPatch) -> Show:
    """Call it with events and get the lines they leave, without the codes that move the cursor."""

    def run(events: Sequence[Event], *, terminal: bool, width: int = 80, colours: bool = False) -> list[str]:
        text = io.StringIO()
        system = "standard" if colours else None
        screen = Console(file=text, force_terminal=terminal, width=width, color_system=system, highlight=False)
        monkeypatch.setattr(progress, "error_console", lambda: screen)
        with progress.watching("first [run]") as watch:
            for event in events:
                watch(event)
        shown = text.getvalue()
        return (shown if colours else re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", shown)).replace("\r", "\n").splitlines()

    return run


RUN: list[Event] = [started(eval_part="validation"), *epoch_events(1), *epoch_events(2)]


def test_a_file_gets_a_line_per_epoch_with_all_figures(show: Show) -> None:
    assert show(RUN, terminal=False) == [
        "first [run]  epoch 1 of 2  loss 2.000  training accuracy 50.00 %  validation accuracy 75.00 %  firing 12.3 %  "
        "dead 3.1 %  saturated 0.0 %  1 min 02 s",
        "first [run]  epoch 2 of 2  loss 1.000  training accuracy 75.00 %  validation accuracy 87.50 %  firing 12.3 %  "
        "dead 3.1 %  saturated 0.0 %  1 min 03 s",
    ]


def test_a_terminal_gets_a_table_under_one_header(show: Show) -> None:
    lines = [line for line in show(RUN, terminal=True) if line.strip() and "━" not in line]
    assert lines[0] == "first [run]  130,370 parameters, 6 training and 4 validation images"
    assert [line.split() for line in lines[1:]] == [
        ["epoch", "loss", "training", "validation", "firing", "dead", "saturated", "time"],
        ["1/2", "2.000", "50.00", "%", "75.00", "%", "12.3", "%", "3.1", "%", "0.0", "%", "1", "min", "02", "s"],
        ["2/2", "1.000", "75.00", "%", "87.50", "%", "12.3", "%", "3.1", "%", "0.0", "%", "1", "min", "03", "s"],
    ]


@pytest.mark.parametrize(("width", "words"), [(80, ("acc", "img/s", "grad")), (140, ("accuracy", "images/s", "norm"))])
def test_the_bar_has_the_latest_figures_on_one_line(show: Show, width: int, words: tuple[str, ...]) -> None:
    accuracy, speed, gradient = words
    lines = show([*RUN, step_done(3, 1)], terminal=True, width=width)
    bars = [line for line in lines if "━" in line]
    assert f"loss 0.767  {'validation ' * (width > 80)}{accuracy} 87.5 %  812 {speed}  " in bars[-1]
    assert f"{gradient} 1.2 " in bars[-1]
    assert max(map(len, lines)) <= width
    assert not any(accuracy in line for line in lines if "epoch 1/2" in line)  # nothing is judged before an epoch ends


def test_the_bar_of_a_long_run_fits_80_columns(show: Show) -> None:
    events = [started(epochs=300, epochs_done=299), *epoch_events(300), step_done(300, 3)]
    assert any("epoch 300/300" in line and "%" in line for line in show(events, terminal=True))
    assert max(map(len, show(events, terminal=True))) <= 80


def test_a_resumed_run_starts_its_bar_where_it_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    bars = progress.Progress(console=Console(file=io.StringIO()))
    watch = progress._Live(bars, "run")
    for event in [started(epochs=4, epochs_done=2, resumed="goes on"), step_done(3, 2)]:
        watch(event)
    (task,) = bars.tasks
    assert (task.completed, task.total) == (2 * 3 + 2, 4 * 3)
    assert task.speed is None  # what an earlier process did says nothing about the time that remains
    watch(step_done(3, 3))
    assert task.completed == 9


ALARMING: list[Event] = [
    started(resumed="Goes on after epoch 1 [of 4].", unreadable=tuple(f"{i}.png: cut short" for i in range(7))),
    *epoch_events(1, vanishing=("tokenizer", "blocks.0")),
    *epoch_events(2, vanishing=("tokenizer", "blocks.0")),
    *epoch_events(3),
    *epoch_events(4, vanishing=("blocks.0",)),
    Note(text="The newest state is damaged."),
]


@pytest.mark.parametrize("terminal", [True, False])
def test_says_what_went_wrong(show: Show, terminal: bool) -> None:
    text = "\n".join(show(ALARMING, terminal=terminal, width=200))
    assert text.count("Goes on after epoch 1 [of 4].") == 1
    assert "7 images cannot be read" in text
    assert "4.png: cut short\n  and 2 more" in text
    assert "5.png" not in text
    assert text.count("vanished in tokenizer, blocks.0:") == 1  # not again while nothing changes
    assert text.count("vanished in blocks.0:") == 1
    assert "surrogate_alpha" in text
    assert "The newest state is damaged." in text


def test_alarms_are_yellow(show: Show) -> None:
    lines = show(ALARMING, terminal=True, width=200, colours=True)
    for words in ("Goes on", "7 images", "vanished", "damaged"):
        (line,) = [line for line in lines if words in line][:1]
        assert "\x1b[33m" in line.partition(words)[0]


def test_a_normal_run_has_no_alarms(show: Show) -> None:
    assert len(show(RUN, terminal=False)) == 2
