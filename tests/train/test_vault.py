"""States on the disk: read back as they were, or refused."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from spikeformers.errors import CheckpointError
from spikeformers.train.vault import KEPT, prune, read_state, state_file, state_files, write_state

CONTENT = {"weights": torch.arange(5.0), "state": {0: {"lr": 0.1}}, "groups": [{"betas": [0.9, 0.999]}], "ema": None}


def test_a_state_reads_back_with_the_same_bytes(tmp_path: Path) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    write_state(first, CONTENT)
    state = read_state(first)
    assert torch.equal(state.pop("weights"), CONTENT["weights"])
    assert state == {key: value for key, value in CONTENT.items() if key != "weights"}
    write_state(second, read_state(first))
    write_state(tmp_path / "third", {**CONTENT, "groups": ({"betas": (0.9, 0.999)},)})
    assert (tmp_path / "third").read_bytes() == first.read_bytes()
    assert first.read_bytes() == second.read_bytes()


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_any_changed_or_missing_byte_is_noticed(tmp_path: Path, data: st.DataObject) -> None:
    path = tmp_path / "state"
    write_state(path, CONTENT)
    content = bytearray(path.read_bytes())
    place = data.draw(st.integers(0, len(content) - 1))
    if data.draw(st.booleans()):
        path.write_bytes(content[:place])
    else:
        content[place] ^= data.draw(st.integers(1, 255))
        path.write_bytes(content)
    with pytest.raises(CheckpointError, match=r"is damaged|is not a state"):
        read_state(path)


def test_a_missing_state_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="No such file"):
        read_state(tmp_path / "state")


def test_states_are_found_newest_first_and_only_the_newest_are_kept(tmp_path: Path) -> None:
    assert state_files(tmp_path / "nowhere") == []
    for step in (9, 100, 20):
        write_state(state_file(tmp_path, step), CONTENT)
    (tmp_path / "state-1.bin").write_bytes(b"somebody else's")
    expected = [state_file(tmp_path, step) for step in (100, 20, 9)]
    assert state_files(tmp_path) == expected
    prune(tmp_path)
    assert state_files(tmp_path) == expected[:KEPT]
    assert (tmp_path / "state-1.bin").exists()


def test_a_full_disk_leaves_the_former_state(tmp_path: Path, fill_disk: Callable[[], None]) -> None:
    path = tmp_path / "state"
    write_state(path, CONTENT)
    former = path.read_bytes()
    fill_disk()
    with pytest.raises(OSError, match="No space left"):
        write_state(path, {"weights": torch.zeros(1000)})
    assert path.read_bytes() == former
    assert list(tmp_path.iterdir()) == [path]
