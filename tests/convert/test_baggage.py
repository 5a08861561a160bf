"""Objects beside the weights: known ones are skipped, all others refused, none is ever run."""

from __future__ import annotations

import argparse
import collections
import pathlib
import sys
import types
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from spikeformers.convert import inspect, load_official, to_official
from spikeformers.errors import CheckpointError
from tests.golden_rules import fill_state, golden

FILE = golden("spikingformer_cifar")
STATE = fill_state(FILE["state_dict"], FILE["fill"]["salt"])


class Calls:
    """An object whose pickle asks the reader to call something."""

    def __init__(self, function: Callable[..., Any], *args: Any) -> None:
        self.call = function, args

    def __reduce__(self) -> tuple[Any, ...]:
        return self.call


def assert_read(path: Path, baggage: Any, zipped: bool = True) -> None:
    torch.save({"model": STATE, "baggage": baggage}, path, _use_new_zipfile_serialization=zipped)
    model = load_official(path, "spikingformer", "cifar", {"heads": 4})
    assert all(torch.equal(tensor, STATE[name]) for name, tensor in to_official(model).items())


@pytest.mark.parametrize("zipped", [True, False])
@pytest.mark.parametrize(
    "baggage",
    [
        np.float64(81.3),
        {"max_test_acc1": np.float32(81.3), "epoch": np.int64(3), "best": np.bool_(True)},
        np.arange(6.0).reshape(2, 3),
        np.random.RandomState(3).get_state(),
        argparse.Namespace(output=pathlib.PurePosixPath("logs"), data=Path("data"), lr=np.float64(1e-3)),
        collections.defaultdict(dict, {1: {2: 3}}),
        [frozenset({1}), range(3), slice(1), types.SimpleNamespace(lr=0.1)],
        [pathlib.PureWindowsPath("C:/logs"), Calls(pathlib.WindowsPath, "C:/logs"), Calls(pathlib.PosixPath, "/logs")],
    ],
    ids=["scalar", "scalars", "array", "random state", "arguments", "defaults", "builtins", "paths"],
)
def test_baggage_of_training_scripts(tmp_path: Path, baggage: Any, zipped: bool) -> None:
    assert_read(tmp_path / "model.pth", baggage, zipped)


@pytest.mark.parametrize("name", ["numpy.core.multiarray.scalar", "pathlib._local.PosixPath"])
def test_names_of_other_releases(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    def function() -> None: ...

    module, _, function.__name__ = name.rpartition(".")
    function.__module__, function.__qualname__ = module, function.__name__
    there = types.ModuleType(module)
    setattr(there, function.__name__, function)
    monkeypatch.setitem(sys.modules, module, there)
    assert_read(tmp_path / "model.pth", Calls(function, "f8", b"12345678"))


def test_numpy_is_not_called(tmp_path: Path) -> None:
    # numpy would take these bytes for the address of an object.
    scalar = np.float64(1).__reduce__()[0]
    assert_read(tmp_path / "model.pth", Calls(scalar, np.dtype("O"), b"\x01" * 8))
    assert_read(tmp_path / "model.pth", Calls(scalar, "no dtype", 3))


@pytest.mark.parametrize("zipped", [True, False])
@pytest.mark.parametrize(
    "wrap",
    [
        lambda evil: evil,
        lambda evil: [np.float64(81.3), Path("logs"), evil],
        lambda evil: argparse.Namespace(output=evil),
        lambda evil: Calls(np.float64(1).__reduce__()[0], np.dtype("f8"), evil),
        lambda evil: Calls(pathlib.PosixPath, evil),
    ],
    ids=["alone", "behind harmless ones", "in arguments", "in a scalar", "in a path"],
)
def test_code_beside_or_in_baggage_is_not_run(tmp_path: Path, wrap: Callable[[Any], Any], zipped: bool) -> None:
    trace, path = tmp_path / "was_run", tmp_path / "evil.pth"
    for evil in (
        Calls(exec, f"open({str(trace)!r}, 'w')"),
        Calls(np.save, str(trace), 1),
        Calls(open, str(trace), "w"),
    ):
        torch.save({"model": STATE, "baggage": wrap(evil)}, path, _use_new_zipfile_serialization=zipped)
        for read in (lambda: load_official(path, "spikingformer", "cifar", {"heads": 4}), lambda: inspect(path)):
            with pytest.raises(CheckpointError, match=r"holds a Python object .* nothing was read"):
                read()
    assert list(tmp_path.iterdir()) == [path]
