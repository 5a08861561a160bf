"""`spikeformers doctor`."""

from __future__ import annotations

import json
import platform

import torch

from spikeformers import __version__, native
from spikeformers.cli import examination
from spikeformers.data import dataset_names
from spikeformers.errors import ConfigError, DataError
from spikeformers.ops import backend


def facts_of(answer, topic):
    return {fact["name"]: fact for fact in json.loads(answer.out)["facts"] if fact["topic"] == topic}


def test_names_versions_backends_and_data_sets(spikeformers):
    answer = spikeformers("doctor", "--json")
    assert answer.code == 0
    versions = facts_of(answer, "Versions")
    assert versions["torch"]["value"] == str(torch.__version__)
    assert versions["spikeformers"]["value"] == __version__
    assert versions["Python"]["value"] == platform.python_version()
    sets = facts_of(answer, "Data sets")
    assert sorted(sets) == dataset_names()
    assert sets["digits"]["value"] == "1,437 + 360 images, 1×8×8, 10 classes"
    backends = facts_of(answer, "Backends")
    assert all(fact["value"] and fact["reason"] for fact in backends.values())
    assert "lif" in backends
    page = spikeformers("doctor")
    assert page.code == 0
    text = " ".join(page.out.split())  # long lists are folded
    for fact in json.loads(answer.out)["facts"]:
        assert fact["name"] in text
        assert fact["value"] in text


def test_extras_are_those_of_the_package(spikeformers, monkeypatch):
    tests = facts_of(spikeformers("doctor", "--json"), "Optional packages")["dev"]
    assert tests["present"] is True  # or this test would not run
    assert "pytest, " in tests["value"]
    lines = ["rich>=13", "here>=1; extra == 'one'", 'gone[all]>=2; python_version > "3" and extra == "one"']
    monkeypatch.setattr(examination, "_requirements", lambda: lines)
    monkeypatch.setattr(examination, "_installed", lambda package: package == "here")
    found = facts_of(spikeformers("doctor", "--json"), "Optional packages")
    assert list(found) == ["one"]
    assert (found["one"]["present"], found["one"]["value"]) == (False, "gone missing")
    assert found["one"]["reason"] == "pip install 'spikeformers[one]'"


def test_a_backend_that_cannot_be_had_is_a_finding(spikeformers, monkeypatch):
    monkeypatch.setenv("SPIKEFORMERS_BACKEND", "natvie")
    fact = facts_of(spikeformers("doctor", "--json"), "Backends")["SPIKEFORMERS_BACKEND"]
    assert fact["present"] is False
    assert "'native'" in fact["reason"]
    monkeypatch.setenv("SPIKEFORMERS_BACKEND", "reference")
    fact = facts_of(spikeformers("doctor", "--json"), "Backends")["lif"]
    assert fact["value"] == "reference"
    assert fact["reason"] == "SPIKEFORMERS_BACKEND says so"


def test_what_a_fast_backend_leaves_to_the_reference_is_said(spikeformers, monkeypatch):
    monkeypatch.setitem(backend.OPERATIONS, "quick", backend.Operation(("native", "reference"), "float64", False))
    fact = facts_of(spikeformers("doctor", "--json"), "Backends")["quick"]
    assert fact["value"] == "native"
    assert fact["reason"] == "the fastest there is; reference for float64"


def test_the_native_core_and_why_not(spikeformers, monkeypatch):
    def facts_with(status):
        monkeypatch.setattr(native, "status", status)
        return facts_of(spikeformers("doctor", "--json"), "Native core")

    found = facts_with(lambda: native.Status("avx2", "the best", "g++ 12", True))
    assert (found["instructions"]["value"], found["instructions"]["present"]) == ("avx2", True)
    assert found["threads"]["value"] == str(torch.get_num_threads())
    assert found["compiler"]["value"] == "g++ 12"
    assert facts_with(lambda: native.Status("avx2", "the best", "g++ 12"))["threads"]["value"] == "1"
    missing = facts_with(lambda: native.Status(None, "not built"))
    assert (missing["instructions"]["value"], missing["instructions"]["reason"]) == ("none", "not built")
    assert missing["instructions"]["present"] is False

    def refuse():
        raise ConfigError("no such set")

    assert facts_with(refuse)["SPIKEFORMERS_NATIVE_ISA"]["reason"] == "no such set"


def test_a_data_set_that_is_missing_says_how_to_get_it(spikeformers, monkeypatch):
    def missing(name):
        raise DataError(f"{name} is not here. Install it.")

    monkeypatch.setattr(examination, "load_dataset", missing)
    fact = facts_of(spikeformers("doctor", "--json"), "Data sets")["digits"]
    assert (fact["present"], fact["reason"]) == (False, "digits is not here. Install it.")


def test_a_gpu_is_named(spikeformers, monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda index: "Imaginary 9000")
    found = facts_of(spikeformers("doctor", "--json"), "Accelerators")
    assert found["cuda:0"]["value"] == "Imaginary 9000"
