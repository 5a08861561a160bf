"""`spikeformers predict`."""

from __future__ import annotations

import json

import pytest

from spikeformers.data import load_dataset, normalise
from spikeformers.train import load_run


def test_probabilities_are_those_of_the_model(spikeformers, trained, digit):
    answer = spikeformers("predict", trained, digit, digit, "--top-k", 4, "--json")
    assert answer.code == 0
    told = json.loads(answer.out)["predictions"]
    run = load_run(trained)
    x = normalise(load_dataset("digits").test.images[:1], run.provenance.mean, run.provenance.std)
    expected = run.model(x).softmax(1)[0].detach()
    assert len(told) == 2
    for row in told:
        assert row["image"] == str(digit)
        assert len(row["choices"]) == 4
        values = [choice["probability"] for choice in row["choices"]]
        assert values == sorted(values, reverse=True)
        for choice in row["choices"]:
            assert choice["probability"] == pytest.approx(float(expected[int(choice["label"])]), abs=1e-5)


def test_the_table_names_image_and_class(spikeformers, trained, digit):
    told = json.loads(spikeformers("predict", trained, digit, "--json").out)["predictions"][0]["choices"]
    assert len(told) == 3
    answer = spikeformers("predict", trained, digit)
    assert digit.name in answer.out.replace("\n", "")
    assert f"{100 * told[0]['probability']:.2f} %" in answer.out


def test_more_classes_than_there_are_is_all_of_them(spikeformers, trained, digit):
    told = json.loads(spikeformers("predict", trained, digit, "--top-k", 99, "--json").out)
    choices = told["predictions"][0]["choices"]
    assert sorted(choice["label"] for choice in choices) == sorted(load_dataset("digits").classes)
    assert sum(choice["probability"] for choice in choices) == pytest.approx(1.0)


@pytest.mark.parametrize("words", [[], ["{digit}", "--top-k", "0"], ["nowhere.png"], ["{run}/result.json"]])
def test_errors_are_explained(spikeformers, trained, digit, words):
    answer = spikeformers("predict", trained, *(word.format(run=trained, digit=digit) for word in words))
    assert (answer.code, answer.out) == (1, "")
    assert answer.err.startswith("Error: ")
