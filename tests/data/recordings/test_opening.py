from __future__ import annotations

from pathlib import Path

import pytest

from spikeformers.data.events.losses import Losses
from spikeformers.data.recordings.aedat2 import Aedat2
from spikeformers.data.recordings.aedat3 import Aedat3
from spikeformers.data.recordings.dat import Dat
from spikeformers.data.recordings.evt2 import Evt2
from spikeformers.data.recordings.evt3 import Evt3
from spikeformers.data.recordings.forty_bit import FortyBit
from spikeformers.data.recordings.opening import open_recording, read_events
from spikeformers.errors import DataError, UnknownNameError


@pytest.mark.parametrize(
    ("name", "content", "reader"),
    [
        ("a.bin", b"", FortyBit),
        ("a.BIN", b"% evt 2.0\n", FortyBit),
        ("a.aedat", b"#!AER-DAT2.0\r\n", Aedat2),
        ("a.aedat", b"#!AER-DAT3.1\r\n#!END-HEADER\r\n", Aedat3),
        ("a.raw", b"% date 2020\n% evt 2.0\n", Evt2),
        ("a.raw", b"% evt 3.0\n", Evt3),
        ("a.raw", b"% format EVT2;width=3;height=2\n% end\n", Evt2),
        ("a.dat", b"% Version 2\n\x0c\x08", Dat),
        ("no_suffix", b"% evt 3.0\n", Evt3),
    ],
)
def test_the_format_is_told_by_name_or_content(tmp_path: Path, name: str, content: bytes, reader: type) -> None:
    (tmp_path / name).write_bytes(content)
    assert isinstance(open_recording(tmp_path / name), reader)


@pytest.mark.parametrize("content", [b"", b"hello", b"#!AER-DAT1.0\r\n", b"% date 2020\n"])
def test_what_nothing_tells_is_refused_with_the_known_names(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.raw").write_bytes(content)
    with pytest.raises(DataError, match=r"40bit, aedat2, .*format="):
        open_recording(tmp_path / "a.raw")


@pytest.mark.parametrize("header", [b"% evt 2.1\n", b"% format EVT21;width=3;height=2\n% end\n"])
def test_an_encoding_that_cannot_be_read_is_named(tmp_path: Path, header: bytes) -> None:
    (tmp_path / "a.raw").write_bytes(header)
    with pytest.raises(DataError, match=r"its header says 'EVT21', which cannot be read; EVT2 and EVT3 can"):
        open_recording(tmp_path / "a.raw")


def test_missing_files_and_unknown_formats_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no such file"):
        read_events(tmp_path / "a.bin")
    (tmp_path / "a.bin").touch()
    with pytest.raises(UnknownNameError, match="Did you mean 'evt2'"):
        read_events(tmp_path / "a.bin", format="evt22")


def test_a_file_that_vanishes_between_two_passes_is_a_data_error(tmp_path: Path) -> None:
    (tmp_path / "a.bin").touch()
    recording = open_recording(tmp_path / "a.bin")
    (tmp_path / "a.bin").unlink()
    with pytest.raises(DataError, match="cannot be read"):
        list(recording.chunks(Losses()))
