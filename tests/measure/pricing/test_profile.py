"""Forms of a model side by side, its size, and how sparse it is."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from torch import nn

from spikeformers.errors import InputError, UnknownNameError
from spikeformers.measure import count, energy, firing, forms, profile, size
from spikeformers.models import fuse
from tests.models.tiny import random_input, tiny_model

RECIPE_FREE = "spikformer_4_384.cifar10"
PYRAMID = "meta_spikeformer_15m.imagenet"


def labels(model: nn.Module) -> list[str]:
    return [label for label, _ in forms(model)]


def test_the_forms_a_model_can_run_in() -> None:
    trained, norms, both = "as trained", "norms fused", "norms and RepConvs fused"
    model, pyramid = tiny_model(RECIPE_FREE), tiny_model(PYRAMID)
    assert labels(model) == [trained, norms]
    assert labels(pyramid) == [trained, norms, both]
    assert labels(fuse(pyramid)[0]) == ["as given", both]
    assert labels(fuse(pyramid, rep_conv=True)[0]) == ["as given"]
    assert labels(nn.Linear(2, 2)) == ["as given"]
    assert labels(model.train()) == [trained]


def test_every_form_is_counted_on_the_same_samples_and_priced() -> None:
    model = tiny_model(PYRAMID)
    batches = [random_input(model, 2), random_input(model, 1)]
    told: list[int] = []
    found = profile(model, batches, conventions=["exact", "neurobench"], progress=told.append)
    assert told == [2, 3, 5, 6, 8, 9]
    assert found.samples == 3
    for form, (label, module) in zip(found.forms, forms(model), strict=True):
        counts = count(module, batches)
        assert (form.label, form.counts, form.size) == (label, counts, size(module))
        assert form.energies == (energy(counts, "exact"), energy(counts, "neurobench"))
        assert form.energy("neurobench") is form.energies[1]
    assert found.deployed is found.forms[-1]
    norms = [form.counts.total("dense", ["norm"]) for form in found.forms]
    assert norms[0] > 0
    assert norms[1:] == [0, 0]
    written = json.loads(json.dumps(found.to_dict()))
    assert written["forms"][0]["energies"]["exact"]["millijoules"] == found.given.energies[0].millijoules


def test_what_can_be_read_once_only_is_refused() -> None:
    model = tiny_model(RECIPE_FREE)
    with pytest.raises(InputError, match="only once"):
        profile(model, iter([random_input(model, 1)]))


def test_a_convention_of_ones_own_is_found_by_its_path(tmp_path: Path) -> None:
    own = tmp_path / "own.toml"
    own.write_text('title = "Mine"\nextends = "exact"\n')
    form = profile(nn.Linear(3, 2), torch.ones(4, 3), conventions=["paper", own]).given
    assert form.energy(own) is form.energy(str(own)) is form.energies[1]


def test_an_unknown_convention_is_named() -> None:
    model = tiny_model(RECIPE_FREE)
    with pytest.raises(UnknownNameError, match="exact"):
        profile(model, random_input(model, 1), conventions=["exakt"])


def test_size_of_a_plain_network_by_hand() -> None:
    net = nn.Sequential(nn.Conv2d(1, 2, 3, bias=False), nn.BatchNorm2d(2), nn.Flatten(), nn.Linear(8, 3).double())
    with torch.no_grad():
        net[0].weight[0] = 0
        net[3].bias.zero_()  # a bias is no connection
    found = size(net)
    assert found.parameters == 18 + 4 + 24 + 3
    assert found.footprint == 4 * (18 + 4) + 8 * 27 + (4 + 4) * 2 + 8  # mean, variance, int64 number of batches
    assert (found.weights, found.zero_weights) == (18 + 24, 9)
    assert found.connection_sparsity == 9 / 42
    assert size(nn.ReLU()).connection_sparsity is None


def test_shared_weights_are_counted_where_they_are_used_but_once_as_parameters() -> None:
    shared = nn.Linear(3, 3)
    found = size(nn.Sequential(shared, nn.ReLU(), shared))
    assert (found.parameters, found.weights) == (12, 9)


def test_activation_sparsity_is_what_the_neurons_do_not_fire() -> None:
    model = tiny_model(RECIPE_FREE)
    x = random_input(model, 3)
    rows = firing(model, x)  # of spikes: as many outputs are other than zero as there are spikes
    expected = 1 - sum(row.spikes for row in rows) / sum(row.elements for row in rows)
    batches = [x[:1], x[1:]]
    assert count(model, batches).activation_sparsity == pytest.approx(expected, abs=1e-12)
    assert count(nn.Linear(2, 2), torch.ones(1, 2)).activation_sparsity is None
    assert count(nn.Sequential(nn.Linear(2, 2), nn.ReLU()), torch.zeros(1, 2)).activation_sparsity in (0, 0.5, 1)
