"""The page of a plan: what is known stands there, what is not known says so, and it fits the terminal."""

from __future__ import annotations

import pytest
import torch
from rich.console import Console

from spikeformers.report.preview import plan
from spikeformers.train.official import Samples
from spikeformers.train.previewing import Cost, Group, Preview, Rates
from spikeformers.train.probe import Memory, Speed
from spikeformers.train.recipe import Recipe, load_recipe


def make(recipe: Recipe, *, known: bool = True, found: bool = True) -> Preview:
    memory = Memory(weights=4_000_000, gradients=3_900_000, optimizer=7_800_000, average=0, activations=2_000_000_000)
    cost = Cost(
        model="spikformer_4_384.cifar10",
        input=(3, 32, 32),
        time_steps=4,
        classes=10,
        parameters=9_324_730,
        learning=9_000_000,
        groups=(
            Group(parameters=8_000_000, weight_decay=0.06, lr_scale=0.5),
            Group(parameters=1_000_000, weight_decay=0.0, lr_scale=1.0),
        ),
        memory=memory,
        speed=Speed(seconds=0.5, passes=1, samples=1, dtype=torch.float32),
    )
    return Preview(
        recipe=recipe,
        device="cpu",
        samples=Samples(train=45_000, validation=5_000, test=10_000, classes=10) if known else None,
        steps_per_epoch=351 if known else None,
        rates=Rates(
            start=(0.0, 1e-5),
            warmed_up=(20.0, 4.9e-4),
            middle=(155.0, 2.4e-4),
            end=(309.9, 1e-5),
            curve=tuple((float(epoch), 1e-5 * epoch) for epoch in range(120)),
        ),
        missing=() if found else (recipe.init,),
        cost=cost if known else None,
    )


def page(preview: Preview, width: int = 80) -> str:
    console = Console(width=width)
    with console.capture() as capture:
        console.print(plan(preview))
    return capture.get()


def test_everything_known_is_on_the_page() -> None:
    words = " ".join(page(make(load_recipe("spikformer_cifar10")), width=140).split())
    for part in (
        "9,324,730, 324,730 of them frozen",
        "3×32×32, 4 time steps",
        "random weights (seed 42)",
        "45,000 for training, 5,000 for validation, 10,000 for testing (official sizes, no file was read)",
        "351 per epoch, 108,810 in 310 epochs",
        "weight decay 0.06 on 8,000,000 parameters, none on 1,000,000; learning rate times 0.5 to 1, by stage",
        "warmed up 0.00049 after 20 epochs",
        "activations 2 GB for 128 samples, estimated",
        "in all 2.02 GB",
        "an epoch 2 min 56 s",
        "all epochs 15 h 06 min",
        "estimated from 1 timed step on 1 synthetic image on this machine",
        "timed in float32: a CPU may need far longer for float16",
        "95.19 % (Spikformer paper, CIFAR table; reported by the paper, not measured here)",
    ):
        assert part in words


def test_what_is_not_known_is_said() -> None:
    text = page(make(load_recipe("finetune"), known=False, found=False), width=140)
    words = " ".join(text.split())
    assert "runs/cifar10_jpeg, which is not there: give a checkpoint with --init" in words
    assert "unknown before the files are read: give --data-dir" in words
    assert "updates 5 epochs" in words
    for absent in ("Memory", "Time on", "Paper", "parameters,"):
        assert absent not in text


@pytest.mark.parametrize("name", ["spikformer_imagenet", "spikformer_dvs128_gesture", "cifar10_jpeg"])
def test_the_page_fits_80_columns_and_its_curve_is_whole(name: str) -> None:
    lines = page(make(load_recipe(name))).splitlines()
    assert max(map(len, lines)) <= 80
    (foot,) = (line for line in lines if line.rstrip().endswith("epochs") and line.split()[0] == "0")
    assert len(foot.rstrip()) - len("  1.19e-03 ") == 60
