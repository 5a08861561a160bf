"""What a writer of the tests has written, every reader reads: whole, in chunks, in windows of time, and cut off."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spikeformers.data.events.array import EVENT
from spikeformers.data.events.losses import Losses
from spikeformers.data.recordings import recording as recording_module
from spikeformers.data.recordings.opening import open_recording, read_events
from spikeformers.errors import DataError
from tests.data.recordings.containers import CONTAINERS
from tests.data.recordings.formats import FORMATS, Format, recordings

every_format = pytest.mark.parametrize("format", FORMATS.values(), ids=list(FORMATS))
EVERY = FORMATS | CONTAINERS
every_format_and_container = pytest.mark.parametrize("format", EVERY.values(), ids=list(EVERY))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("recordings")


@every_format
@settings(max_examples=30)
@given(data=st.data())
def test_what_is_written_is_read_and_nothing_is_lost(folder: Path, format: Format, data: st.DataObject) -> None:
    events = data.draw(recordings(format))
    read, losses = read_events(format.write(folder / format.name, events))
    assert not losses
    np.testing.assert_array_equal(read, events)


@every_format_and_container
@settings(max_examples=30)
@given(data=st.data(), chunk=st.integers(1, 20))
def test_small_chunks_join_to_the_whole(folder: Path, format: Format, data: st.DataObject, chunk: int) -> None:
    events = data.draw(recordings(format))
    path = format.write(folder / format.name, events)
    losses = Losses()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(recording_module, "CHUNK", chunk)
        parts = list(open_recording(path).chunks(losses))
    assert not losses
    assert all(len(part) <= chunk for part in parts)
    np.testing.assert_array_equal(np.concatenate([events[:0], *parts]), events)


@every_format_and_container
@settings(max_examples=30)
@given(data=st.data(), chunk=st.integers(1, 60))
def test_a_window_of_time_is_the_whole_filtered(folder: Path, format: Format, data: st.DataObject, chunk: int) -> None:
    events = data.draw(recordings(format, least=1))
    path = format.write(folder / format.name, events)
    moment = st.one_of(
        st.none(),
        st.builds(lambda t, step: t + step, st.sampled_from(events["t"].tolist()), st.integers(-1, 1)),
        st.integers(0, int(events["t"][-1]) + 2),
    )
    start, stop = data.draw(moment), data.draw(moment)
    losses = Losses()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(recording_module, "CHUNK", chunk)
        parts = list(open_recording(path).chunks(losses, start=start, stop=stop))
    expected = [
        event for event in events.tolist() if (start is None or start <= event[0]) and (stop is None or event[0] < stop)
    ]
    assert not losses
    assert np.concatenate([events[:0], *parts]).tolist() == expected


@every_format
def test_a_file_cut_off_anywhere_gives_its_beginning_and_counts_the_rest(tmp_path: Path, format: Format) -> None:
    random = np.random.default_rng(3)
    t = np.sort(random.integers(0, 200, 25)) * 17
    x, y, p = random.integers(0, 34, 25), random.integers(0, 3, 25), random.integers(0, 2, 25)
    rows = np.array(list(zip(t, x, y, p, strict=True)), dtype=EVENT)
    header = len(format.write(tmp_path / format.name, rows[:0]).read_bytes())
    path = format.write(tmp_path / format.name, rows)
    content = path.read_bytes()
    for length in range(len(content)):
        path.write_bytes(content[:length])
        try:
            read, losses = read_events(path)
        except DataError:
            assert length < header
            continue
        np.testing.assert_array_equal(read, rows[: len(read)])
        if length > header and (length - header) % format.unit:
            assert losses
