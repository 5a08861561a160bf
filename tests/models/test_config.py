"""What a user is told about config words that a model cannot have."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
import torch

from spikeformers import create_model
from spikeformers.errors import ConfigError, SpikeformersError, UnknownNameError
from spikeformers.layers import ATTENTIONS, GELU, Neuron, ReLU, SelfAttention
from spikeformers.models import ModelConfig, Spikformer, SpikformerConfig, SpikingformerConfig
from tests.models.tiny import random_input, smallest, tiny_model

NAME = "spikformer_4_384.cifar10"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        # words nobody knows
        ({"detph": 2}, r"SpikformerConfig has no word 'detph'\. Did you mean 'depth'\? Known: ann, attention, "),
        ({"atention_scale": 1}, "Did you mean 'attention_scale'"),
        ({"xyzzy": 2}, r"no word 'xyzzy'\. Known"),
        # types
        ({"dim": "64"}, r"dim must be int, got '64'\."),
        ({"dim": 64.5}, r"dim must be int, got 64\.5\."),
        ({"dim": math.nan}, r"dim must be int, got nan\."),
        ({"dim": None}, r"dim must be int, got None\."),
        ({"dim": 10**400}, r"dim must be int, got 1000"),
        ({"tau": 10**400}, r"tau must be float, got 1000"),
        # words that say nothing here must be words all the same
        ({"ann": "relu", "tau": math.nan}, r"tau must be at least 1"),
        ({"neuron": "relu", "v_threshold": -1.0}, r"v_threshold must be a positive number"),
        ({"depth": True}, r"depth must be int, got True\."),
        ({"tau": "2"}, r"tau must be float, got '2'\."),
        ({"tau": True}, r"tau must be float, got True\."),
        ({"v_reset": "none"}, r"v_reset must be float, got 'none'\."),
        ({"neuron": 3}, r"neuron must be str, got 3\."),
        ({"detach_reset": 1}, r"detach_reset must be bool, got 1\."),
        ({"image_size": 32}, r"image_size must be 2 values, got 32\."),
        ({"image_size": [32]}, r"image_size must be 2 values, got \[32\]\."),
        ({"image_size": [32, 32, 3]}, r"image_size must be 2 values, got \[32, 32, 3\]\."),
        ({"image_size": [32, "32"]}, r"image_size must be int, got '32'\."),
        ({"projection": "conv"}, r"projection must be one of 'linear', 'convolution', got 'conv'\. Did you mean 'conv"),
        # ranges
        ({"dim": 0}, r"dim must be at least 1, got 0\."),
        ({"depth": 0}, r"depth must be at least 1, got 0\."),
        ({"heads": -1}, r"heads must be at least 1, got -1\."),
        ({"time_steps": 0}, r"time_steps must be at least 1, got 0\."),
        ({"in_channels": 0}, r"in_channels must be at least 1, got 0\."),
        ({"num_classes": 0}, r"num_classes must be at least 1, got 0\."),
        ({"image_size": [0, 32]}, r"image_size must be positive, got \[0, 32\]\."),
        ({"mlp_ratio": 0}, r"mlp_ratio must be a positive number, got 0\.0\."),
        ({"mlp_ratio": math.nan}, r"mlp_ratio must be a positive number, got nan\."),
        ({"mlp_ratio": math.inf}, r"mlp_ratio must be a positive number, got inf\."),
        ({"mlp_ratio": 0.001}, r"mlp_ratio 0\.001 gives the MLP .* channels"),
        ({"mlp_ratio": 1e308}, r"mlp_ratio 1e\+308 gives the MLP inf channels"),
        ({"attention_scale": 0.0}, r"attention_scale must be a positive number, got 0\.0\."),
        ({"attention_scale": math.nan}, r"attention_scale must be a positive number, got nan\."),
        ({"tau": 0.5}, r"tau must be at least 1 time step"),
        ({"v_threshold": 0}, r"v_threshold must be a positive number, got 0\.0\."),
        ({"attention_v_threshold": -0.5}, r"attention_v_threshold must be a positive number, got -0\.5\."),
        ({"v_reset": math.inf}, r"v_reset must be a finite number or None, got inf\."),
        ({"surrogate_alpha": -1}, r"surrogate 'sigmoid' needs a positive alpha, got -1\.0\."),
        ({"drop_path": -0.1}, r"drop_path must be from 0 to below 1, got -0\.1\."),
        ({"drop_path": 1}, r"drop_path must be from 0 to below 1, got 1\.0\."),
        ({"drop_path": math.nan}, r"drop_path must be from 0 to below 1, got nan\."),
        # words that contradict each other
        ({"dim": 4, "heads": 4}, r"dim must be at least 8 .*, got 4\."),
        ({"dim": 64, "heads": 12}, r"dim must be a multiple of heads, got dim 64, heads 12\."),
        ({"image_size": [32, 30]}, r"image_size must be a multiple of 4 \(pooling '0011'\), got \[32, 30\]\."),
        ({"pooling": "1111", "image_size": [40, 32]}, r"image_size must be a multiple of 16 \(pooling '1111'\)"),
        ({"pooling": "011"}, r"pooling has one digit, 0 or 1, for each of the 4 tokenizer stages, got '011'\."),
        ({"pooling": "0021"}, r"pooling has one digit, 0 or 1, .* got '0021'\."),
        ({"neuron": "plif", "tau": 1}, r"a learned time constant starts above 1"),
    ],
)
def test_words_a_model_cannot_have(words: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        create_model(NAME, **words)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ({"neuron": "lfi"}, "no neuron 'lfi'. Did you mean 'lif'"),
        ({"encoder": "poison"}, "no encoder 'poison'. Did you mean 'poisson'"),
        ({"norm": "batchnorm"}, "no norm 'batchnorm'. Did you mean 'batch_norm'"),
        ({"surrogate": "sigmod"}, "no surrogate gradient 'sigmod'. Did you mean 'sigmoid'"),
    ],
)
def test_parts_nobody_registered(words: dict[str, Any], message: str) -> None:
    with pytest.raises(UnknownNameError, match=message):
        create_model(NAME, **words)


def test_every_complaint_is_an_error_a_user_can_act_on() -> None:
    assert issubclass(ConfigError, SpikeformersError)
    assert issubclass(UnknownNameError, SpikeformersError)


@pytest.mark.parametrize(
    ("word", "given", "kept"),
    [
        ("tau", 2, 2.0),
        ("dim", 64.0, 64),
        ("mlp_ratio", 4, 4.0),
        ("mlp_ratio", np.float32(2), 2.0),
        ("depth", np.int64(3), 3),
        ("image_size", [64, 32], (64, 32)),
        ("v_reset", None, None),
        ("v_reset", -1, -1.0),
        ("surrogate_alpha", 3, 3.0),
        ("tau", math.inf, math.inf),
    ],
)
def test_values_take_the_type_of_their_word(word: str, given: Any, kept: Any) -> None:
    # TOML and JSON have no tuples, and write 4 for 4.0.
    config = SpikformerConfig.from_words({"heads": 4, word: given})
    assert getattr(config, word) == kept
    assert type(getattr(config, word)) is type(kept)


@pytest.mark.parametrize("config", [SpikformerConfig(), SpikingformerConfig(v_reset=None, tau=math.inf)])
def test_a_config_survives_a_dict(config: SpikformerConfig) -> None:
    words = config.to_dict()
    assert words["image_size"] == [32, 32]
    assert type(config).from_words(words) == config


def test_a_config_is_frozen_and_takes_keywords_only() -> None:
    config = SpikformerConfig()
    with pytest.raises(AttributeError):
        config.dim = 3  # type: ignore[misc]
    with pytest.raises(TypeError):
        SpikformerConfig(3)  # type: ignore[call-arg]


@dataclass(frozen=True, kw_only=True)
class ListedConfig(ModelConfig):
    """Lists of any length."""

    dims: tuple[int, ...] = (8, 16)
    ratios: tuple[float, ...] = ()


def test_a_word_may_be_a_list_of_any_length() -> None:
    config = ListedConfig.from_words({"dims": [4, 8.0, np.int64(12)], "ratios": (1, 2.5)})
    assert config.dims == (4, 8, 12)
    assert config.ratios == (1.0, 2.5)
    assert [type(value) for value in (*config.dims, *config.ratios)] == [int, int, int, float, float]
    assert config.to_dict()["dims"] == [4, 8, 12]
    assert ListedConfig.from_words(config.to_dict()) == config
    assert ListedConfig(dims=()).dims == ()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ({"dims": 8}, r"dims must be a list of values, got 8\."),
        ({"dims": "8"}, r"dims must be a list of values, got '8'\."),
        ({"dims": [8, 1.5]}, r"dims must be int, got 1\.5\."),
        ({"ratios": [None]}, r"ratios must be float, got None\."),
    ],
)
def test_lists_a_word_cannot_be(words: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        ListedConfig.from_words(words)


# ---- the ANN twin ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("ann", "activation"), [("relu", ReLU), ("gelu", GELU)])
@pytest.mark.parametrize("name", ["spikformer_4_384.cifar10", "spikingformer_4_384.cifar10"])
def test_one_word_makes_the_ann_twin(name: str, ann: str, activation: type[Neuron]) -> None:
    # PLIF has parameters of its own: none of them is left.
    spiking, twin = tiny_model(name, neuron="plif"), tiny_model(name, neuron="plif", ann=ann)
    assert {type(neuron) for _, neuron in twin.named_neurons()} == {activation}
    attentions = [module for module in twin.modules() if isinstance(module, SelfAttention)]
    assert {type(attention) for attention in attentions} == {ATTENTIONS["softmax"]}
    # The same recipe serves both: the weights and norms are the same ones.
    shapes = {n: p.shape for n, p in spiking.named_parameters() if not n.endswith(".w")}
    assert {n: p.shape for n, p in twin.named_parameters()} == shapes


def test_an_ann_sees_a_static_image_once_and_every_frame_of_events() -> None:
    twin, spiking = smallest(ann="relu"), smallest()
    x = random_input(twin, 2)
    assert (twin.config.frames, spiking.config.frames) == (1, 3)
    assert twin.forward_steps(x).shape == (1, 2, 5)
    assert spiking.forward_steps(x).shape == (3, 2, 5)
    frames = torch.stack([x, -x, 2 * x], 1)
    steps = twin.forward_steps(frames)
    assert steps.shape == (3, 2, 5)
    # Each frame for itself.
    torch.testing.assert_close(steps[1], twin(-x), rtol=0, atol=1e-5)


def test_words_of_an_ann_that_nobody_knows() -> None:
    with pytest.raises(ConfigError, match=r"ann must be one of .*, got 'rleu'\. Did you mean 'relu'"):
        create_model(NAME, ann="rleu")
    assert create_model(NAME).config.ann == "none"


def test_the_defaults_are_spikformer_4_384() -> None:
    assert create_model(NAME).config == SpikformerConfig()
    assert Spikformer.from_words({}).config == SpikformerConfig()
    assert create_model("spikingformer_4_384.cifar10").config == SpikingformerConfig()


def test_a_neuron_nobody_knows_is_refused_in_an_ann_twin_too() -> None:
    with pytest.raises(UnknownNameError, match="no neuron 'nonsense'"):
        SpikformerConfig(ann="relu", neuron="nonsense")
