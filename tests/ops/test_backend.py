"""Which implementation runs: the machine, the device and the environment variable decide, and say why."""

from __future__ import annotations

import ctypes
from collections.abc import Iterator

import pytest
import torch

from spikeformers import native
from spikeformers.errors import ConfigError
from spikeformers.ops import backend, lif
from spikeformers.ops.backend import OPERATIONS, VARIABLE, Operation, choose, describe, in_words


@pytest.fixture(autouse=True)
def _asked_anew(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.delenv(VARIABLE, raising=False)
    monkeypatch.delenv("TRITON_INTERPRET", raising=False)
    backend._chosen.cache_clear()
    yield
    backend._chosen.cache_clear()


@pytest.fixture
def operations(monkeypatch: pytest.MonkeyPatch) -> None:
    """Four operations with what operations can have, and a native core to run two of them."""
    for name in list(OPERATIONS):
        monkeypatch.delitem(OPERATIONS, name)
    monkeypatch.setitem(OPERATIONS, "all", Operation(("native", "triton", "reference"), "float64"))
    monkeypatch.setitem(OPERATIONS, "core", Operation(("native", "reference")))
    monkeypatch.setitem(OPERATIONS, "torch", Operation(("native", "reference"), in_core=False))
    monkeypatch.setitem(OPERATIONS, "plain", Operation(("reference",)))
    monkeypatch.setattr(native, "library", lambda: ctypes.CDLL(None))
    monkeypatch.setattr(native, "status", lambda: native.Status("avx2", "the best"))


def without_a_core(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(native, "library", lambda: None)
    monkeypatch.setattr(native, "status", lambda: native.Status(None, "not built: build it"))


def backends(device: str = "cpu") -> dict[str, str]:
    return {choice.operation: choice.backend for choice in describe(device)}


def test_every_operation_can_run_anywhere() -> None:
    for operation in OPERATIONS:
        assert OPERATIONS[operation].backends[-1] == "reference"
        for device in ("cpu", "cuda", "meta"):
            choice = choose(operation, device)
            assert choice.backend in OPERATIONS[operation].backends
            assert "there is" in choice.reason
            assert choice in describe(device)


@pytest.mark.usefixtures("operations")
def test_without_a_wish_the_fastest_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    assert backends() == {"all": "native", "core": "native", "torch": "native", "plain": "reference"}
    assert backends("meta") == dict.fromkeys(OPERATIONS, "reference")
    assert in_words() == "all native avx2, core native avx2, torch native avx2, plain reference"


@pytest.mark.usefixtures("operations")
def test_without_a_native_core_the_reference_runs_and_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    without_a_core(monkeypatch)
    assert backends() == {"all": "reference", "core": "reference", "torch": "native", "plain": "reference"}
    assert choose("core").reason == "the only one there is without native"


@pytest.mark.usefixtures("operations")
def test_triton_runs_on_a_gpu_or_interpreted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(backend, "find_spec", lambda name: object())
    assert backends("cuda") == {"all": "triton", "core": "reference", "torch": "reference", "plain": "reference"}
    assert choose("all", "cuda").reason == "the fastest there is"
    monkeypatch.setenv(VARIABLE, "all=triton")
    assert choose("all", "cpu").backend == "reference"
    assert choose("all", "cpu").reason == f"{VARIABLE}=all=triton, but triton does not run on cpu"
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setenv(VARIABLE, "triton")
    with pytest.raises(ConfigError, match=r"Triton needs a GPU; TRITON_INTERPRET=1"):
        choose("core")
    monkeypatch.setenv("TRITON_INTERPRET", "1")
    assert backends() == {"all": "triton", "core": "reference", "torch": "reference", "plain": "reference"}
    backend._chosen.cache_clear()
    monkeypatch.setattr(backend, "find_spec", lambda name: None)
    with pytest.raises(ConfigError, match=r"Triton is not installed: `pip install triton`"):
        choose("all")


@pytest.mark.usefixtures("operations")
def test_a_wish_for_all_leaves_those_that_lack_it_to_the_reference(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, "reference")
    assert set(backends().values()) == {"reference"}
    assert choose("core").reason == f"{VARIABLE} says so"
    monkeypatch.setenv(VARIABLE, "native")
    assert backends() == {"all": "native", "core": "native", "torch": "native", "plain": "reference"}
    assert choose("plain").reason == f"{VARIABLE}=native, but it has no native implementation"
    assert choose("core", "cuda").reason == f"{VARIABLE}=native, but native does not run on cuda"


@pytest.mark.usefixtures("operations")
def test_one_operation_is_turned_off(monkeypatch: pytest.MonkeyPatch) -> None:
    expected = {"all": "native", "core": "reference", "torch": "native", "plain": "reference"}
    for value in ("core=reference", "native, core = reference", "core=reference,native"):
        monkeypatch.setenv(VARIABLE, value)
        assert backends() == expected


@pytest.mark.usefixtures("operations")
def test_a_wish_that_cannot_be_had_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, "plain=native")
    with pytest.raises(ConfigError, match=r"plain has no native .*there is: reference\)\. Take plain=native out"):
        choose("plain")
    without_a_core(monkeypatch)
    monkeypatch.setenv(VARIABLE, "native")
    with pytest.raises(ConfigError, match=rf"{VARIABLE}=native, but not built: build it\. Or unset"):
        choose("core")
    assert choose("torch").backend == "native"


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("refrence", r"'refrence' is no backend\. Did you mean 'reference'\? Known: .*triton"),
        ("native,lfi=reference", r"'lfi' is no operation\. Did you mean .*'lif'.*Known: lif"),
        ("lif=", r"'' is no backend"),
    ],
)
def test_an_unknown_word_offers_the_nearest(value: str, message: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, value)
    with pytest.raises(ConfigError, match=message):
        lif(torch.tensor([2.0]))


def test_a_compiled_program_chooses_while_it_is_traced() -> None:
    def run(x: torch.Tensor) -> torch.Tensor:
        return x + 1 if choose("lif", x.device.type).backend == "reference" else x - 1

    compiled = torch.compile(run, fullgraph=True, backend="aot_eager")
    assert torch.equal(compiled(torch.zeros(2)), run(torch.zeros(2)))
