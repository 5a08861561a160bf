"""Every damaged, foreign or altered checkpoint is refused, by an error that names the file and the fault."""

from __future__ import annotations

import contextlib
import json
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import safetensors.torch
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

import spikeformers
from spikeformers.errors import CheckpointError
from spikeformers.models import SpikingModel, read_header
from tests.models.tiny import SMALLEST, smallest

KEY = "spikeformers"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A good checkpoint."""
    spikeformers.save(smallest(), tmp_path / "model.safetensors")
    return tmp_path / "model.safetensors"


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A good checkpoint, whose bytes are damaged in the file beside it."""
    path = tmp_path_factory.mktemp("checkpoint") / "good.safetensors"
    spikeformers.save(smallest(), path)
    return path


def header_end(content: bytes) -> int:
    return 8 + int(struct.unpack("<Q", content[:8])[0])


@given(st.booleans(), st.floats(0, 1, exclude_max=True))
def test_a_truncated_file(good: Path, within_header: bool, part: float) -> None:
    content, damaged = good.read_bytes(), good.with_name("damaged.safetensors")
    length = int(part * (header_end(content) if within_header else len(content)))
    damaged.write_bytes(content[:length])
    for read in (read_header, spikeformers.load):
        with pytest.raises(
            CheckpointError, match=rf"\({length} bytes\) is truncated or not a safetensors file: .*Copy it"
        ):
            read(damaged)


@settings(max_examples=300)
@given(st.floats(0, 1, exclude_max=True), st.integers(0, 255))
def test_a_byte_of_the_header_gone_wrong(good: Path, part: float, byte: int) -> None:
    content, damaged = good.read_bytes(), good.with_name("damaged.safetensors")
    place = int(part**2 * header_end(content))  # rather near the start, where the config stands
    damaged.write_bytes(content[:place] + bytes([byte]) + content[place + 1 :])
    # Another digit may be another good model; everything else is refused, and by an error of ours.
    with contextlib.suppress(CheckpointError):
        assert isinstance(spikeformers.load(damaged), SpikingModel)


@pytest.mark.parametrize("content", [b"", b"\x80\x02}q\x00.", b"PK\x03\x04" + bytes(100), b"\xff" * 64])
def test_files_of_another_kind(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "other.pth"
    path.write_bytes(content)
    with pytest.raises(CheckpointError, match=r"other\.pth .* is truncated or not a safetensors file"):
        spikeformers.load(path)


@pytest.mark.parametrize("metadata", [None, {"format": "pt"}], ids=["bare", "foreign"])
def test_a_foreign_safetensors_file(metadata: dict[str, str] | None, tmp_path: Path) -> None:
    safetensors.torch.save_file({"weight": torch.ones(3)}, tmp_path / "other.safetensors", metadata)
    for read in (read_header, spikeformers.load):
        with pytest.raises(CheckpointError, match=r"not a spikeformers checkpoint .*load_official"):
            read(tmp_path / "other.safetensors")


def test_no_file_and_a_directory(tmp_path: Path) -> None:
    for read in (read_header, spikeformers.load):
        with pytest.raises(CheckpointError, match=r"there is no file .*nothing\.safetensors\."):
            read(tmp_path / "nothing.safetensors")
        with pytest.raises(CheckpointError, match=r"is a directory; name a \.safetensors file in it\."):
            read(tmp_path)


# ---- a header or tensors that were altered ----------------------------------------------------------------------


def alter(
    path: Path,
    *,
    header: Callable[[dict[str, Any]], Any] = lambda fields: fields,
    tensors: Callable[[dict[str, Tensor]], Any] = lambda tensors: None,
) -> None:
    """Rewrite a checkpoint with another header or other tensors; a header of bytes or text is written as it is."""
    with safetensors.safe_open(path, framework="pt") as file:
        fields = json.loads(file.metadata()[KEY])
    state = safetensors.torch.load_file(path)
    tensors(state)
    new = header(fields)
    safetensors.torch.save_file(state, path, {KEY: new if isinstance(new, str) else json.dumps(new)})


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda h: {**h, "format": 2}, "has format 2, this version reads up to 1; update spikeformers"),
        # What a later format looks like is unknown, but for the word that says so.
        (lambda h: {"format": 9, "model": "new"}, "has format 9, this version reads up to 1; update spikeformers"),
        (lambda h: {**h, "format": "one"}, "header of .* is damaged"),
        (lambda h: {k: v for k, v in h.items() if k != "format"}, "header of .* is damaged"),
        (lambda h: {k: v for k, v in h.items() if k != "config"}, "header of .* is damaged .*config"),
        (lambda h: {**h, "surprise": 1}, "header of .* is damaged .*surprise"),
        (lambda h: {**h, "config": ["dim", 16]}, "header of .* is damaged .config is"),
        (lambda h: {**h, "builds": None}, "header of .* is damaged .builds is None"),
        (lambda h: {**h, "provenance": 3}, "header of .* is damaged .provenance is 3"),
        (lambda h: [h], "header of .* is damaged"),
        (lambda h: "null", "header of .* is damaged"),
        (lambda h: "{", "header of .* is damaged"),
        (lambda h: "", "header of .* is damaged"),
    ],
)
def test_a_header_of_another_kind(path: Path, change: Callable[[Any], Any], message: str) -> None:
    alter(path, header=change)
    for read in (read_header, spikeformers.load):
        with pytest.raises(CheckpointError, match=message):
            read(path)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"builds": "os:system"}, "holds a model of class 'os:system', which no catalogue names; if you trust it, add"),
        ({"builds": "toy:Toy"}, r"class 'toy:Toy', which no catalogue names; .* spikeformers\.catalog\.add"),
        ({"config": {"dim": 4}}, "the config in .* cannot be built: dim must be at least 8"),
        ({"config": {"detph": 2}}, "the config in .* cannot be built: .* no word 'detph'. Did you mean 'depth'"),
        ({"config": {"dim": "16"}}, "the config in .* cannot be built: dim must be int, got '16'"),
        ({"config": {"neuron": "mine"}}, "the config in .* cannot be built: no neuron 'mine'"),
        ({"config": {"surrogate": "mine"}}, "the config in .* cannot be built: no surrogate gradient 'mine'"),
    ],
)
def test_a_model_that_cannot_be_built(path: Path, change: dict[str, Any], message: str) -> None:
    def merge(header: dict[str, Any]) -> dict[str, Any]:
        return {**header, **change, "config": {**header["config"], **change.get("config", {})}}

    alter(path, header=merge)
    assert read_header(path).name == SMALLEST
    with pytest.raises(CheckpointError, match=message):
        spikeformers.load(path)


