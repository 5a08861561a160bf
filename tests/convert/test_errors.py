"""What a user is told when source, form and configuration do not fit."""

from __future__ import annotations

import math
import os
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from spikeformers.convert import load_official, to_official
from spikeformers.errors import CheckpointError, ConfigError, UnknownNameError
from spikeformers.models import Spikformer, create_model, save
from tests.golden_rules import fill_state, golden


def state_of(name: str) -> dict[str, Tensor]:
    file = golden(name)
    return fill_state(file["state_dict"], file["fill"]["salt"])


def load_it(source: Any, **words: Any) -> Any:
    return load_official(source, "spikformer", "cifar", {"heads": 4, **words})


@pytest.fixture
def state() -> dict[str, Tensor]:
    return state_of("spikformer_cifar")


def test_unknown_systems_forms_and_words(state: dict[str, Tensor]) -> None:
    with pytest.raises(UnknownNameError, match="Did you mean 'spikformer'"):
        load_official(state, "spikfomer", "cifar")
    with pytest.raises(UnknownNameError, match="'gesture' of 'spikformer'"):
        load_official(state, "spikformer", "gesture")
    with pytest.raises(ConfigError, match=r"no word 'detph'. Did you mean 'depth'"):
        load_it(state, detph=2)
    with pytest.raises(ConfigError, match=r"tau must be float, got 'two'"):
        load_it(state, tau="two")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ({"depth": 4}, "the config says depth 4, the tensors have 2 blocks"),
        ({"dim": 128}, "the config says dim 128, the tensors show dim 64"),
        ({"dim": "64"}, "the config says dim '64', the tensors show dim 64"),
        ({"num_classes": 100}, "the config says num_classes 100, the tensors show num_classes 10"),
        ({"in_channels": 1}, "the config says in_channels 1, the tensors show in_channels 3"),
        ({"mlp_ratio": 2}, "the config says mlp_ratio 2, the tensors show mlp_ratio 4"),
        # A channel less.
        ({"mlp_ratio": 3.999}, r"the config says mlp_ratio 3\.999, the tensors show mlp_ratio 4"),
        ({"mlp_ratio": math.inf}, "the config says mlp_ratio inf, the tensors show mlp_ratio 4"),
        ({"mlp_ratio": math.nan}, "the config says mlp_ratio nan, the tensors show mlp_ratio 4"),
    ],
)
def test_a_config_that_disagrees_with_the_tensors(
    state: dict[str, Tensor], words: dict[str, Any], message: str
) -> None:
    with pytest.raises(CheckpointError, match=message):
        load_it(state, **words)


def test_heads_that_do_not_divide(state: dict[str, Tensor]) -> None:
    with pytest.raises(ConfigError, match=r"heads 12.*taken from the tensors or from spikformer/cifar: .*heads = 12"):
        load_official(state, "spikformer", "cifar")


def test_missing_unexpected_and_misshapen_tensors_are_named(state: dict[str, Tensor]) -> None:
    del state["block.1.attn.q_linear.bias"], state["patch_embed.rpe_bn.running_var"]
    state["block.1.attn.extra.weight"] = torch.ones(3)
    state["block.0.attn.q_bn.scale"] = torch.ones(3)
    state["block.0.mlp.fc1_linear.weight"] = torch.ones(256, 64, 1)
    with pytest.raises(CheckpointError) as caught:
        load_it(state)
    message = str(caught.value)
    assert "2 missing: patch_embed.rpe_bn.running_var, block.1.attn.q_linear.bias" in message
    assert "2 unexpected: block.1.attn.extra.weight, block.0.attn.q_bn.scale" in message
    assert "1 of another shape: block.0.mlp.fc1_linear.weight (256, 64, 1) where (256, 64) is expected" in message


def test_a_missing_tensor_that_shows_a_size(state: dict[str, Tensor]) -> None:
    tensor = state.pop("head.weight")
    with pytest.raises(CheckpointError, match=r"1 missing or without its dimensions: head\.weight$"):
        load_it(state)
    with pytest.raises(CheckpointError, match=r"1 missing or without its dimensions: head\.weight$"):
        load_it({**state, "head.weight": tensor[0]})
    # With the sizes told, the same tensor is still missing.
    with pytest.raises(CheckpointError, match=r"1 missing: head\.weight"):
        load_it(state, dim=64, num_classes=10, mlp_ratio=4)


