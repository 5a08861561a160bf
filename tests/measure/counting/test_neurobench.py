"""NeuroBench as an oracle, where it is installed: its operations, sparsities and sizes and ours are the same numbers.

It sums operations in float32, hence 1e-6, and rounds a sparsity to 4 places, hence 5e-5. A zero where the other has
operations is no small difference but a metric that did not run, and fails; its exceptions are not caught.
"""

from __future__ import annotations

import warnings
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from spikeformers.layers import Neuron
from spikeformers.measure import count, size
from spikeformers.models import fuse
from tests.models.tiny import random_input, tiny_model

MODELS: dict[str, tuple[str, dict[str, Any]]] = {
    "spikformer": ("spikformer_4_384.cifar10", {}),
    "spikingformer": ("spikingformer_2_256.cifar10dvs", {}),
    "sdt": ("sdt_2_256.cifar10dvs", {}),
    "meta_spikeformer": ("meta_spikeformer_55m_t4_kd.imagenet", {}),
    "e_spikeformer": ("e_spikeformer_19m.imagenet", {}),
    "spikeformer": ("spikeformer_7_256.dvs128gesture", {}),
    "ann": ("spikformer_4_384.cifar10", {"ann": "relu"}),
}


def neurobench() -> tuple[Any, Any, Any]:
    """NeuroBench's wrapper of a model, its metrics with data and those without, or skip."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what its dependencies warn of on import is not ours
        why = "NeuroBench is not installed: pip install neurobench"
        models = pytest.importorskip("neurobench.models", reason=why, exc_type=ImportError)
        workload = pytest.importorskip("neurobench.metrics.workload", reason=why, exc_type=ImportError)
        static = pytest.importorskip("neurobench.metrics.static", reason=why, exc_type=ImportError)
    return models.TorchModel, workload, static


def theirs(model: nn.Module, batches: list[Tensor]) -> dict[str, float]:
    wrapper, workload, _ = neurobench()
    wrapped, metric = wrapper(model), workload.SynapticOperations()
    wrapped.register_hooks()
    found: dict[str, float] = {}
    with torch.no_grad():
        for x in batches:
            found = metric(wrapped, wrapped(x), (x, None))
            wrapped.reset_hooks()
    wrapped.cleanup_hooks()
    return found


def their_sizes(model: nn.Module) -> dict[str, float]:
    wrapper, _, static = neurobench()
    wrapped = wrapper(model)
    return {word: getattr(static, word)()(wrapped) for word in ("ParameterCount", "Footprint", "ConnectionSparsity")}


def their_activation_sparsity(model: nn.Module, x: Tensor) -> float:
    wrapper, workload, _ = neurobench()
    wrapped, metric = wrapper(model), workload.ActivationSparsity()
    wrapped.add_activation_module(Neuron)
    wrapped.register_hooks()
    with torch.no_grad():
        found: float = metric(wrapped, wrapped(x), (x, None))
    wrapped.cleanup_hooks()
    return found


def ours(model: nn.Module, batches: list[Tensor]) -> dict[str, float]:
    counts = count(model, batches)
    layers = ("convolution", "linear")
    words = {"Effective_ACs": "neurobench_acs", "Effective_MACs": "neurobench_macs", "Dense": "dense"}
    return {theirs: counts.total(word, layers) / counts.samples for theirs, word in words.items()}


def agree(model: nn.Module, batches: list[Tensor]) -> None:
    found, expected = ours(model, batches), theirs(model, batches)
    assert expected["Dense"] > 0
    for word, value in expected.items():
        assert (found[word] == 0) == (value == 0), word
        assert found[word] == pytest.approx(value, rel=1e-6), word


@pytest.mark.parametrize("case", MODELS)
@pytest.mark.parametrize("fused", [False, True])
def test_synaptic_operations(case: str, fused: bool) -> None:
    neurobench()
    name, words = MODELS[case]
    model = tiny_model(name, **words)
    # Batches of two sizes: what counts as ACs is decided batch by batch.
    batches = [random_input(model, 3), random_input(model, 1)]
    agree(fuse(model)[0] if fused else model, batches)


@pytest.mark.parametrize("case", MODELS)
def test_sparsities_and_sizes(case: str) -> None:
    neurobench()
    name, words = MODELS[case]
    model = tiny_model(name, **words)
    with torch.no_grad():
        for parameter in model.parameters():  # without zero weights there would be nothing to find
            parameter.mul_(torch.rand_like(parameter) > 0.3)
    x = random_input(model, 3)
    found, expected = size(model), their_sizes(model)
    assert (found.parameters, found.footprint) == (expected["ParameterCount"], expected["Footprint"])
    assert 0.2 < expected["ConnectionSparsity"] < 0.4
    assert found.connection_sparsity == pytest.approx(expected["ConnectionSparsity"], abs=5e-5)
    sparsity = their_activation_sparsity(model, x)
    assert 0 < sparsity < 1
    assert count(model, x).activation_sparsity == pytest.approx(sparsity, abs=5e-5)


def test_synaptic_operations_of_a_plain_network() -> None:
    torch.manual_seed(0)
    net = nn.Sequential(
        nn.Conv2d(3, 8, 3, 2, 1), nn.ReLU(), nn.Conv2d(8, 8, 3, groups=4), nn.Flatten(), nn.Linear(72, 5)
    )
    with torch.no_grad():
        net[0].weight[:, 0] = 0
    agree(net, [torch.randn(2, 3, 10, 10), torch.randint(-1, 2, (3, 3, 10, 10)).float()])
