"""The whole page: well-formed, on its own, safe with hostile names, and its figures those of the study."""

from __future__ import annotations

import base64
import re
from dataclasses import replace
from itertools import pairwise
from xml.etree import ElementTree

import pytest

from spikeformers.report.page.accuracy import training_lines
from spikeformers.report.page.document import document
from tests.report.page.conftest import FACTS, HOSTILE, make_study


@pytest.fixture(params=["one", "several", "integers", "events"])
def any_page(request, page, both, integer_page, event_page):
    return {"one": page, "several": both[0], "integers": integer_page, "events": event_page}[request.param]


def test_every_element_is_closed_in_order(any_page, read):
    assert read(any_page).errors == []


def test_every_figure_is_xml_with_words_for_those_who_do_not_see_it(any_page):
    drawings = re.findall(r"<svg.*?</svg>", any_page, re.DOTALL)
    assert len(drawings) >= 10
    for drawing in drawings:
        root = ElementTree.fromstring(drawing)
        assert all(root[index].text.strip() for index in (0, 1))


def test_ids_are_unique_and_links_lead_somewhere(any_page, read):
    page = read(any_page)
    ids = page.values("id")
    assert len(ids) == len(set(ids))
    inner = [link[1:] for link in page.values("href") if link.startswith("#")]
    assert inner
    assert set(inner) <= set(ids)
    for word in page.values("aria-labelledby"):
        assert set(word.split()) <= set(ids)


def test_nothing_is_loaded_from_elsewhere(any_page, read):
    page = read(any_page)
    names = {name for name, _ in page.elements}
    assert not names & {"link", "iframe", "object", "embed", "base", "form", "video", "audio"}
    assert all(source.startswith("data:image/gif;base64,") for source in page.values("src"))
    assert page.values("srcset") == []
    for name, attributes in page.elements:
        if name != "a":
            assert all(
                (attributes.get(word) or "#").startswith(("#", "data:image/png")) for word in ("href", "xlink:href")
            )
        assert not [word for word in attributes if word.startswith("on")]
    assert all(target.startswith("#") for target in re.findall(r"url\(([^)]*)\)", any_page))
    assert "@import" not in any_page
    policy = next(
        each["content"] for name, each in page.elements if each.get("http-equiv") == "Content-Security-Policy"
    )
    assert policy.startswith("default-src 'none'")


def test_hostile_names_are_text(page, study, read):
    made = read(page)
    assert sum(name == "script" for name, _ in made.elements) == 1
    assert made.text.count(HOSTILE) >= 4  # label, class, recipe, prediction
    assert "alert(" not in re.search(r"<script>(.*?)</script>", page, re.DOTALL).group(1)
    assert FACTS.command in made.text


def test_the_page_holds_the_figures_of_the_study(page, study, read):
    text = read(page).text
    deployed = study.profile.deployed
    assert f"{100 * 245 / 249:.2f} %" in text
    assert f"{study.profile.given.size.parameters:,}" in text
    assert f"{100 * study.statistics.rate:.1f} %" in text
    scale = {"pJ": 1e-9, "nJ": 1e-6, "µJ": 1e-3, "mJ": 1.0}
    written = [float(value) * scale[unit] for value, unit in re.findall(r"([\d.]+) ([pnµm]J)", text)]
    for energy in (energy for form in study.profile.forms for energy in form.energies):
        assert any(value == pytest.approx(energy.millijoules, rel=0.005) for value in written)  # three digits
    for energy in deployed.energies:
        for line in energy.assumptions:
            assert " ".join(line.split()) in text
    for row in deployed.counts.rows:
        assert row.name in text
    for chip in study.chips:
        for line in (*chip.report.known, *chip.report.estimated, *chip.report.unknown):
            assert " ".join(line.split()) in text
    for row in study.audit.entries:
        assert row.why in text or re.sub(r"\.\d+", ".*", row.why) in text


def test_every_convention_is_named_beside_its_figure(page, read):
    text = read(page).text
    for convention in ("exact", "paper", "neurobench"):
        assert f"Energy, convention {convention} " in text


def test_robustness_is_shown_only_where_it_was_measured(page, integer_page):
    assert 'id="robustness"' in page
    assert 'id="robustness"' not in integer_page


def test_integers_are_not_written_as_percent(integer_study, integer_page, read):
    text = read(integer_page).text
    assert f"{integer_study.statistics.rate:.2f} spikes in a time step" in text


def test_a_checkpoint_chosen_on_test_images_is_said_to_flatter(study):
    def lines(**words):
        return " ".join(map(str, training_lines(replace(study, training=replace(study.training, **words)))))

    assert "flatters the model" in lines(epoch=5)
    assert "flatters the model" not in lines(epoch=8)
    assert "flatters the model" not in lines(epoch=5, eval_part="validation")
    assert "does not say" in str(training_lines(replace(study, training=None)))


def test_several_models_begin_with_one_table(both, read):
    text, plates = both
    made = read(text)
    assert "2 spiking transformers side by side" in made.text
    assert len({plate.key for plate in plates}) == len(plates)
    assert sum(name == "h1" for name, _ in made.elements) == 1


def test_headings_do_not_skip_a_level(any_page, read):
    levels = [int(name[1]) for name, _ in read(any_page).elements if re.fullmatch(r"h[1-6]", name)]
    assert levels[0] == 1
    assert all(below - above <= 1 for above, below in pairwise(levels))


def test_recordings_are_called_so_and_shown_as_what_they_are(event_study, event_page, page, read):
    made = read(event_page)
    for words in ("sorts recordings into", "one recording costs", "6 test recordings of nmnist", "recordings/s",
                  "for one recording", "± between recordings", "Corruptions of events are made"):  # fmt: skip
        assert words in made.text
    # What authors published of their own workloads stays in their words.
    assert not [words for words in re.findall(r"[^.:]*\bimages?\b[^.]*", made.text) if "published" not in words]
    ids = made.values("id")
    assert {"figure-event-frames", "figure-point-cloud", "figure-firing-film"} <= set(ids)
    assert not {"figure-event-frames", "figure-point-cloud", "figure-firing-film"} & set(read(page).values("id"))


def test_what_moves_has_words_and_a_still_for_who_wants_no_motion(event_page, read):
    (moving,) = [attributes for name, attributes in read(event_page).elements if name == "img"]
    assert moving["alt"].strip()
    film = base64.b64decode(moving["src"].partition(",")[2])
    assert film.startswith(b"GIF89a")
    assert re.search(r'<div class="film"><img [^>]*><svg', event_page)
    assert "@media (prefers-reduced-motion: reduce)" in event_page


def test_a_page_of_both_kinds_has_words_for_both(study, event_study, read):
    made = read(document([study, event_study], FACTS)[0])
    assert made.errors == []
    assert "Energy of one sample" in made.text
    assert "Where not all samples" in made.text


def test_its_size_stays_reasonable(any_page):
    assert len(any_page.encode()) < 3_000_000


@pytest.mark.parametrize(
    "name",
    [
        "spikeformer_2_64.digits",
        *(
            pytest.param(name, marks=pytest.mark.slow)
            for name in ("sdt_2_64.digits", "meta_spikeformer_240k.digits", "spikingformer_2_64.digits")
        ),
    ],
)
def test_every_family_has_a_page(name, read):
    made = read(document([make_study(name)], FACTS)[0])
    assert made.errors == []
    assert name in made.text
