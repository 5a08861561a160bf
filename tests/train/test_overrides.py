"""`key=value` texts over a recipe."""

from __future__ import annotations

import pytest

from spikeformers.errors import ConfigError
from spikeformers.train.overrides import load_changed, nested


def test_values_are_tomls_and_what_toml_does_not_know_is_a_text() -> None:
    assert nested(["a=1", "b=1e-3", "c=true", "d=[1, 2.0]", 'e="1"', "f=x_2.y", "g=rand-m9-n1", "h= a b "]) == {
        "a": 1,
        "b": 1e-3,
        "c": True,
        "d": [1, 2.0],
        "e": "1",
        "f": "x_2.y",
        "g": "rand-m9-n1",
        "h": "a b",
    }
    assert nested(["a=x=y", "b=1\nc = 2"]) == {"a": "x=y", "b": "1\nc = 2"}


def test_keys_reach_into_tables_and_the_last_one_counts() -> None:
    assert nested(["model.config.dim=8", "model.config.depth=1", "model.config.dim=16"]) == {
        "model": {"config": {"dim": 16, "depth": 1}}
    }


@pytest.mark.parametrize("setting", ["epochs", "=3", "a.=3", ".a=3", "a..b=3", ""])
def test_what_changes_no_word_is_an_error(setting: str) -> None:
    with pytest.raises(ConfigError, match="Expected KEY=VALUE"):
        nested([setting])


def test_a_key_is_a_value_or_a_table() -> None:
    with pytest.raises(ConfigError, match=r"model\.name: model is given a value of its own"):
        nested(["model=3", "model.name=x"])


def test_a_changed_recipe_is_no_longer_the_papers() -> None:
    assert load_changed("spikformer_cifar10", []).paper is not None
    assert load_changed("spikformer_cifar10", ["seed=1"]).paper is not None
    assert load_changed("spikformer_cifar10", seed=1, epochs=310).paper is not None
    assert load_changed("spikformer_cifar10", epochs=100).paper is None
    changed = load_changed("spikformer_cifar10", ["model.name=spikformer_2_384.cifar10", "schedule.epochs=400"])
    assert changed.paper is None
    assert (changed.model.name, changed.schedule.total_epochs) == ("spikformer_2_384.cifar10", 410)
    assert changed.augment.mixup == 0.5


def test_unknown_words_and_wrong_types_are_named() -> None:
    with pytest.raises(ConfigError, match=r"\[schedule\]: unknown key 'epoch'.*'epochs'"):
        load_changed("spikformer_cifar10", ["schedule.epoch=400"])
    with pytest.raises(ConfigError, match=r"batch_size must be a whole number, got 'many'"):
        load_changed("spikformer_cifar10", ["batch_size=many"])
