"""Files: a page and its figures as wholes, or what was there before."""

from __future__ import annotations

import csv
from pathlib import Path
from xml.etree import ElementTree

import pytest
from PIL import Image

from spikeformers.report.csv import write_csv
from spikeformers.report.page import write
from spikeformers.report.page.parts import Plate
from spikeformers.report.style import picture
from tests.report.page.conftest import FACTS


def test_a_page_lies_beside_its_figures(study, page, tmp_path):
    figures = write.write_page([study], FACTS, tmp_path / "index.html")
    assert (tmp_path / "index.html").read_text(encoding="utf-8") == page  # the same study, the same bytes
    assert sorted(tmp_path.rglob("*.*")) == sorted([tmp_path / "index.html", *figures])
    for file in figures:
        assert file.parent == tmp_path / "figures"
        if file.suffix == ".png":
            with Image.open(file) as image:
                assert min(image.size) > 300
        else:
            ElementTree.parse(file)


@pytest.mark.slow
def test_what_moves_lies_beside_the_page_too(event_study, tmp_path):
    figures = write.write_page([event_study], FACTS, tmp_path / "index.html")
    (film,) = [file for file in figures if file.suffix == ".gif"]
    assert {film.with_suffix(".png"), film.with_suffix(".svg")} <= set(figures)
    with Image.open(film) as image:
        assert image.n_frames == event_study.time_steps


def test_a_page_that_cannot_be_made_leaves_the_former_one(study, tmp_path, monkeypatch):
    page = tmp_path / "page.html"
    page.write_text("former")
    plate = Plate(key="a", figure=picture(1, 1, lambda figure: None), title="", caption="")
    monkeypatch.setattr(write, "document", lambda studies, facts: ("new", [plate]))

    def full_disk(figure: object, path: Path) -> None:
        raise OSError("no space left")

    monkeypatch.setattr(write, "save", full_disk)
    with pytest.raises(OSError, match="no space"):
        write.write_page([study], FACTS, page)
    assert page.read_text() == "former"


@pytest.mark.parametrize(
    ("out", "page"), [("a", "a/index.html"), ("a.html", "a.html"), ("b.d", "b.d/index.html"), ("A.HTM", "A.HTM")]
)
def test_a_place_is_a_file_or_a_directory(out, page):
    assert write.page_file(Path(out)) == Path(page)


def test_rows_of_a_table_hold_what_the_page_says(study, integer_study, tmp_path):
    write_csv(tmp_path / "models.csv", write.page_rows([study, integer_study]))
    with open(tmp_path / "models.csv", newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [row["model"] for row in rows] == [study.label, integer_study.label]
    assert float(rows[0]["accuracy"]) == study.evaluation.accuracy
    energy = study.profile.deployed.energy("exact")
    assert float(rows[0]["exact (norms fused), mJ"]) == energy.millijoules
    assert float(rows[1]["additions_only"]) == integer_study.audit.share("additions only")
