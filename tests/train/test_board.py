"""Curves for TensorBoard, read back with its own reader."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

import pytest

from spikeformers.train import TrainingError, board
from spikeformers.train.result import Event, RunFinished
from tests.train.events import STEPS, epoch_events, epoch_log, run_result, started, step_done


def write(out: Path, events: Sequence[Event]) -> None:
    watch = board.writer(out)
    for event in events:
        watch(event)


def curves(out: Path) -> dict[str, dict[int, float]]:
    """Every curve as {step: value}; a step that was written twice and not purged is an error."""
    from tensorboard.backend.event_processing import event_accumulator

    events = event_accumulator.EventAccumulator(str(out / "tensorboard"))
    events.Reload()
    found = {}
    for name in events.Tags()["scalars"]:
        points = [(event.step, event.value) for event in events.Scalars(name)]
        assert len(dict(points)) == len(points), name
        found[name] = dict(points)
    return found


drawing = pytest.mark.skipif(find_spec("tensorboard") is None, reason="TensorBoard is an extra, not installed here")


@drawing
def test_every_figure_of_every_step_and_epoch_is_a_point(tmp_path: Path) -> None:
    result = RunFinished(result=run_result(tmp_path))
    write(tmp_path, [started(eval_part="validation"), *epoch_events(1), *epoch_events(2), result])
    drawn = curves(tmp_path)
    assert drawn["step/loss"] == pytest.approx(
        {(epoch - 1) * STEPS + step: step_done(epoch, step).loss for epoch in (1, 2) for step in (1, 2, 3)}
    )
    for name in ("learning_rate", "gradient_norm", "images_per_second"):
        assert list(drawn[f"step/{name}"]) == [1, 2, 3, 4, 5, 6]
    of_epochs = {
        "loss/train": "train_loss",
        "loss/validation": "eval_loss",
        "accuracy/train": "train_accuracy",
        "accuracy/validation": "eval_accuracy",
        "neurons/firing_rate": "firing_rate",
        "neurons/dead": "dead",
        "neurons/saturated": "saturated",
    }
    for name, field in of_epochs.items():
        assert drawn[name] == pytest.approx({3: getattr(epoch_log(1), field), 6: getattr(epoch_log(2), field)})
    assert drawn["gradient_norm/blocks.0"] == pytest.approx({3: 0.25, 6: 0.125})
    assert len(drawn) == 4 + 7 + 3


@drawing
def test_a_resumed_run_continues_the_curves(tmp_path: Path) -> None:
    write(tmp_path, [started(), *epoch_events(1), step_done(2, 1), step_done(2, 2)])
    first = board.writer(tmp_path)  # a run that is killed before its first step leaves nothing to purge
    first(started(epochs_done=1, resumed="goes on"))
    write(tmp_path, [started(epochs_done=1, resumed="goes on"), *epoch_events(2, train_loss=0.75)])
    drawn = curves(tmp_path)
    assert list(drawn["step/loss"]) == [1, 2, 3, 4, 5, 6]
    assert drawn["loss/train"] == {3: 2.0, 6: 0.75}


@drawing
def test_a_run_resumed_within_an_epoch_keeps_the_steps_before(tmp_path: Path) -> None:
    write(tmp_path, [started(), step_done(1, 1), step_done(1, 2)])
    write(tmp_path, [started(resumed="goes on"), *epoch_events(1)[1:]])
    assert list(curves(tmp_path)["step/loss"]) == [1, 2, 3]


@drawing
def test_a_new_run_in_the_same_directory_starts_its_curves_anew(tmp_path: Path) -> None:
    write(tmp_path, [started(), *epoch_events(1), *epoch_events(2)])
    write(tmp_path, [started(), *epoch_events(1, train_loss=9.0)])
    drawn = curves(tmp_path)
    assert list(drawn["step/loss"]) == [1, 2, 3]
    assert drawn["loss/train"] == {3: 9.0}


@drawing
def test_an_epoch_is_on_the_disk_as_soon_as_it_is_done(tmp_path: Path) -> None:
    watch = board.writer(tmp_path)
    for event in [started(), *epoch_events(1)]:
        watch(event)
    assert list(curves(tmp_path)["loss/train"]) == [3]


def test_without_tensorboard_the_error_says_how_to_install_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "torch.utils.tensorboard", raising=False)
    monkeypatch.setitem(sys.modules, "tensorboard", None)
    with pytest.raises(TrainingError, match=r"pip install 'spikeformers\[tensorboard\]'"):
        board.writer(tmp_path)
    assert list(tmp_path.iterdir()) == []
