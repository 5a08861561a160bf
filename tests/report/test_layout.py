import io

import pytest
from rich.console import Console

from spikeformers.report.layout import NarrowingTable

HEADERS = ("layer", "kind", ">operations", "why")
ROWS = [("blocks.0.attention.q", "convolution", "1,234,567", "fed sums of spikes"), ("head", "linear", "8", "")]


def shown(width: int) -> str:
    console = Console(file=io.StringIO(), width=width)
    console.print(NarrowingTable(HEADERS, ROWS, (">operations", "kind")))
    return console.file.getvalue()


@pytest.mark.parametrize(
    ("width", "columns"),
    [(100, ("layer", "kind", "operations", "why")), (64, ("layer", "kind", "why")), (45, ("layer", "why"))],
)
def test_dispensable_columns_go_one_by_one(width: int, columns: tuple[str, ...]) -> None:
    lines = shown(width).splitlines()
    assert tuple(lines[0].split()) == columns
    assert all(len(line) <= width for line in lines)
    for header, cell in zip(HEADERS, ROWS[0], strict=True):
        assert (cell in lines[2]) == (header.strip(">") in columns)


def test_what_is_indispensable_stays_on_any_terminal() -> None:
    text = shown(30)
    assert "blocks.0.attention.q" in text
    assert "kind" not in text