def test_a_block_in_the_middle_is_missing() -> None:
    state = state_of("spikformer_cifar")
    state = {name.replace("block.1.", "block.2."): tensor for name, tensor in state.items()}
    with pytest.raises(CheckpointError, match=r"missing: block\.1\.attn") as caught:
        load_it(state)
    assert "unexpected: block.2." in str(caught.value)


def test_long_lists_are_counted(state: dict[str, Tensor]) -> None:
    state |= {f"extra.{i}": torch.ones(1) for i in range(50)}
    with pytest.raises(CheckpointError, match=r"50 unexpected: extra\.0, .* and 38 more"):
        load_it(state)


def test_a_tensor_given_under_two_names() -> None:
    state = state_of("spikingformer_imagenet")
    state["patch_embed.rpe_conv.weight"] = state["patch_embed.proj4_conv.weight"]
    with pytest.raises(CheckpointError, match=r"1 unexpected: patch_embed\.rpe_conv\.weight"):
        load_official(state, "spikingformer", "imagenet", {"heads": 4})


@pytest.mark.parametrize(
    ("name", "advice"),
    [
        ("spikformer_imagenet", "All names belong to 'spikformer' 'cifar10dvs' or 'spikformer' 'imagenet'"),
        ("spikformer_cifar10dvs", "All names belong to 'spikformer' 'cifar10dvs': name that"),
        ("spikformer_cml_cifar", "All names belong to 'spikformer_cml' 'cifar': name that"),
        ("spikingformer_cifar", "All names belong to 'spikingformer' 'cifar': name that"),
    ],
)
def test_another_form_is_recognised(name: str, advice: str) -> None:
    with pytest.raises(CheckpointError, match=advice):
        load_it(state_of(name))


def test_a_form_of_equal_names_and_other_shapes() -> None:
    state = state_of("spikformer_imagenet")
    message = r"block\.0\.mlp\.fc1_conv\.weight \(256, 64, 1, 1\) where \(256, 64, 1\) is expected"
    with pytest.raises(CheckpointError, match=message):
        load_official(state, "spikformer", "cifar10dvs", {"heads": 4, "in_channels": 3})


def test_foreign_tensors() -> None:
    with pytest.raises(CheckpointError, match=r"2 unexpected: weight, bias\n.*No form known here has all these names"):
        load_it(nn.Linear(2, 2).state_dict())


def test_our_own_tensors(tmp_path: Path) -> None:
    model = create_model("spikformer_2_64.digits")
    save(model, tmp_path / "ours.safetensors")
    for source in (model.state_dict(), tmp_path / "ours.safetensors"):
        with pytest.raises(CheckpointError, match="are read by"):
            load_it(source)


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ({}, "expected a state dict .*, found nothing"),
        ({"model": {}}, "expected a state dict .*, found nothing"),
        ({"epoch": 3, "lr": 0.1}, "these entries are no tensors: epoch, lr"),
        ({3: torch.ones(1)}, "these entries are no tensors: 3"),
        ({"state_dict": {"head.weight": 3}}, "these entries are no tensors: head.weight"),
        ({f"k{i}": 0 for i in range(30)}, r"no tensors: k0, .*k9 \.\.\."),
    ],
)
def test_no_state_dict(source: dict[Any, Any], message: str) -> None:
    with pytest.raises(CheckpointError, match=message):
        load_it(source)


@pytest.mark.parametrize(
    ("source", "message"),
    [
        (None, "path of a checkpoint file, found a NoneType"),
        (b"PK", "found a bytes"),
        ([torch.ones(2)], "found a list"),
        (nn.Linear(2, 2), r"found a Linear; pass model\.state_dict\(\)"),
    ],
)
def test_no_source(source: Any, message: str) -> None:
    with pytest.raises(CheckpointError, match=message):
        load_it(source)


