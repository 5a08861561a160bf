"""Every word of the papers' ablations, and every ANN twin, trains an epoch: nothing but words of a recipe changes."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest
import torch

from spikeformers.data import Dataset, Watch
from spikeformers.layers import Unused
from spikeformers.models import SpikingModel, load
from spikeformers.train.assembly import initial_state
from spikeformers.train.loop import fit
from spikeformers.train.overrides import load_changed
from spikeformers.train.result import RunResult

QUICK = ("model.config.time_steps=2", "schedule.epochs=1", "schedule.warmup_epochs=0", "optimizer.weight_decay=0")
PYRAMID = ("dims=[8, 16, 16, 16]", "image_size=[20, 20]")  # 2 x 2 tokens: softmax over a single one teaches no query
SMALL = {
    "meta_spikeformer": PYRAMID,
    "e_spikeformer": PYRAMID,
    "spikeformer": ("dim=32", "depth=1", "v_threshold=0.1"),  # so that the neurons of its MLP fire from the start
    "sdt": ("dim=32", "depth=1"),
    "spikformer": ("dim=32", "depth=1"),
    "spikingformer": ("dim=32", "depth=1"),
}

META = [
    *([f"attention={operator}"] for operator in ("sdsa1", "sdsa2", "sdsa3", "sdsa4")),
    *([f"shortcut={shortcut}"] for shortcut in ("sew", "vanilla")),
    ["head_input=membrane"],
    ["head_input=membrane", "distillation_head=true"],
]
SPIKEFORMER = [
    *([f"neuron={neuron}"] for neuron in ("plif", "lif", "pliaf", "relu")),
    *([f"attention={attention}"] for attention in ("divided", "spatial", "temporal", "joint")),
    *([f"tokenizer={tokenizer}"] for tokenizer in ("convolutional", "patch")),
]
CASES = [
    *(("meta_spikeformer", words) for words in META),
    *(("spikeformer", words) for words in SPIKEFORMER),
    *(("e_spikeformer", [f"max_spike={largest}"]) for largest in (1, 2, 4)),
    *((family, [f"ann={activation}"]) for family in SMALL for activation in ("relu", "gelu")),
    ("sdt", ["neuron=plif"]),
    ("sdt", ["dvs_mode=true"]),
]


@pytest.fixture(autouse=True)
def framed_digits(digits: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    """The few digits in the size that the model asks for, as `load_dataset` gives them."""

    def load_framed(name: str, data_dir: Path | None = None, **words: Any) -> Dataset:
        return digits.framed(words["framing"], Watch())

    monkeypatch.setattr("spikeformers.train.feed.load_dataset", load_framed)


def train(
    family: str, words: list[str], digits: Dataset, out: Path, *settings: str
) -> tuple[RunResult, SpikingModel, set[str]]:
    """Train an epoch; return its result, the trained model, and the parameters that are as they were."""
    changes = [f"model.config.{word}" for word in (*SMALL[family], *words)]
    recipe = load_changed(f"digits_{family}", [*QUICK, *changes, *settings])
    before = dict(initial_state(recipe, digits, "cpu").model.named_parameters())
    result = fit(recipe, out=out)
    model = load(out / "last.safetensors")
    return result, model, {name for name, p in model.named_parameters() if torch.equal(p, before[name])}


def unused(model: SpikingModel) -> set[str]:
    return {
        f"{name}.{word}"
        for name, module in model.named_modules()
        if isinstance(module, Unused)
        for word, _ in module.named_parameters()
    }


@pytest.mark.slow
@pytest.mark.parametrize(("family", "words"), CASES, ids=lambda case: case if isinstance(case, str) else ",".join(case))
def test_an_epoch_moves_every_weight(family: str, words: list[str], digits: Dataset, tmp_path: Path) -> None:
    result, model, still = train(family, words, digits, tmp_path)
    (epoch,) = result.epochs
    assert math.isfinite(epoch.train_loss)
    assert math.isfinite(epoch.eval_loss)
    config = model.config.to_dict()
    assert [f"{word}={config[word]}".lower() for word in (setting.partition("=")[0] for setting in words)] == words
    untaught = {name for name, _ in model.named_parameters() if name.startswith("head.distillation")}
    assert sorted(still) == sorted(unused(model) | untaught)
    assert bool(untaught) == ("distillation_head=true" in words)


def test_a_teacher_moves_the_distillation_head(digits: Dataset, tmp_path: Path) -> None:
    train("meta_spikeformer", ["ann=relu"], digits, tmp_path / "teacher")
    taught = (f"distillation.teacher={tmp_path / 'teacher'}", "distillation.kind=hard", "distillation.output=token")
    words = ["distillation_head=true"]
    result, model, still = train("meta_spikeformer", words, digits, tmp_path / "student", *taught)
    assert math.isfinite(result.epochs[0].train_loss)
    assert not still
    assert any(name.startswith("head.distillation") for name, _ in model.named_parameters())


def test_one_time_step_goes_on_with_four_and_a_teacher(digits: Dataset, tmp_path: Path) -> None:
    train("meta_spikeformer", ["time_steps=1"], digits, tmp_path / "one")
    on = (f"init={tmp_path / 'one'}", f"distillation.teacher={tmp_path / 'one'}", "distillation.output=token")
    words = ["time_steps=4", "distillation_head=true"]
    recipe = load_changed("digits_meta_spikeformer", [*QUICK, *(f"model.config.{word}" for word in words), *on])
    one, four = load(tmp_path / "one" / "last.safetensors"), initial_state(recipe, digits, "cpu").model
    fresh = {name for name, p in four.named_parameters() if name.startswith("head.distillation")}
    assert {name for name, _ in four.named_parameters()} - fresh == {name for name, _ in one.named_parameters()}
    assert all(torch.equal(p, four.get_parameter(name)) for name, p in one.named_parameters())
    fit(recipe, out=tmp_path / "four")
    trained = load(tmp_path / "four" / "last.safetensors")
    assert trained.config.time_steps == 4
    assert not any(torch.equal(p, four.get_parameter(name)) for name, p in trained.named_parameters())
