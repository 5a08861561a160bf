"""Pictures: what they contain, that nothing overlaps or is cut, and that nothing half-written is left."""

from __future__ import annotations

import sys
from dataclasses import replace
from itertools import combinations

import matplotlib
import numpy as np
import pytest
from matplotlib.colors import to_hex
from PIL import Image

from spikeformers.report import pictures, style
from tests.report.drawn import check_texts, texts


def page(models):
    return pictures.portraits(models, caption="first 8 and 8 least certain of 360 images")


@pytest.fixture(params=["page", "curves", "rates", "predictions"])
def figure(request, models):
    return {
        "page": lambda: page(models),
        "curves": lambda: pictures.learning_curves({model.label: model.run.epochs for model in models}),
        "rates": lambda: pictures.firing_rates({model.label: model.firing for model in models}),
        "predictions": lambda: pictures.predictions("Some digits", models[0].tiles),
    }[request.param]()


def test_no_text_overlaps_another_or_leaves_the_page(figure):
    check_texts(figure)


def test_the_page_shows_curves_rates_and_predictions(models):
    words = [text for text, _ in texts(page(models))]
    for model in models:
        assert f"Firing rate per layer: {model.label}" in words
        for row in model.firing:
            assert row.name in words
    assert words.count("5  50 %\nis 3") == 10
    assert words.count("3  50 %") == 8


def test_curves_are_the_logs(models):
    logs = models[0].run.epochs
    figure = pictures.learning_curves({"a": logs})
    loss, accuracy = figure.axes
    assert loss.lines[0].get_ydata().tolist() == [log.train_loss for log in logs]
    assert loss.lines[1].get_ydata().tolist() == [log.eval_loss for log in logs]
    assert accuracy.lines[1].get_xdata().tolist() == [1, 2, 3, 4]
    assert loss.lines[0].get_linestyle() == "--"


@pytest.mark.parametrize("part", ["test", "validation"])
def test_curves_name_the_images_they_are_of(models, part):
    words = [text for text, _ in texts(pictures.learning_curves({"a": models[0].run.epochs}, part))]
    assert [word for word in words if word in ("test", "validation")] == [part]
    on_page = [replace(model, run=replace(model.run, eval_part=part)) for model in models]
    words = [text for text, _ in texts(page(on_page))]
    assert [word for word in words if word in ("test", "validation")] == [part]


def test_models_have_colours_of_their_own_and_keep_them(models):
    figure = page(models)
    curves = [to_hex(line.get_color()).upper() for line in figure.axes[1].lines]
    bars = [to_hex(axes.patches[0].get_facecolor()).upper() for axes in figure.axes[2:4]]
    assert [*dict.fromkeys(curves)] == bars == [style.colour(0), style.colour(1)]


def test_saving_is_whole_and_repeatable(models, tmp_path):
    for name in ("a.png", "b.png"):
        style.save(page(models), tmp_path / name)
    with Image.open(tmp_path / "a.png") as one, Image.open(tmp_path / "b.png") as other:
        assert np.array_equal(np.asarray(one), np.asarray(other))
    style.save(page(models), tmp_path / "c.svg")
    assert "<svg" in (tmp_path / "c.svg").read_text()


def test_a_picture_that_fails_leaves_the_former_one(models, tmp_path, monkeypatch):
    path = tmp_path / "a.png"
    path.write_text("former")
    figure = page(models)

    def full_disk(*args, **kwargs):
        raise OSError("No space left on device")

    monkeypatch.setattr(figure, "savefig", full_disk)
    with pytest.raises(OSError, match="No space"):
        style.save(figure, path)
    assert path.read_text() == "former"
    assert [file.name for file in tmp_path.iterdir()] == ["a.png"]


def test_the_users_settings_stay_and_do_not_matter(models, tmp_path):
    with matplotlib.rc_context({"font.size": 40, "axes.grid": False, "text.color": "red"}):
        before = dict(matplotlib.rcParams)
        style.save(page(models), tmp_path / "a.png")
        assert dict(matplotlib.rcParams) == before
    style.save(page(models), tmp_path / "b.png")
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()


def test_pyplot_is_not_touched(models):
    figure = page(models)
    pyplot = sys.modules.get("matplotlib.pyplot")
    assert figure is not None
    assert pyplot is None or pyplot.get_fignums() == []


def test_colours_differ_also_without_green_or_red():
    """Simulated deuteranopia and protanopia (Viénot 1999, linear RGB): every two colours stay apart."""
    linear = np.array([[int(c[i : i + 2], 16) / 255 for i in (1, 3, 5)] for c in style.COLOURS]) ** 2.2
    deutan = np.array([[0.29275, 0.70725, 0], [0.29275, 0.70725, 0], [-0.02234, 0.02234, 1]])
    protan = np.array([[0.11238, 0.88762, 0], [0.11238, 0.88762, 0], [0.00401, -0.00401, 1]])
    for sight in (np.eye(3), deutan, protan):
        seen = (linear @ sight.T).clip(0, 1) ** (1 / 2.2)
        for one, other in combinations(seen, 2):
            assert np.abs(one - other).sum() > 0.2
