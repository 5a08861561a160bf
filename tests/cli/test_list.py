"""`spikeformers list`."""

from __future__ import annotations

import json

from spikeformers import catalog


def test_shows_every_model(spikeformers):
    answer = spikeformers("list")
    assert answer.code == 0
    assert answer.err == ""
    for name in catalog.names():
        assert name in answer.out
    record = catalog.get("spikformer_4_384.cifar10")
    line = next(line for line in answer.out.splitlines() if record.name in line)
    assert line.split() == [record.name, f"{record.parameters:,}", "4", "3×32×32", "cifar10"]


def test_takes_a_pattern(spikeformers):
    answer = spikeformers("list", "spikingformer*imagenet", "--json")
    records = json.loads(answer.out)
    assert [record["name"] for record in records] == catalog.names("spikingformer*imagenet")
    assert len(records) > 2
    assert {"parameters", "time_steps", "input", "dataset"} <= records[0].keys()
    assert answer.err == ""


def test_no_match_offers_the_nearest_names(spikeformers):
    answer = spikeformers("list", "spikfomer_4_384.cifar*", "--json")
    assert (answer.code, answer.out) == (1, "")
    assert "'spikfomer_4_384.cifar*'" in answer.err
    assert "'spikformer_4_384.cifar10'" in answer.err
