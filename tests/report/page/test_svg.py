"""Figures inside the page: their ids, colours and words."""

from __future__ import annotations

import re
from xml.etree import ElementTree

import numpy as np
import pytest

from spikeformers.report.page.svg import THEMED, inline
from spikeformers.report.style import COLOURS, DENSITY, picture

SVG = "{http://www.w3.org/2000/svg}"


def draw(figure):
    axes = figure.subplots()
    for index, colour in enumerate(COLOURS):
        axes.plot([0, 1], [index, index], color=colour, marker="o")
    axes.pcolormesh(np.eye(2), cmap=DENSITY)
    axes.imshow(np.eye(3))
    axes.set_title("T <b> & $x_1$")


@pytest.fixture(scope="module")
def drawing():
    return inline(picture(3, 2, draw), "fig-a", "Title <1>", "What it & shows")


def test_what_is_referred_to_is_there_and_named_after_the_figure(drawing):
    ids = re.findall(r' id="([^"]+)"', drawing)
    referred = re.findall(r'(?:href="#|url\(#)([^")]+)', drawing)
    assert len(ids) == len(set(ids))
    assert all(name.startswith("fig-a-") for name in ids)
    assert referred
    assert set(referred) <= set(ids)


def test_the_same_figure_twice_shares_no_id(drawing):
    other = inline(picture(3, 2, draw), "fig-b", "", "")
    assert not set(re.findall(r' id="([^"]+)"', drawing)) & set(re.findall(r' id="([^"]+)"', other))


def test_the_colours_of_the_house_follow_the_page(drawing):
    for house in THEMED:
        assert house.lower() not in drawing.lower()
    for index in range(len(COLOURS)):
        assert f"var(--c{index})" in drawing
    assert "var(--grid)" in drawing


def test_words_stay_words_in_the_letters_of_the_page(drawing):
    root = ElementTree.fromstring(drawing)
    assert "T <b> & $x_1$" in ["".join(element.itertext()) for element in root.iter(f"{SVG}text")]
    assert "font-family" not in drawing


def test_it_speaks_for_itself(drawing):
    root = ElementTree.fromstring(drawing)
    assert root.get("role") == "img"
    named = {element.get("id"): element.text for element in root if element.get("id")}
    assert [named[word] for word in root.get("aria-labelledby").split()] == ["Title <1>", "What it & shows"]


def test_it_says_nothing_of_when_or_by_what_it_was_drawn(drawing):
    assert "metadata" not in drawing
    assert set(re.findall(r"https?://[^\"'<\s]+", drawing)) == {
        "http://www.w3.org/2000/svg", "http://www.w3.org/1999/xlink",
    }  # fmt: skip
    assert drawing == inline(picture(3, 2, draw), "fig-a", "Title <1>", "What it & shows")
