"""`spikeformers robustness`."""

import csv
import inspect
import json
from pathlib import Path

import pytest
import torch
from PIL import Image

from spikeformers.cli.commands import robustness as command
from spikeformers.data import load_dataset, normalise, read_all
from spikeformers.measure import Disturbances, robustness
from spikeformers.train import load_run
from tests.cli.conftest import Command

FEW = ("--limit", "12", "--batch-size", "5")
LITTLE = (
    "--corruptions", "contrast,jpeg", "--severities", "1,5", "--epsilons", "4", "--steps", "2", "--weight-noise", "0.5",
    "--draws", "2", "--lost-spikes", "0.3", "--seed", "7",
)  # fmt: skip
SETTINGS = Disturbances(
    corruptions=("contrast", "jpeg"), severities=(1, 5), epsilons=(4,), steps=2, weight_noise=(0.5,), draws=2,
    lost_spikes=(0.3,), seed=7,
)  # fmt: skip


@pytest.fixture(scope="module")
def expected(trained: Path):
    run, digits = load_run(trained), load_dataset("digits")
    pictures = read_all(digits.test)
    chosen = torch.arange(0, 360, 30)
    shown = [(pictures.images[chosen], pictures.labels[chosen])]
    about = run.provenance
    return robustness(run.model, shown, mean=about.mean, std=about.std, disturbances=SETTINGS)


def test_json_holds_every_row(spikeformers: Command, trained: Path, expected) -> None:
    answer = spikeformers("robustness", trained, *FEW, *LITTLE, "--json")
    assert answer.code == 0
    told = json.loads(answer.out)
    found = told["robustness"][trained.name]
    assert told["picture"] is None
    assert found["settings"] == json.loads(json.dumps(SETTINGS.to_dict()))
    assert [(row["name"], row["variant"]) for row in found["rows"]] == [
        (row.name, row.variant) for row in expected.rows
    ]
    assert (found["samples"], found["correct"]) == (12, expected.correct)
    for row, wanted in zip(found["rows"], expected.rows, strict=True):
        # The command computes other batches: an attack may meet a threshold on its other side.
        assert abs(row["correct"] - wanted.correct) <= (1 if row["family"] == "attack" else 0)


def test_the_clean_accuracy_is_that_of_eval(spikeformers: Command, trained: Path) -> None:
    answer = spikeformers(
        "robustness", trained, "--only", "corruptions", "--corruptions", "jpeg", "--severities", "1", "--json"
    )
    told = json.loads(answer.out)["robustness"][trained.name]
    assert told["clean"] == json.loads(spikeformers("eval", trained, "--json").out)["accuracy"]


def test_models_side_by_side_in_tables_csv_and_a_picture(
    spikeformers: Command, trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "my_line.py").write_text(
        "from torch import nn\n\n\ndef build():\n    return nn.Sequential(nn.Flatten(), nn.Linear(64, 10))\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    table, picture = tmp_path / "rows.csv", tmp_path / "picture.png"
    answer = spikeformers(
        "robustness", trained, "my_line:build", "--dataset", "digits", *FEW, *LITTLE, "--csv", table, "--plot", picture
    )
    assert (answer.code, answer.err) == (0, "")
    for words in ("12 test images of digits", "my_line:build", "PGD, worst", "lost spikes", "quality 40", "seed 7"):
        assert words in " ".join(answer.out.split())
    rows = list(csv.DictReader(table.read_text().splitlines()))
    assert [row["family"] for row in rows if row["model"] == "my_line:build"] == (
        ["none"] + ["corruption"] * 4 + ["attack"] * 2 + ["weights"]
    )
    assert all(float(row["accuracy"]) == int(row["correct"]) / 12 for row in rows if row["family"] != "weights")
    with Image.open(picture) as opened:
        assert opened.format == "PNG"


def test_defaults_are_those_of_the_measure() -> None:
    words = {name: each.default for name, each in inspect.signature(command.run).parameters.items()}
    defaults = Disturbances()
    listed = {
        "severities": defaults.severities, "attacks": defaults.attacks, "epsilons": defaults.epsilons,
        "surrogate": defaults.surrogates, "weight_noise": defaults.weight_noise, "lost_spikes": defaults.lost_spikes,
    }  # fmt: skip
    assert {name: words[name] for name in listed} == {name: ",".join(map(str, each)) for name, each in listed.items()}
    assert words["spurious_spikes"] is None
    assert not defaults.spurious_spikes
    for name in ("steps", "step_size", "draws", "seed"):
        assert words[name] == getattr(defaults, name)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--only", "attack"), "Did you mean 'attacks'"),
        (("--surrogate", "atn"), "Did you mean 'atan'"),
        (("--corruptions", "fog"), "no corruption 'fog'"),
        (("--severities", "1.5"), "whole numbers"),
        (("--epsilons", "x"), "cannot be read"),
        (("--plot", "."), ". is a directory"),
        (("--csv", "."), ". is a directory"),
        (("--plot", "picture.xyz", "--only", "weights", "--limit", "2", "--weight-noise", "0.1"), ".png"),
    ],
)
def test_errors_are_explained(spikeformers: Command, trained: Path, words: tuple[str, ...], message: str) -> None:
    answer = spikeformers("robustness", trained, *words)
    assert (answer.code, answer.out) == (1, "")
    assert message in answer.err


def test_normalisation_is_that_of_the_training(spikeformers: Command, trained: Path) -> None:
    """A picture that is normalised as in training gives the logits of the run."""
    run, digits = load_run(trained), load_dataset("digits")
    pictures = read_all(digits.test)
    x = normalise(pictures.images, run.provenance.mean, run.provenance.std)
    with torch.no_grad():
        correct = int((run.model.eval()(x).argmax(1) == pictures.labels).sum())
    answer = spikeformers(
        "robustness", trained, "--only", "spikes", "--lost-spikes", "1", "--batch-size", "360", "--json"
    )
    assert json.loads(answer.out)["robustness"][trained.name]["correct"] == correct
