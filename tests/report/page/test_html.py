"""Elements: escaping, attributes, and what must not be escaped twice."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from spikeformers.report.page.html import Markup, tag, text
from spikeformers.report.page.parts import Cell, breakable, code, table
from tests.report.page.conftest import Reader

# Control characters are not allowed in HTML, and a browser reads \r as \n.
words = st.text(st.characters(exclude_categories=["Cc", "Cs"]), max_size=40)


@given(words, words)
def test_any_text_comes_back_from_an_element(content, value):
    page = Reader(tag("p", content, title=value))
    assert page.errors == []
    assert page.elements == [("p", {"title": value})]
    assert "".join(page.texts) == f"{content} "


@given(words)
def test_names_that_may_break_keep_their_letters(name):
    for made in (code(name), tag("b", breakable(name))):
        assert "".join(Reader(made).texts) == name


def test_markup_is_not_escaped_again_but_text_beside_it_is():
    assert text([tag("b", "<"), " & ", None, 3]) == "<b>&lt;</b> &amp; 3"
    assert isinstance(text("<"), Markup)


def test_attributes_have_the_names_of_html():
    assert tag("td", class_="number", data_value="1", hidden=True, id=None, title=False) == (
        '<td class="number" data-value="1" hidden></td>'
    )
    assert tag("br") == "<br>"


def test_a_table_says_which_cells_are_numbers_and_how_to_sort_them():
    page = Reader(table(["layer", ">energy"], [["a", Cell("1.5 µJ", 1500.0)], ["b", Cell("900 nJ", 900.0)]]))
    cells = [attributes for name, attributes in page.elements if name == "td"]
    assert [cell["data-value"] for cell in cells] == ["1500", "900"]
    assert all(cell["class"] == "number" and cell["data-label"] == "energy" for cell in cells)
    assert [attributes.get("scope") for name, attributes in page.elements if name == "th"] == [
        "col",
        "col",
        "row",
        "row",
    ]