def without(name: str) -> Callable[[dict[str, Tensor]], Any]:
    return lambda tensors: tensors.pop(name)


def with_tensor(name: str, tensor: Tensor) -> Callable[[dict[str, Tensor]], Any]:
    return lambda tensors: tensors.update({name: tensor})


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (without("head.linear.bias"), "disagrees with its tensors: head.linear.bias is missing"),
        (with_tensor("tail.weight", torch.ones(2)), "tail.weight is not part of the model"),
        (
            with_tensor("head.linear.bias", torch.ones(7)),
            r"head\.linear\.bias is \[7\], the config says \[5\]\. The file was altered .* restore it from a copy",
        ),
        (
            with_tensor("head.linear.bias", torch.ones(5, dtype=torch.int64)),
            r"head\.linear\.bias is \[5\] of integers, the config says \[5\]",
        ),
        (
            with_tensor("tokenizer.stages.0.norm.num_batches_tracked", torch.tensor(1.0)),
            r"num_batches_tracked is \[\], the config says \[\] of integers",
        ),
        (lambda tensors: tensors.clear(), "is missing; .* and 69 more"),
    ],
    ids=["missing", "extra", "shape", "integers", "real", "all missing"],
)
def test_tensors_that_disagree_with_the_config(path: Path, change: Callable[[Any], Any], message: str) -> None:
    alter(path, tensors=change)
    with pytest.raises(CheckpointError, match=message):
        spikeformers.load(path)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ({"num_classes": 6}, r"head\.linear\.weight is \[5, 16\], the config says \[6, 16\]"),
        ({"depth": 2}, r"blocks\.1\.\S+ is missing"),
        ({"dim": 32}, r"norm\.weight is \[2\], the config says \[4\]"),
        ({"neuron": "plif"}, r"neuron\.w is missing"),
        ({"projection": "convolution"}, r"q\.linear\.bias is not part of the model"),
    ],
)
def test_a_config_that_disagrees_with_the_tensors(path: Path, words: dict[str, Any], message: str) -> None:
    alter(path, header=lambda header: {**header, "config": {**header["config"], **words}})
    with pytest.raises(CheckpointError, match=message):
        spikeformers.load(path)


def test_an_altered_model_is_refused_before_it_replaces_a_good_file(path: Path) -> None:
    good = path.read_bytes()
    other_head, normed = spikeformers.load(path), spikeformers.load(path)
    other_head.head.linear = torch.nn.Linear(other_head.config.dim, 7)
    torch.nn.utils.parametrizations.weight_norm(normed.head.linear)
    mixed = spikeformers.load(path)
    mixed.head.double()
    for model, what in ((other_head, "head.linear.weight is"), (normed, "missing"), (mixed, "several types")):
        with pytest.raises(CheckpointError, match=f"is not what its config describes: .*{what}"):
            spikeformers.save(model, path)
        assert path.read_bytes() == good
    with pytest.raises(CheckpointError, match="only a SpikingModel describes itself in a checkpoint, got Linear"):
        spikeformers.save(torch.nn.Linear(2, 2), path)


def test_a_compiled_model_is_saved_as_the_model_it_is(path: Path, tmp_path: Path) -> None:
    model = spikeformers.load(path)
    spikeformers.save(torch.compile(model, backend="eager"), tmp_path / "compiled.safetensors")
    assert (tmp_path / "compiled.safetensors").read_bytes() != b""
    assert spikeformers.load(tmp_path / "compiled.safetensors").config == model.config


@pytest.mark.parametrize("change", [{"dim": 10**7}, {"mlp_ratio": 1e308}])
def test_a_config_that_would_not_fit_into_memory_is_only_compared(path: Path, change: dict[str, Any]) -> None:
    def enlarge(header: dict[str, Any]) -> dict[str, Any]:
        return {**header, "config": {**header["config"], **change}}

    alter(path, header=enlarge)
    with pytest.raises(CheckpointError, match=r"disagrees with its tensors|cannot be built"):
        spikeformers.load(path)
