import csv
import json
from pathlib import Path

import pytest

from spikeformers.data import load_dataset, normalise, read_all
from spikeformers.measure import accelerator, count, energy
from spikeformers.models import fuse
from spikeformers.train import load_run
from tests.cli.conftest import Command

FEW = ("--limit", "6", "--batch-size", "4")


@pytest.fixture(scope="module")
def counted(trained: Path):
    """What the command should say of six images, fused, from the parts it is made of."""
    run, digits = load_run(trained), load_dataset("digits")
    pixels = read_all(digits.test).images[[0, 60, 120, 180, 240, 300]]
    x = normalise(pixels, run.provenance.mean, run.provenance.std)
    return count(fuse(run.model)[0], [x[:4], x[4:]])


def test_json_holds_every_form_and_convention(spikeformers: Command, trained: Path, counted) -> None:
    answer = spikeformers("profile", trained, *FEW, "--json")
    assert answer.code == 0
    found = json.loads(answer.out)["profiles"][trained.name]
    assert found["samples"] == 6
    assert [form["label"] for form in found["forms"]] == ["as trained", "norms fused"]
    for convention in ("neurobench", "paper", "exact", "memory"):
        expected = energy(counted, convention)
        assert found["forms"][1]["energies"][convention]["millijoules"] == pytest.approx(expected.millijoules)
    assert found["forms"][1]["counts"]["rows"] == json.loads(json.dumps([row.to_dict() for row in counted.rows]))


def test_the_table_says_what_it_rests_on(spikeformers: Command, trained: Path, counted) -> None:
    answer = spikeformers("profile", trained, *FEW)
    text = " ".join(answer.out.split())
    assert "6 test images of digits" in text
    for words in ("4.6 pJ", "0.9 pJ", "3.12 pJ", "Memory is not counted.", "ISSCC 2014", "norms fused"):
        assert words in text
    assert f"{energy(counted, 'exact').acs:,.0f}" in text
    assert "Costliest 5 of" in text


def test_all_layers_on_request(spikeformers: Command, trained: Path, counted) -> None:
    answer = spikeformers("profile", trained, *FEW, "--layers", "--convention", "paper")
    for row in counted.rows:
        assert row.name in answer.out
    assert "convention 'paper'" in answer.out
    assert "3.12 pJ" not in answer.out


def test_models_side_by_side_and_a_plain_one_as_csv(
    spikeformers: Command, trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "my_ann.py").write_text(
        "from torch import nn\n\n\ndef build():\n    return nn.Sequential(nn.Flatten(), nn.Linear(64, 10))\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    path = tmp_path / "layers.csv"
    answer = spikeformers("profile", trained, "my_ann:build", "--dataset", "digits", *FEW, "--csv", path)
    assert answer.code == 0
    assert "my_ann:build" in answer.out
    rows = list(csv.DictReader(path.read_text().splitlines()))
    assert {(row["model"], row["form"]) for row in rows} == {
        (trained.name, "as trained"),
        (trained.name, "norms fused"),
        ("my_ann:build", "as given"),
    }
    (ann,) = (row for row in rows if row["model"] == "my_ann:build")
    assert float(ann["dense"]) == 640
    assert ann["sees"] == "real"
    assert float(ann["paper_picojoules"]) == pytest.approx(640 * 4.6 + 10 * 4.6)


def test_firing_on_request(spikeformers: Command, trained: Path) -> None:
    answer = spikeformers("profile", trained, *FEW, "--firing", "--json")
    layers = json.loads(answer.out)["firing"][trained.name]["layers"]
    assert len(layers) == len(list(load_run(trained).model.named_neurons()))
    assert "Firing: " in spikeformers("profile", trained, *FEW, "--firing").out
    plain = spikeformers("profile", "torch.nn:Flatten", "--dataset", "digits", *FEW, "--firing", "--json")
    assert json.loads(plain.out)["firing"] == {"torch.nn:Flatten": None}


def test_accelerators_with_a_what_if(spikeformers: Command, trained: Path, counted) -> None:
    words = ("--accelerator", "vesta", "--accelerator", "parallel_time_steps", "--what-if", "zero_skip=true")
    answer = spikeformers("profile", trained, *FEW, *words)
    text = " ".join(answer.out.split())
    for name in ("vesta", "parallel_time_steps"):
        assert f"{accelerator(counted, name, zero_skip=True).cycles:,}" in text
    assert "zero_skip = True: what-if" in text
    assert "Predicted minus published" in text
    assert "not known" in text


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--convention", "exakt"), "Did you mean 'exact'"),
        (("--accelerator", "vista"), "Did you mean 'vesta'"),
        (("--accelerator", "vesta", "--what-if", "pe=3"), "Did you mean 'pes'"),
        (("--convention", "exact", "--convention", "exact"), "--convention exact exact: names something twice"),
        (("--accelerator", "vesta", "--accelerator", "vesta"), "names something twice"),
        (("--csv", "."), ". is a directory"),
        (("--limit", "0"), "--limit is 0"),
        (("--batch-size", "0"), "batch_size is 0"),
    ],
)
def test_what_cannot_be_is_said(spikeformers: Command, trained: Path, words: tuple[str, ...], message: str) -> None:
    answer = spikeformers("profile", trained, *words)
    assert answer.code == 1
    assert message in " ".join(answer.err.split())