@pytest.mark.parametrize("config", [{1: 2}, {None: 3, "heads": 4}, ["heads", 4], 4])
def test_no_config(state: dict[str, Tensor], config: Any) -> None:
    with pytest.raises(ConfigError, match=r"config must map configuration words to values, .* found "):
        load_official(state, "spikformer", "cifar", config)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda weight: weight.long(), "torch.int64, not real floating point"),
        (lambda weight: weight > 0, "torch.bool, not real floating point"),
        (lambda weight: weight.to(torch.complex64), "torch.complex64, not real floating point"),
        (lambda weight: weight.to(torch.float8_e4m3fn), "torch.float8_e4m3fn, not real floating point"),
        (lambda weight: weight.to_sparse(), "torch.sparse_coo, not a dense tensor"),
        (lambda weight: weight.to("meta"), "on the meta device, where tensors have none"),
    ],
)
def test_values_that_are_no_weights(state: dict[str, Tensor], change: Any, message: str) -> None:
    state["head.weight"] = change(state["head.weight"])
    with pytest.raises(CheckpointError, match=rf"1 without usable values: head\.weight \({message}\)$"):
        load_it(state)


def test_all_weights_integers(state: dict[str, Tensor]) -> None:
    with pytest.raises(CheckpointError, match=r"without usable values: .*torch\.int64, not real .* more"):
        load_it({name: tensor.long() for name, tensor in state.items()})


def test_counters(state: dict[str, Tensor]) -> None:
    name = "patch_embed.rpe_bn.num_batches_tracked"
    load_it({**state, name: state[name].half()})
    with pytest.raises(CheckpointError, match=r"rpe_bn\.num_batches_tracked \(torch\.complex64"):
        load_it({**state, name: state[name].to(torch.complex64)})
    # Only counters have a value to start from.
    del state["patch_embed.rpe_bn.running_mean"], state[name]
    with pytest.raises(CheckpointError, match=r"1 missing: patch_embed\.rpe_bn\.running_mean$"):
        load_it(state)


def test_files_without_a_state_dict(tmp_path: Path) -> None:
    path = tmp_path / "list.pth"
    torch.save([torch.ones(2)], path)
    with pytest.raises(CheckpointError, match=r"list\.pth: expected a state dict .*, found a list"):
        load_it(path)
    with pytest.raises(CheckpointError, match=r"absent\.pth: there is no such file"):
        load_it(tmp_path / "absent.pth")
    with pytest.raises(CheckpointError, match="there is no such file"):
        load_it(tmp_path)


class Runs:
    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, (os.environ["SPIKEFORMERS_TEST_DIRECTORY"],)


@pytest.mark.parametrize("zipped", [True, False])
def test_code_in_a_file_is_not_run(
    tmp_path: Path, state: dict[str, Tensor], monkeypatch: pytest.MonkeyPatch, zipped: bool
) -> None:
    monkeypatch.setenv("SPIKEFORMERS_TEST_DIRECTORY", str(tmp_path / "was_run"))
    path = tmp_path / "evil.pth"
    torch.save({"state_dict": state, "args": Runs()}, path, _use_new_zipfile_serialization=zipped)
    with pytest.raises(CheckpointError, match=r"holds a Python object \(posix\.mkdir\)|\(nt\.mkdir\)"):
        load_it(path)
    assert not (tmp_path / "was_run").exists()


def test_a_whole_model_is_not_unpickled(tmp_path: Path) -> None:
    path = tmp_path / "module.pth"
    torch.save(nn.Linear(2, 2), path)
    with pytest.raises(CheckpointError, match=r"Python object \(torch\.nn\.modules\.linear\.Linear\)"):
        load_it(path)


@pytest.mark.parametrize("share", [0.0, 0.3, 0.9, 0.999])
@pytest.mark.parametrize("kind", ["zip", "legacy", "safetensors"])
def test_truncated_files(tmp_path: Path, state: dict[str, Tensor], share: float, kind: str) -> None:
    path = tmp_path / ("model.safetensors" if kind == "safetensors" else "model.pth")
    if kind == "safetensors":
        save_file(state, path)
    else:
        torch.save({"state_dict": state}, path, _use_new_zipfile_serialization=kind == "zip")
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * share)])
    with pytest.raises(CheckpointError, match=r"not a whole checkpoint file; it may be truncated"):
        load_it(path)


