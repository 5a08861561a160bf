"""Spike-driven Transformer: what its DVS form changes, what it carries in vain, what temporal training takes."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from spikeformers.errors import ConfigError
from spikeformers.layers import Unused
from spikeformers.models import SDT, adapt, load
from spikeformers.models.checkpoint import save
from tests.models.tiny import random_input, tiny_model

STATIC, EVENTS = "sdt_2_512.cifar10", "sdt_2_256.cifar10dvs"


def test_heads_matter_only_where_spikes_are_dilated() -> None:
    for name, matters in ((STATIC, False), (EVENTS, True)):
        one, many = (tiny_model(name, heads=heads, attention_v_threshold=0.25) for heads in (1, 8))
        state = {key: value for key, value in one.state_dict().items() if "talking_heads" not in key}
        many.load_state_dict(state, strict=False)
        x = random_input(one, 4, (4, 4))
        arriving = []
        for model in (one, many):
            projection = model.get_submodule("blocks.0.attention.projection")
            projection.register_forward_pre_hook(lambda _, inputs, seen=arriving: seen.append(inputs[0]))
            model(x)
        assert torch.equal(*arriving) != matters


def test_what_is_carried_in_vain_changes_nothing_and_is_counted() -> None:
    model = tiny_model(STATIC, neuron="plif")
    unused = [module for module in model.modules() if isinstance(module, Unused)]
    assert sum(p.numel() for module in unused for p in module.parameters()) == 1 + 2 * (1 + 4 * 4)
    x = random_input(model, 2)
    expected = model(x)
    for module in unused:
        for parameter in module.parameters():
            torch.nn.init.normal_(parameter)
    assert torch.equal(model(x), expected)


def test_learned_time_constants_start_fresh_in_fine_tuning(tmp_path: Any) -> None:
    save(tiny_model(STATIC), tmp_path / "lif.safetensors")
    model, transfer = adapt(tmp_path / "lif.safetensors", neuron="plif")
    assert all(name.endswith(".w") for name in transfer.fresh)
    save(model, tmp_path / "plif.safetensors")
    assert isinstance(load(tmp_path / "plif.safetensors"), SDT)


def test_the_shortcut_inside_an_mlp_of_ratio_one_is_not_built() -> None:
    with pytest.raises(ConfigError, match="mlp_ratio 1 is not built"):
        SDT.from_words({"dim": 16, "heads": 2, "mlp_ratio": 1})


def test_the_classifier_is_fed_spikes_at_every_step() -> None:
    model = tiny_model(STATIC)
    x = random_input(model, 3)
    seen: list[Any] = []
    model.head.linear.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    steps = model.forward_steps(x)
    assert steps.shape == (3, 3, 5)
    assert set(seen[0].unique().tolist()) <= {0.0, 1.0}
    torch.testing.assert_close(steps.mean(0), model(x))
