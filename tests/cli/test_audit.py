"""`spikeformers audit` on a trained run, on forms of it, and on plain modules."""

import csv
import json
import re
from pathlib import Path

import pytest
import torch

from spikeformers.data import load_dataset, normalise, read_all
from spikeformers.measure import audit
from spikeformers.models import fuse, unroll
from spikeformers.train import load_run
from tests.cli.conftest import Command

FEW = ("--limit", "6", "--batch-size", "4")


@pytest.fixture(scope="module")
def images():
    digits = load_dataset("digits")
    return normalise(read_all(digits.test).images[[0, 60, 120, 180, 240, 300]], digits.mean, digits.std)


def test_json_is_the_audit_of_the_fused_model(spikeformers: Command, trained: Path, images: torch.Tensor) -> None:
    answer = spikeformers("audit", trained, *FEW, "--json")
    assert (answer.code, answer.err) == (0, "")
    found = json.loads(answer.out)["audits"][trained.name]
    expected = audit(fuse(load_run(trained).model)[0], [images[:4], images[4:]])
    assert found["form"] == "norms fused"
    assert found["rows"] == json.loads(json.dumps(expected.to_dict()["rows"]))
    assert found["samples"] == 6


def test_the_table_answers_the_question(spikeformers: Command, trained: Path) -> None:
    answer = spikeformers("audit", trained, *FEW)
    assert answer.code == 0
    text = " ".join(answer.out.split())
    assert "6 test images of digits" in text
    assert "form norms fused" in text
    assert "Is it spike-driven? Not spike-driven throughout" in text
    assert re.search(r"blocks\.0\.attention\.q\.linear +linear +integer up to 2 +\w+", answer.out)
    assert "sums of spikes (tokenizer.join" in text
    assert "Fed the model's input." in text


@pytest.mark.parametrize(("form", "named"), [("trained", "as trained"), ("unrolled", "unrolled to binary sub-steps")])
def test_other_forms(spikeformers: Command, trained: Path, images: torch.Tensor, form: str, named: str) -> None:
    answer = spikeformers("audit", trained, *FEW, "--form", form, "--json")
    assert answer.code == 0
    found = json.loads(answer.out)["audits"][trained.name]
    assert named in found["form"]
    model = load_run(trained).model
    expected = audit(unroll(fuse(model)[0]) if form == "unrolled" else model, images)
    assert [row["verdict"] for row in found["rows"]] == [row.verdict for row in expected.rows]
    assert found["fused"] == (None if form == "trained" else "norms")


def test_a_plain_module_beside_a_run_as_csv(
    spikeformers: Command, trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "my_nets.py").write_text(
        "from torch import nn\n\n\ndef ann():\n    return nn.Sequential(nn.Flatten(), nn.Linear(64, 10))\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    out = tmp_path / "audit.csv"
    answer = spikeformers("audit", trained, "my_nets:ann", *FEW, "--dataset", "digits", "--csv", out)
    assert (answer.code, answer.err) == (0, "")
    assert "Side by side" in answer.out
    rows = list(csv.DictReader(out.read_text().splitlines()))
    assert {row["model"] for row in rows} == {trained.name, "my_nets:ann"}
    (linear,) = [row for row in rows if row["model"] == "my_nets:ann"]
    assert (linear["verdict"], linear["why"], linear["violation"]) == ("real", "Fed the model's input.", "False")
    # What has no integers is audited as it is.
    answer = spikeformers("audit", "my_nets:ann", *FEW, "--dataset", "digits", "--form", "unrolled")
    assert "there are no integers to unroll" in " ".join(answer.out.split())


def test_a_broken_declaration_ends_with_a_message(
    spikeformers: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "broken.py").write_text(
        "import torch\nfrom torch import nn\nfrom spikeformers.layers import BINARY, Linear\n\n\n"
        "class Net(nn.Module):\n"
        "    def __init__(self):\n        super().__init__()\n        self.fc = Linear(64, 10, inputs=BINARY)\n\n"
        "    def forward(self, x):\n        spikes = (x.flatten(1) > 0).float()\n"
        "        return self.fc((spikes + spikes)[None, ..., None])[0, ..., 0]\n\n\n"
        "def build():\n    return Net()\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    answer = spikeformers("audit", "broken:build", *FEW, "--dataset", "digits")
    assert answer.code == 0
    assert "DECLARATIONS BROKEN" in answer.out
    assert "declarations broken, more was seen than declared in fc." in answer.err


def test_words_that_make_no_sense(spikeformers: Command, trained: Path) -> None:
    assert spikeformers("audit").code != 0
    assert spikeformers("audit", trained, "--form", "melted").code == 2
    assert spikeformers("audit", trained, "--limit", "0").code == 1
