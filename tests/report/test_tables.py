"""Every figure of a result is in its table."""

from __future__ import annotations

from dataclasses import replace

import pytest
from rich.console import Console

from spikeformers import catalog
from spikeformers.measure import Firing
from spikeformers.report import tables
from spikeformers.report.results import Choice, Fact, Prediction


def shown(table, width=120) -> str:
    console = Console(width=width, color_system=None)
    with console.capture() as capture:
        console.print(table)
    return capture.get()


def test_run_result(models):
    text = shown(tables.run_result(models[0].run))
    for figure in ("spikformer_2_64.digits", "130,370", "97.22 % after the last epoch (4)", "2 min 05 s"):
        assert figure in text
    assert "97.50 % at its best (epoch 4); choosing on test images flatters" in text
    assert "validation" not in text


def test_run_result_judged_on_held_out_images(models):
    run = replace(
        models[0].run, eval_part="validation", best_accuracy=0.91, best_epoch=3, last_accuracy=0.9,
        test_accuracy=0.88, best_test_accuracy=0.89,
    )  # fmt: skip
    lines = [" ".join(line.split()) for line in shown(tables.run_result(run)).splitlines()]
    start = lines.index("validation 90.00 % after the last epoch (4)")
    assert lines[start + 1 : start + 4] == [
        "91.00 % at its best (epoch 3)",
        "test accuracy 88.00 % after the last epoch (4)",
        "89.00 % with the weights of epoch 3, best on the validation images",
    ]
    assert "flatters" not in "".join(lines)


def test_evaluation(models):
    text = shown(tables.evaluation(models[0].evaluation, model="m", dataset="digits"))
    assert "97.22 %  (350 of 360)" in text


def test_firing_shows_every_layer_on_one_scale(models):
    lines = shown(tables.firing(models[0].firing, "Firing")).splitlines()
    assert any(line.split()[:4] == ["blocks.6.neuron", "600", "1,000", "60.00"] for line in lines)
    lengths = {line.split()[0]: line.count("█") for line in lines if line.startswith("blocks")}
    assert lengths["blocks.6.neuron"] == 16
    assert lengths["blocks.3.neuron"] == 8
    assert lengths["blocks.0.neuron"] == 0


def test_firing_of_silent_analog_and_no_layers():
    silent = Firing(name="silent", official_name=None, spikes=0, elements=10)
    analog = Firing(name="analog", official_name=None, spikes=-2.5, elements=10, reset_spikes=3)
    text = shown(tables.firing([silent, analog], "Firing"))
    assert "-25.00 %" in text
    assert "0.00 %" in text
    assert "Firing" in shown(tables.firing([], "Firing"))


def test_predictions_name_each_image_once():
    choices = (Choice(label="seven [7]", probability=0.9), Choice(label="one", probability=0.1))
    text = shown(tables.predictions([Prediction(file="a [b].png", choices=choices)] * 2))
    assert text.count("a [b].png") == 2
    assert text.count("seven [7]") == 2
    assert "90.00 %" in text


def test_comparison(models):
    text = shown(tables.comparison(models, "Accuracy"))
    assert text.count("350 of 360") == 2


def test_environment_groups_topics():
    facts = [
        Fact(topic="A", name="one", value="1", reason="because [x]"),
        Fact(topic="B", name="gpu", value="none", present=False),
        Fact(topic="A", name="two", value="2", present=True),
    ]
    lines = [line.strip() for line in shown(tables.environment(facts)).splitlines() if line.strip()]
    assert lines[0] == "A"
    assert lines[1].startswith("one")
    assert lines[1].endswith("because [x]")
    assert lines[2].split() == ["✓", "two", "2"]
    assert lines[3] == "B"


@pytest.mark.parametrize("width", [80, 200])
def test_the_model_list_cuts_no_figure(width):
    records = [catalog.get(name) for name in catalog.names()]
    text = shown(tables.model_list(records), width)
    for record in records:
        assert record.name in text
        assert f"{record.parameters:,}" in text


def test_a_model_without_paper_has_a_card_without_one():
    record = replace(
        catalog.get("spikformer_4_384.cifar10"), paper=catalog.Paper(), published=(), notes=(), uncertain=()
    )
    text = shown(tables.model_card(record))
    for word in ("\n  paper ", "Published", "Notes", "Uncertain"):
        assert word not in text
    assert "\n  licence " in text
