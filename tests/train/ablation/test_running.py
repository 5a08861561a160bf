"""Real, short runs of a study: each is trained once, whatever happens in between."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from spikeformers.data import Dataset
from spikeformers.errors import DataError
from spikeformers.train.ablation.cells import Ablation, Job
from spikeformers.train.ablation.findings import read_findings
from spikeformers.train.ablation.record import Figures, Record, StudyDirectory
from spikeformers.train.ablation.running import Observer, Standing, train_study
from spikeformers.train.loop import fit
from spikeformers.train.result import EpochDone, Event
from spikeformers.train.runs import read_run
from tests.report.studied import figures
from tests.train.ablation.conftest import factor

Made = Callable[..., Ablation]


class Seen(Observer):
    """Notes what it is told; `meanwhile` happens while the named run is trained."""

    def __init__(self, **meanwhile: Callable[[], None]) -> None:
        self.trained: list[str] = []
        self.epochs, self.standings, self.kept = 0, list[Standing](), list[str]()
        self.meanwhile = meanwhile

    @contextmanager
    def training(self, job: Job, number: int, total: int) -> Iterator[Callable[[Event], None]]:
        self.trained.append(f"{job.title} {job.seed}")
        self.meanwhile.get(f"run_{number}", lambda: None)()
        yield self._watch

    def _watch(self, event: Event) -> None:
        self.epochs += isinstance(event, EpochDone)

    def ended(self, job: Job, record: Record, standing: Standing) -> None:
        self.standings.append(standing)

    def elsewhere(self, job: Job) -> None:
        self.kept.append(f"{job.title} {job.seed}")


def trained(ablation: Ablation, out: Path, **how: Any) -> Seen:
    seen = how.pop("observer", None) or Seen()
    train_study(ablation, out, observer=seen, **how)
    return seen


ALL = ["base 0", "neuron: PLIF 0", "base 1", "neuron: PLIF 1"]


def test_every_run_is_trained_once_as_train_does(tiny: Ablation, tmp_path: Path) -> None:
    first = trained(tiny, tmp_path / "out")
    assert first.trained == ALL
    assert [(each.finished, each.total) for each in first.standings] == [(1, 4), (2, 4), (3, 4), (4, 4)]
    left = [each.seconds_left for each in first.standings]
    assert all(seconds is not None and seconds > 0 for seconds in left[:3])
    assert left[3] == 0

    job = tiny.jobs()[3]
    record = StudyDirectory(tmp_path / "out").read(job)
    assert record is not None
    assert (record.factor, record.label, record.seed, record.dataset) == ("neuron", "PLIF", 1, "digits")
    assert record.overrides == {"model.config.neuron": "plif"}
    direct = fit(job.recipe, out=tmp_path / "direct")
    assert record.figures == replace(Figures.of(direct), seconds=record.figures.seconds if record.figures else 0)
    assert record.figures is not None
    assert record.figures.accuracy == direct.last_accuracy
    assert record.figures.parameters == job.cell.parameters

    again = trained(tiny, tmp_path / "out")
    assert not again.trained


def test_checkpoints_go_and_logs_stay_unless_they_are_kept(tiny: Ablation, tmp_path: Path) -> None:
    trained(tiny, tmp_path / "bare")
    trained(tiny, tmp_path / "full", keep_checkpoints=True)
    heavy = ("last.safetensors", "best.safetensors")
    for job in tiny.jobs():
        bare, full = (StudyDirectory(tmp_path / name).run(job.key) for name in ("bare", "full"))
        assert not any((bare.path / name).exists() for name in heavy)
        assert not list(bare.path.glob("state-*.bin"))
        assert read_run(bare.path).epochs == read_run(full.path).epochs != []
        assert all((full.path / name).exists() for name in heavy)


def test_a_run_whose_record_was_not_written_is_read(tiny: Ablation, tmp_path: Path) -> None:
    trained(tiny, tmp_path)
    directory, job = StudyDirectory(tmp_path), tiny.jobs()[0]
    before = directory.read(job)
    directory.record(job.key).unlink()
    seen = trained(tiny, tmp_path)
    assert (seen.trained, seen.epochs) == (["base 0"], 0)
    after = directory.read(job)
    assert before is not None
    assert after is not None
    assert after.figures == before.figures
    assert after.learns_from == before.learns_from != ""


def test_a_read_run_that_learned_from_other_data_ends_the_study(
    tiny: Ablation, digits: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trained(tiny, tmp_path)
    directory, job = StudyDirectory(tmp_path), tiny.jobs()[0]
    shutil.rmtree(directory.run(job.key).path)
    directory.record(job.key).unlink()
    other = replace(digits, mean=tuple(2 * each for each in digits.mean))
    monkeypatch.setattr("spikeformers.train.feed.load_dataset", lambda *args, **words: other)
    fit(job.recipe, out=directory.run(job.key).path)
    with pytest.raises(DataError, match="learned from another data set called digits"):
        trained(tiny, tmp_path)
    assert not directory.record(job.key).exists()


def test_what_was_interrupted_goes_on(made: Made, digits: Dataset, tmp_path: Path) -> None:
    study = made(**{'"schedule.epochs" = 1': '"schedule.epochs" = 3'})

    class Stopping(Seen):
        def _watch(self, event: Event) -> None:
            super()._watch(event)
            if self.epochs == 2:
                raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        trained(study, tmp_path / "out", observer=Stopping())
    assert not list((tmp_path / "out" / "cells").glob("[!.]*.json"))
    seen = Seen()
    trained(study, tmp_path / "out", observer=seen)
    assert seen.trained == ALL
    assert seen.epochs == 4 * 3 - 2
    trained(study, tmp_path / "whole")
    one, other = (read_findings(study, tmp_path / name) for name in ("out", "whole"))
    assert [line.accuracies for line in one.lines] == [line.accuracies for line in other.lines]


def test_a_failing_cell_is_recorded_and_tried_again(made: Made, digits: Dataset, tmp_path: Path) -> None:
    study = made(factor("rate", wild={"optimizer.lr": "1e30", "schedule.warmup_lr": "1e30"}))
    seen = trained(study, tmp_path)
    assert len(seen.trained) == 6
    assert (seen.standings[-1].finished, seen.standings[-1].failed) == (4, 2)
    findings = read_findings(study, tmp_path)
    assert set(findings.failures) == {"rate: wild, seed 0", "rate: wild, seed 1"}
    assert all("diverged" in why for why in findings.failures.values())
    assert (findings.finished, findings.missing, findings.total) == (4, 0, 6)
    assert list(findings.lines[-1].failures) == [0, 1]
    again = trained(study, tmp_path)
    assert again.trained == ["rate: wild 0", "rate: wild 1"]
    assert [(each.finished, each.failed) for each in again.standings] == [(4, 1), (4, 2)]


def test_what_nobody_foresaw_costs_one_run(tiny: Ablation, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(recipe: Any, **how: Any) -> Any:
        if recipe.seed == 1:
            raise ZeroDivisionError("surprise")
        return fit(recipe, **how)

    monkeypatch.setattr("spikeformers.train.ablation.running.fit_once", fail)
    trained(tiny, tmp_path)
    assert read_findings(tiny, tmp_path).failures == {
        "base, seed 1": "ZeroDivisionError: surprise", "neuron: PLIF, seed 1": "ZeroDivisionError: surprise"
    }  # fmt: skip
    record = StudyDirectory(tmp_path).read(tiny.jobs()[-1])
    assert record is not None
    assert "in fail" in record.traceback
    monkeypatch.undo()


def test_what_another_process_trains_is_left_to_it(tiny: Ablation, tmp_path: Path) -> None:
    directory = StudyDirectory(tmp_path)
    directory.make()
    with directory.held(tiny.jobs()[1].key) as ours:
        assert ours
        seen = trained(tiny, tmp_path)
    assert seen.kept == ["neuron: PLIF 0"]
    assert sorted(seen.trained) == sorted(set(ALL) - set(seen.kept))
    assert read_findings(tiny, tmp_path).missing == 1


def test_what_another_process_has_ended_meanwhile_is_not_trained_again(tiny: Ablation, tmp_path: Path) -> None:
    directory, jobs = StudyDirectory(tmp_path), tiny.jobs()
    trained(tiny, tmp_path / "other")
    finished = StudyDirectory(tmp_path / "other").read(jobs[1])
    assert finished is not None

    def other_process() -> None:
        directory.write(jobs[1].key, finished)
        failed = replace(finished, recipe=jobs[2].recipe.to_dict(), figures=None, failure="just now")
        directory.write(jobs[2].key, failed)

    seen = trained(tiny, tmp_path, observer=Seen(run_1=other_process))
    assert seen.trained == ["base 0", "neuron: PLIF 1"]
    assert read_findings(tiny, tmp_path).failures == {"base, seed 1": "just now"}


def test_other_data_under_the_same_name_end_the_study(
    tiny: Ablation, digits: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trained(tiny, tmp_path)
    StudyDirectory(tmp_path).forget(tiny.jobs()[-1].key)
    other = replace(digits, mean=tuple(2 * each for each in digits.mean))
    monkeypatch.setattr("spikeformers.train.feed.load_dataset", lambda *args, **words: other)
    with pytest.raises(DataError, match="'base' with seed 0 learned from another data set called digits"):
        trained(tiny, tmp_path)
    assert read_findings(tiny, tmp_path).missing == 1


def test_missing_data_end_the_study_instead_of_failing_every_cell(
    made: Made, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    study = made(**{"[set]": '[set]\ndataset = "mnist"'})
    with pytest.raises(DataError):
        trained(study, tmp_path / "out", data_dir=tmp_path / "nothing")
    assert read_findings(study, tmp_path / "out").missing == 4


@pytest.mark.parametrize("content", ["{", "[]", "{}", json.dumps({"title": 3})])
def test_a_damaged_record_is_named(content: str, tiny: Ablation, tmp_path: Path) -> None:
    directory, key = StudyDirectory(tmp_path), tiny.jobs()[0].key
    directory.make()
    directory.record(key).write_text(content)
    with pytest.raises(
        DataError, match=rf"{key}\.json.*Remove the file: it is made again from the result\.json of its run"
    ):
        trained(tiny, tmp_path)


@pytest.fixture
def written(made: Made, tmp_path: Path) -> Callable[..., Ablation]:
    """Call it with changes of a sound record, to have it lie in `tmp_path` as that of the base with the first seed."""
    ablation = made()
    job, directory = ablation.jobs()[0], StudyDirectory(tmp_path)
    sound = Record(
        title=job.title, label="base", seed=job.seed, dataset="digits", recipe=job.recipe.to_dict(), version="1",
        ended=0.0, figures=figures(0.5),
    )  # fmt: skip

    def write(**changes: Any) -> Ablation:
        directory.make()
        directory.write(job.key, replace(sound, **changes))
        return ablation

    return write


def test_a_record_of_an_earlier_version_is_read(written: Callable[..., Ablation], tmp_path: Path) -> None:
    recipe = written().jobs()[0].recipe.to_dict()
    del recipe["accumulate"]  # as if this word had been added since
    assert read_findings(written(recipe=recipe), tmp_path).finished == 1


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"figures": figures(17.5)}, "accuracy must be a share from 0 to 1, got 17.5"),
        ({"figures": figures(0.5, test_accuracy=-0.1)}, "test_accuracy must be a share"),
        ({"figures": figures(0.5, dead=1.5)}, "dead must be a share"),
        ({"figures": figures(0.5, loss=-1.0)}, "loss must be 0 or more"),
        ({"figures": figures(0.5, seconds=-1.0)}, "seconds must be 0 or more"),
        ({"figures": figures(0.5, epochs=0)}, "epochs must be 1 or more"),
        ({"figures": None}, "either figures or a failure"),
        ({"failure": "diverged"}, "either figures or a failure"),
        ({"recipe": {}}, "recipe: the key .* is missing"),
    ],
)
def test_a_record_that_no_run_can_have_left_is_damaged(
    changes: dict[str, Any], message: str, written: Callable[..., Ablation], tmp_path: Path
) -> None:
    with pytest.raises(DataError, match=rf"{message}.*Remove the file"):
        read_findings(written(**changes), tmp_path)


def test_a_copied_record_of_another_run_is_told(written: Callable[..., Ablation], tmp_path: Path) -> None:
    ablation = written()
    directory, jobs = StudyDirectory(tmp_path), ablation.jobs()
    sound = directory.record(jobs[0].key).read_bytes()
    for job, word in ((jobs[1], r"model\.config\.neuron is None there and plif"), (jobs[2], "seed is 0 there and 1")):
        directory.record(job.key).write_bytes(sound)
        with pytest.raises(DataError, match=rf"{job.key}\.json is the record of another run: {word}"):
            read_findings(ablation, tmp_path)
        directory.record(job.key).unlink()
