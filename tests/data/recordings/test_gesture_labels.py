from __future__ import annotations

from pathlib import Path

import pytest

from spikeformers.data.recordings.gesture_labels import Trial, read_labels
from spikeformers.errors import DataError

HEAD = "class,startTime_usec,endTime_usec\n"


def table(folder: Path, text: str) -> Path:
    (folder / "user01_led_labels.csv").write_bytes(text.encode())
    return folder / "user01_led_labels.csv"


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_a_table_is_read_in_its_order(tmp_path: Path, end: str) -> None:
    text = f"class,startTime_usec,endTime_usec{end}2,100,200{end}11, 300, 400{end}{end}"
    assert read_labels(table(tmp_path, text)) == [Trial(2, 100, 200), Trial(11, 300, 400)]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "no table of labels"),
        ("class,start,end\n", "no table of labels"),
        (HEAD + "1,2\n", "line 2: expected three whole numbers"),
        (HEAD + "1,2,3\nx,2,3\n", "line 3: expected three whole numbers"),
        (HEAD + "0,2,3\n", "no gesture 0; expected 1 to 11"),
        (HEAD + "12,2,3\n", "no gesture 12"),
        (HEAD + "1,3,3\n", "from 3 to 3"),
        (HEAD + "1,-3,3\n", "from -3 to 3"),
        (HEAD + f"1,0,{10**30}\n", "cannot last"),
    ],
)
def test_damaged_tables_are_refused_and_the_line_is_named(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(DataError, match=message):
        read_labels(table(tmp_path, text))


def test_missing_tables_and_other_encodings_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="cannot be read"):
        read_labels(tmp_path / "none.csv")
    (tmp_path / "a.csv").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(DataError, match="cannot be read"):
        read_labels(tmp_path / "a.csv")
