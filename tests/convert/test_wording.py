"""What the authors' configurations call otherwise."""

from __future__ import annotations

from typing import Any

import pytest

from spikeformers.catalog import official
from spikeformers.convert import load_official
from spikeformers.convert.wording import config_words
from spikeformers.errors import ConfigError, UnknownNameError
from tests.golden_rules import fill_state, golden


def words_of(system: str, variant: str, config: Any, known: tuple[str, ...] = ()) -> dict[str, Any]:
    return config_words(config, official.form(system, variant), known)


def test_descriptions_become_words() -> None:
    spikeformer = golden("spikeformer_plif_dvscifar10")["config"]
    words = words_of("spikeformer", "plif_dvscifar10", spikeformer)
    assert not {"init_tau", "layer_norm_eps"} & words.keys()
    assert (words["tau"], words["attention"]) == (2.0, "divided")
    assert words["tokenizer_kernel"] == 3
    assert (words["tokenizer_strides"], words["blocks_per_stage"]) == ((2, 1, 2, 1), 2)
    assert words["tokenizer"] == "convolutional"
    assert words["built_image_size"] == [32, 32]
    gesture = words_of("spikeformer", "plif_dvsgesture", golden("spikeformer_plif_dvsgesture")["config"])
    assert (gesture["tokenizer_kernel"], gesture["tokenizer_strides"], gesture["blocks_per_stage"]) == (5, (2, 2, 2), 1)
    assert words_of("sdt_v3", "base", {"attention_scale": "2*(dims/heads)^-0.5", "heads": 2}) == {"heads": 2}
    for output in ("mean over time [B,K]", "per_step [T,B,K]"):
        assert words_of("sdt_v1", "static", {"output": output}) == {}


def test_options_of_parts() -> None:
    tim = golden("tim_dvs_intended")["config"]
    words = words_of("tim", "dvs", tim)
    assert words["interaction"] == "tim(alpha=0.5, threshold_in=0.3, threshold_out=0.5)"
    assert words["detach_membrane"] is True
    assert not {"tim_alpha", "tim_thresholds", "membrane_detached_between_steps"} & set(words)
    # What is not said is that of the form, or of the part that was named.
    assert words_of("tim", "dvs", {"tim_alpha": 0.25}) == {
        "interaction": "tim(alpha=0.25, threshold_in=1.0, threshold_out=1.0)"
    }
    named = {"tim_alpha": 0.25, "interaction": "tim(threshold_in=2.0)"}
    assert words_of("tim", "dvs", named) == {"interaction": "tim(threshold_in=2.0, alpha=0.25)"}
    for wrong in (0.3, [0.3], [0.3, 0.5, 0.7]):
        with pytest.raises(ConfigError, match=r"tim_thresholds is a list of 2 values, got"):
            words_of("tim", "dvs", {"tim_thresholds": wrong})


def test_words_of_ours_stay_as_they_are() -> None:
    ours = {"attention": "joint", "tokenizer": "patch", "tau": 1.5, "tokenizer_strides": (2, 2)}
    assert words_of("spikeformer", "plif_dvscifar10", ours, ("attention", "tokenizer")) == ours
    assert words_of("sdt_v3", "base", {"attention_scale": 0.5}, ("attention_scale",)) == {"attention_scale": 0.5}
    assert words_of("sdt_v1", "static", None) == {}


@pytest.mark.parametrize(
    ("name", "words", "message"),
    [
        (
            "sdt_cifar",
            {"output": "per step"},
            "output of 'sdt_v1' must be 'mean over time .*' or 'per_step .*', got 'per s",
        ),
        ("sdt_v3_base", {"attention_scale": "dims"}, "attention_scale must be float, got 'dims'"),
        (
            "spikeformer_plif_dvscifar10",
            {"layer_norm_eps": 1e-5},
            "layer_norm_eps of 'spikeformer' must be '1e-06', got",
        ),
        ("spikeformer_plif_dvscifar10", {"attention": "divided"}, None),
    ],
)
def test_unknown_texts_are_refused(name: str, words: dict[str, Any], message: str | None) -> None:
    file = golden(name)
    state = fill_state(file["state_dict"], file["fill"]["salt"])

    def load() -> Any:
        return load_official(state, file["system"], file["variant"], {**file["config"], **words})

    if message is None:
        assert load().config.attention == "divided"
    else:
        with pytest.raises(ConfigError, match=message):
            load()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"padding": 0}, "a tokenizer of kernel 3 pads by 1, got padding 0"),
        ({"blocks": 3}, r"a tokenizer of 3 blocks has a stride for each of them, got strides \[2, 1, 2, 1\]"),
        ({"strides": "2"}, "kernel, strides and blocks of a tokenizer are whole numbers"),
        ({"kernel": None}, "kernel, strides and blocks of a tokenizer are whole numbers"),
        ({"dilation": 2}, "a tokenizer is described by kernel, strides, padding, blocks, got"),
    ],
)
def test_a_tokenizer_that_cannot_be(change: dict[str, Any], message: str) -> None:
    tokenizer = {"kernel": 3, "strides": [2, 1, 2, 1], "padding": 1, "blocks": 4}
    with pytest.raises(ConfigError, match=message):
        words_of("spikeformer", "plif_dvscifar10", {"tokenizer": {**tokenizer, **change}})
    del tokenizer["padding"]
    with pytest.raises(ConfigError, match="a tokenizer is described by"):
        words_of("spikeformer", "plif_dvscifar10", {"tokenizer": tokenizer})


def test_an_attention_nobody_knows_is_refused() -> None:
    file = golden("spikeformer_plif_dvscifar10")
    state = fill_state(file["state_dict"], file["fill"]["salt"])
    with pytest.raises(UnknownNameError, match=r"no attention 'space'\. Did you mean .*'spatial'"):
        load_official(state, file["system"], file["variant"], {**file["config"], "attention": "space"})