@pytest.mark.parametrize("name", ["notes.pth", "notes.safetensors"])
def test_files_of_another_kind(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.write_text("These are notes.\n" * 20)
    with pytest.raises(CheckpointError, match=r"not a whole checkpoint file"):
        load_it(path)


def test_tensors_without_an_official_name(state: dict[str, Tensor]) -> None:
    with pytest.raises(UnknownNameError, match=r"No tensors are called 'gradient'. Did you mean 'gradients'"):
        to_official(load_it(state), "gradient")
    with pytest.raises(UnknownNameError, match="follows no released form"):
        to_official(Spikformer.from_words({}))
    with pytest.raises(UnknownNameError, match="'gesture' of 'spikformer'"):
        to_official(create_model("spikformer_2_256.dvs128gesture"))
    model = load_it(state)
    model.extra = nn.Linear(2, 2)
    with pytest.raises(CheckpointError, match=r"no counterpart of extra\.weight, extra\.bias"):
        to_official(model)


def test_a_model_that_is_no_longer_its_form() -> None:
    model = create_model("spikformer_2_64.digits", projection="convolution")
    for what in ("parameters", "buffers"):
        with pytest.raises(CheckpointError) as caught:
            to_official(model, what)
        message = str(caught.value)
        assert "not the form 'cifar' of 'spikformer': it lacks 6 of that form's tensors" in message
        assert "block.0.attn.q_linear.bias" in message
        assert "projection 'convolution' (there: 'linear')" in message
        assert "Set model.variant = 'cifar10dvs' or 'imagenet', or save this model with spikeformers.save" in message
    assert to_official(model, "gradients") == {}
    model.variant = "imagenet"
    state = {**to_official(model), **to_official(model, "buffers")}
    assert "block.0.attn.q_conv.weight" in state
    words = {"heads": 4, "image_size": (8, 8), "pooling": "0010"}
    again = load_official(state, "spikformer", "imagenet", words)
    assert all(torch.equal(tensor, again.state_dict()[name]) for name, tensor in model.state_dict().items())


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("meta_spikeformer_15m.imagenet", {"shortcut": "sew", "dims": [8, 8, 8, 8]}),
        ("meta_spikeformer_15m.imagenet", {"attention": "sdsa1", "dims": [8, 8, 8, 8]}),
        ("meta_spikeformer_15m.imagenet", {"depths_by_stage": [1, 1, 1, 1, 1], "dims": [8, 8, 8, 8]}),
        ("sdt_2_256.cifar10", {"ann": "relu", "dim": 16, "heads": 2}),
        ("sdt_2_256.cifar10", {"dvs_mode": True, "dim": 16, "heads": 2}),
        ("e_spikeformer_3m.imagenet", {"neuron": "lif", "dims": [8, 8, 8, 8]}),
        ("spikingformer_cml_2_384.cifar10", {"pool_before_neuron": False, "dim": 16, "heads": 2}),
    ],
    ids=str,
)
def test_another_network_with_the_same_tensors(name: str, words: dict[str, object]) -> None:
    """A file under the authors' names would be read back as the released form: it is not written."""
    word = next(iter(words))
    model = create_model(name, **words)
    with pytest.raises(CheckpointError, match=f"Its config differs in .*{word} "):
        to_official(model)


@pytest.mark.parametrize(
    ("name", "variant", "words"),
    [
        ("tim_2_256.cifar10dvs", "dvs_intended_thresholds", {"interaction": "tim"}),
        ("tim_2_256.cifar10dvs", "dvs", {"interaction": "tim(threshold_out=1.0, threshold_in=1.0)"}),
        ("spikformer_2_64.digits", "cifar", {"attention": "sdsa3(order=cheaper)", "neuron": "lif()"}),
        ("sglformer_4_384.cifar10", "cifar", {"local_attention": "local_ssa"}),
    ],
)
def test_words_spelled_otherwise_are_the_released_form(name: str, variant: str, words: dict[str, object]) -> None:
    model = create_model(name, dim=64, depth=1, heads=4, **words)
    model.variant = variant
    assert to_official(model)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16], ids=str)
