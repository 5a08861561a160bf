"""`spikeformers info`."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from spikeformers import catalog


@pytest.mark.parametrize("name", catalog.names())
def test_every_model_has_a_card(spikeformers, name):
    answer = spikeformers("info", name)
    record = catalog.get(name)
    assert answer.code == 0
    assert f"{record.parameters:,}" in answer.out
    for word in record.config:
        assert f"\n  {word} " in answer.out
    for result in record.published:
        assert "Published: figures as their sources report them, not measured here" in answer.out
        assert f"{result.value:.2f} %" in answer.out
    text = " ".join(answer.out.split())  # lines may be folded anywhere
    for line in (record.paper.title, record.licence_note, *record.notes, *record.uncertain):
        assert " ".join(line.split()) in text


def test_json_is_the_record(spikeformers):
    answer = spikeformers("info", "spikformer_4_384.cifar10", "--json")
    told = json.loads(answer.out)
    record = catalog.get("spikformer_4_384.cifar10")
    assert told["parameters"] == record.parameters
    assert told["config"]["image_size"] == [32, 32]
    assert [result["source"] for result in told["published"]] == [result.source for result in record.published]


def test_cite_is_bibtex_and_nothing_else(spikeformers):
    bibtex = catalog.get("spikformer_4_384.cifar10").paper.bibtex.strip()
    assert bibtex.startswith("@inproceedings{")
    assert spikeformers("info", "spikformer_4_384.cifar10", "--cite").out == bibtex + "\n"
    told = spikeformers("info", "spikformer_4_384.cifar10", "--cite", "--json").out
    assert json.loads(told)["bibtex"].strip() == bibtex


def test_an_unknown_name_offers_the_nearest(spikeformers):
    answer = spikeformers("info", "spikfomer_4_384.cifar10")
    assert (answer.code, answer.out) == (1, "")
    assert "'spikformer_4_384.cifar10'" in answer.err


def test_a_model_without_a_citation_says_so(spikeformers, monkeypatch):
    ours = replace(catalog.get("spikformer_4_384.cifar10"), paper=catalog.Paper())
    monkeypatch.setattr(catalog, "get", lambda name: ours)
    answer = spikeformers("info", ours.name, "--cite")
    assert (answer.code, answer.out) == (1, "")
    assert "no citation" in answer.err


def test_without_a_name_it_asks_for_one(spikeformers):
    answer = spikeformers("info")
    assert (answer.code, answer.out) == (1, "")
    assert "Which model?" in answer.err
    assert "--compatibility" in answer.err


def test_compatibility_is_about_all_families(spikeformers):
    answer = spikeformers("info", "spikformer_4_384.cifar10", "--compatibility")
    assert (answer.code, answer.out) == (1, "")
    assert "leave out 'spikformer_4_384.cifar10'" in answer.err


@pytest.fixture
def few(monkeypatch):
    """Three combinations in the place of hundreds: one that streams, one that cannot, one that is refused."""
    cells = [
        ("spikformer_4_256.cifar10", "shortcut", "iand"),
        ("spikeformer_7_512.imagenet", "shortcut", "iand"),
        ("spikformer_4_256.cifar10", "neuron", "lif"),
        ("spikeformer_7_512.imagenet", "neuron", "lif"),
    ]
    monkeypatch.setattr("spikeformers.models.compatibility.combinations", lambda: cells)


@pytest.mark.usefixtures("few")
def test_compatibility_prints_the_matrix(spikeformers):
    answer = spikeformers("info", "--compatibility")
    assert answer.err == "trying every family with every word: 4 small models to build and run ...\n"
    lines = answer.out.splitlines()
    assert [line.split() for line in lines if line.startswith(("iand", "lif"))] == [
        ["iand", "●", "a"],
        ["lif", "●", "○"],
    ]
    assert "  1  spikformer (spikformer_4_256.cifar10)" in [line.rstrip() for line in lines]
    (reason,) = [line for line in lines if line.startswith("  a  ")]
    assert "stream is real" in reason


@pytest.mark.usefixtures("few")
def test_compatibility_as_json_gives_every_reason(spikeformers):
    told = json.loads(spikeformers("info", "--compatibility", "--json").out)
    verdicts = [(cell["family"], cell["word"], cell["value"], cell["verdict"]) for cell in told]
    assert verdicts == [
        ("spikformer", "shortcut", "iand", "streams"),
        ("spikeformer", "shortcut", "iand", "refused"),
        ("spikformer", "neuron", "lif", "streams"),
        ("spikeformer", "neuron", "lif", "all at once"),
    ]
    assert [bool(cell["reason"]) for cell in told] == [False, True, False, True]
