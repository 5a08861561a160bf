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


def test_published_counts_every_model_beside_the_authors_figures(spikeformers):
    rows = json.loads(spikeformers("list", "s*", "--published", "--json").out)
    assert [row["name"] for row in rows] == catalog.names("s*")
    for row in rows:
        record = catalog.get(row["name"])
        assert row["parameters"] == record.parameters
        assert row["published_parameters"] == record.published_parameters
        assert row["difference"] == (None if record.published_parameters is None else 0)
        assert len(row["published"]) == len(record.published)


def test_published_as_a_table(spikeformers):
    answer = spikeformers("list", "sdt_*", "--published")
    assert (answer.code, answer.err) == (0, "")
    lines = [line.split() for line in answer.out.splitlines()]
    assert [
        "sdt_8_512.imagenet",
        *("29,689,896", "29,689,896", "0"),
        *("74.57", "%", "4"),
        "authors'",
        "README",
    ] in lines
    assert ["sdt_2_64.digits", f"{catalog.get('sdt_2_64.digits').parameters:,}", "-"] in lines
    second = next(line for line in lines if line[:2] == ["76.30", "%"])
    assert second[2:] == ["4", "a", "third", "party's", "table"]
    assert "not measured here" in answer.out