@pytest.mark.parametrize(
    ("name", "other", "message"),
    [
        ("tim_dvs", "dvs_intended_thresholds", r"block\.0\.attn\.TIM\.in_lif\.threshold is 1, not 0\.3"),
        ("tim_dvs_intended", "dvs", r"block\.0\.attn\.attn_lif\.threshold is 0\.5, not 1"),
    ],
)
def test_thresholds_that_a_file_keeps_tell_its_form(name: str, other: str, message: str, dtype: torch.dtype) -> None:
    file = golden(name)
    state = {
        key: tensor.to(dtype) if tensor.is_floating_point() else tensor
        for key, tensor in fill_state(file["state_dict"], file["fill"]["salt"]).items()
    }
    words = {"heads": 4, "time_steps": 4}
    assert load_official(state, "tim", file["variant"], words).variant == file["variant"]
    with pytest.raises(CheckpointError, match=message) as caught:
        load_official(state, "tim", other, words)
    assert f"({file['variant']!r} or " in str(caught.value) or f" or {file['variant']!r})" in str(caught.value)
    with pytest.raises(CheckpointError, match=r"patch_embed\.proj_lif\.threshold is 1, not 0\.7"):
        load_official(state, "tim", file["variant"], {**words, "v_threshold": 0.7})


@pytest.mark.parametrize("word", ["tim(alpha=0.25)", "tim(threshold_out=0.4)", "none"])
def test_other_options_are_another_network(word: str) -> None:
    model = create_model("tim_2_256.cifar10dvs", dim=32, depth=1, heads=4, interaction=word)
    with pytest.raises(CheckpointError) as caught:
        to_official(model)
    assert f"interaction {word!r} (there: 'tim(alpha=0.5, threshold_in=0.3, threshold_out=0.5)')" in str(caught.value)


def test_strides_that_do_not_divide_the_released_size() -> None:
    words = {"image_size": [96, 96], "tokenizer_strides": [3, 1, 2, 1, 2, 1], "dim": 32, "depth": 1}
    assert to_official(create_model("spikeformer_7_256.cifar10dvs", **words))


def test_a_small_model_of_ours_has_no_official_names() -> None:
    with pytest.raises(UnknownNameError, match="follows no released form"):
        to_official(create_model("meta_spikeformer_240k.digits"))


def test_a_model_of_no_form() -> None:
    model = create_model("spikformer_2_64.digits")
    model.tokenizer.stages[0].conv = nn.Identity()
    with pytest.raises(CheckpointError, match=r"lacks 1 .*: patch_embed\.proj_conv\.weight\. .* Save this model"):
        to_official(model)


def test_asking_for_names_draws_no_random_numbers() -> None:
    model = create_model("spikformer_2_64.digits")
    before = torch.get_rng_state()
    to_official(model)
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize("strides", [3, "2", None, ["2", "1"]])
def test_strides_that_are_none(strides: Any) -> None:
    words = {"heads": 4, "tokenizer_strides": strides}
    with pytest.raises(ConfigError, match="tokenizer_strides must be"):
        load_official(state_of("spikeformer_plif_dvsgesture"), "spikeformer", "plif_dvsgesture", words)


def test_a_tensor_with_and_without_the_systems_prefix() -> None:
    state = state_of("spikeformer_plif_dvsgesture")
    state["pos_embed"] = state["model.pos_embed"]
    with pytest.raises(CheckpointError, match=r"unexpected: model\.model"):
        load_official(state, "spikeformer", "plif_dvsgesture", {"heads": 4})


@pytest.mark.parametrize(
    ("name", "words", "message"),
    [
        (
            "metaspikeformer_kd",
            {"distillation_head": False},
            "says distillation_head False, the tensors show dist.* True",
        ),
        ("metaspikeformer", {"distillation_head": True}, "says distillation_head True, the tensors show dist.* False"),
        (
            "metaspikeformer",
            {"dims": [16, 32, 64, 96]},
            r"dims \[16, 32, 64, 96\], the .* show dims \[16, 32, 64, 80\]",
        ),
        ("metaspikeformer", {"depths_by_stage": [1, 1, 2, 2, 2]}, r"tensors show depths_by_stage \[1, 1, 2, 6, 2\]"),
        ("sdt_cifar", {"heads": 4}, "the config says heads 4, the tensors show heads 8"),
        (
            "spikeformer_plif_dvsgesture",
            {"tokenizer_kernel": 3},
            "tokenizer_kernel 3, the tensors show tokenizer_kernel 5",
        ),
    ],
)
def test_words_of_every_kind_that_disagree(name: str, words: dict[str, Any], message: str) -> None:
    file = golden(name)
    with pytest.raises(CheckpointError, match=message):
        load_official(state_of(name), file["system"], file["variant"], words)
