import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spikeformers.errors import InputError
from spikeformers.report.csv import write_csv

# Control characters are no text of a table; what a reader makes of a lone carriage return is its own affair.
texts = st.text(st.characters(exclude_categories=("Cs", "Cc"))).filter(lambda text: text[:1] not in tuple("=+-@"))


@given(rows=st.lists(st.dictionaries(st.sampled_from(["name", "mJ", "why"]), texts, min_size=1), min_size=1))
def test_what_is_written_is_read_again(tmp_path_factory, rows):
    path = tmp_path_factory.mktemp("csv") / "table.csv"
    write_csv(path, rows)
    read = list(csv.DictReader(io.StringIO(path.read_bytes().decode(), newline="")))
    words = {word for row in rows for word in row}
    assert read == [{word: row.get(word, "") for word in words} for row in rows]


def test_numbers_lists_and_what_is_missing(tmp_path):
    write_csv(tmp_path / "a.csv", [{"n": 3, "x": 0.25, "steps": (1, 2)}, {"n": None, "late": True}])
    assert (tmp_path / "a.csv").read_text() == "n,x,steps,late\n3,0.25,1 2,\n,,,True\n"


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(A1)", '=HYPERLINK("x")', "\t=1"])
def test_a_spreadsheet_computes_nothing(text, tmp_path):
    path = tmp_path / "a.csv"
    write_csv(path, [{"text": text, "listed": [text, "a"], "number": -0.5}])
    (row,) = csv.DictReader(io.StringIO(path.read_bytes().decode(), newline=""))
    assert row == {"text": f"'{text}", "listed": f"'{text} a", "number": "-0.5"}


def test_nothing_to_write_leaves_a_former_file(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("before")
    with pytest.raises(InputError, match="no rows"):
        write_csv(path, [])
    assert path.read_text() == "before"
