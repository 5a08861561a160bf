"""Tables and figures of robustness: what they show is what was measured, and they say what it means."""

from __future__ import annotations

from dataclasses import replace
from io import StringIO
from pathlib import Path

import pytest
from matplotlib.axes import Axes
from rich.console import Console

from spikeformers.measure import Disturbances, Robustness, RobustnessRow
from spikeformers.report.figures.robustness import robustness_curves
from spikeformers.report.robustness import robustness_rows, robustness_tables
from spikeformers.report.style import save
from tests.report.drawn import check_texts, texts


def made(correct: int = 90, *, worst: bool = True, blind: int = 0, only: tuple[str, ...] = ()) -> Robustness:
    """A made-up result of 100 images, each accuracy different."""
    rows = [
        RobustnessRow(
            family="corruption", name=name, strength=level / 10, severity=level, samples=100,
            correct=correct - 10 * index - level, detail=f"strength {level / 10:g} px",
        )
        for index, name in enumerate(("gaussian_noise", "jpeg"))
        for level in (1, 5)
    ]  # fmt: skip
    rows += [
        RobustnessRow(
            family="attack", name="pgd", variant=variant, strength=epsilon, samples=100,
            correct=50 - int(epsilon) - index, blind=blind, detail="steps",
        )
        for epsilon in (2.0, 8.0)
        for index, variant in enumerate(("own", "atan", "worst") if worst else ("own",))
    ]  # fmt: skip
    rows.append(
        RobustnessRow(
            family="weights", name="gaussian_noise", strength=0.1, samples=100, correct=123, draws=2, spread=0.042,
            detail="of the deviation",
        )
    )  # fmt: skip
    rows += [
        RobustnessRow(family="spikes", name=name, strength=strength, samples=100, correct=37, detail="lost")
        for name, strength in (("lost", 0.3), ("spurious", 0.01))
    ]
    kept = tuple(row for row in rows if not only or row.family in only)
    return Robustness(name="model", samples=100, correct=correct, rows=kept, settings=Disturbances(steps=9, draws=2))


def printed(results: dict[str, Robustness], width: int = 140) -> str:
    page = Console(width=width, file=StringIO())
    page.print(robustness_tables(results, dict.fromkeys(results, "100 test images of digits")))
    return page.file.getvalue()


def line(text: str, *words: str) -> str:
    (found,) = [each for each in text.splitlines() if all(word in each for word in words)]
    return found


def test_every_figure_is_in_its_line() -> None:
    text = printed({"one": made()})
    assert "100 test images of digits" in text
    # 90 of 100: Wilson's interval is 82.6 to 94.5 %; corrupted (89 + 85 + 79 + 75) / 4; the lowest attack 50 - 8 - 2.
    for words in ("90.0 %", "82.6 to 94.5 %", "82.0 %", "40.0 %"):
        assert words in line(text, "one", "82.6")
    for words in ("89.0 %", "85.0 %", "87.0 %", "strength 0.5 px"):
        assert words in line(text, "gaussian noise", "87.0")
    assert "79.0 %" in line(text, "JPEG", "75.0 %", "77.0 %")
    assert "46.0 %" in line(text, "PGD, worst", "40.0 %")
    assert "61.5 ± 4.2 %" in text
    assert "37.0 %" in line(text, "spurious spikes", "–")
    assert line(text, "disturbance", "0.01").split()[-2:] == ["0.01", "0.3"]  # from weak to strong
    for words in ("9 steps", "Mean of 2 draws", "ICLR 2019", "proves nothing", "seed 0", "± 9.6 points"):
        assert words in " ".join(text.split())


def test_models_share_a_table_and_what_was_not_tried_is_not_explained() -> None:
    text = printed({"one": made(90, only=("corruption",)), "other": made(80, only=("corruption",))})
    assert text.count("strength 0.5 px") == 2  # of two corruptions, not of two models each
    assert "79.0 %" in line(text, "other", "75.0 %", "77.0 %")
    for words in ("attack", "spikes:", "draws", "worst"):
        assert words not in text


def test_disturbances_stay_together_where_models_differ_in_surrogates() -> None:
    few, many = made(worst=False, only=("attack",)), made(only=("attack",))
    fgsm = tuple(replace(row, name="fgsm") for row in many.rows)
    text = printed({"one": few, "other": replace(many, rows=(*many.rows, *fgsm))})
    titles = [each.split("  ")[0] for each in text.splitlines() if each.startswith(("PGD", "FGSM"))]
    assert titles == [f"{name}, {variant}" for name in ("PGD", "FGSM") for variant in ("own", "atan", "worst")]


def test_attacks_without_a_gradient_are_named() -> None:
    assert "to 12 of 100 images" in " ".join(printed({"one": made(blind=12)}).split())
    assert "had no gradient" not in printed({"one": made()})


def test_models_without_spikes_are_named_where_spikes_were_to_be_disturbed() -> None:
    told = "ann has no neurons of this package, and so no spikes to disturb."
    plain = made(only=("corruption", "attack", "weights"))
    assert told in " ".join(printed({"one": made(), "ann": plain}).split())
    assert "no spikes to disturb" not in printed({"one": made()})
    assert "no spikes to disturb" not in printed({"ann": replace(plain, settings=Disturbances().only("weights"))})


def test_rows_for_a_spreadsheet() -> None:
    result = made()
    undisturbed, *rows = robustness_rows({"one": result})
    assert (undisturbed["family"], undisturbed["accuracy"]) == ("none", 0.9)
    assert len(rows) == len(result.rows)
    for row, expected in zip(rows, result.rows, strict=True):
        assert (row["model"], row["name"], row["variant"]) == ("one", expected.name, expected.variant)
        assert (row["accuracy"], row["strength"]) == (expected.accuracy, expected.strength)
        assert (row["interval_low"], row["interval_high"]) == (expected.interval or (None, None))
        assert set(undisturbed) <= set(row)


def panels(results: dict[str, Robustness]) -> dict[str, Axes]:
    figure = robustness_curves(results)
    return {axes.get_title(loc="left"): axes for axes in figure.axes if axes.get_title(loc="left")}


def test_a_panel_holds_a_line_for_each_model() -> None:
    drawn = panels({"one": made(90), "other": made(80)})
    assert list(drawn) == [
        "Gaussian noise", "JPEG", "PGD, worst surrogate", "Weight noise", "Lost spikes", "Spurious spikes",
    ]  # fmt: skip
    curves = {len(each.get_xdata()): each for each in drawn["JPEG"].lines}
    assert list(curves[3].get_xdata()) == [0, 1, 5]
    lines = [list(each.get_ydata()) for each in drawn["JPEG"].lines if each.get_marker() == "o"]
    assert lines == [pytest.approx([0.9, 0.79, 0.75]), pytest.approx([0.8, 0.69, 0.65])]
    dashed = [each.get_ydata()[0] for each in drawn["JPEG"].lines if each.get_linestyle() == "--"]
    assert dashed == [0.9, 0.8]
    worst = [list(each.get_ydata()) for each in drawn["PGD, worst surrogate"].lines if each.get_marker() == "o"]
    assert worst[0] == pytest.approx([0.9, 0.46, 0.40])
    assert len(drawn["Weight noise"].collections) == 2
    assert not drawn["Lost spikes"].collections


def test_one_surrogate_has_no_worst() -> None:
    drawn = panels({"one": made(worst=False)})
    assert list(drawn["PGD"].lines[-1].get_ydata()) == pytest.approx([0.9, 0.48, 0.42])


@pytest.mark.parametrize("only", [(), ("weights",), ("corruption", "spikes")])
@pytest.mark.parametrize("models", [1, 2, 5])
def test_texts_are_legible(only: tuple[str, ...], models: int) -> None:
    results = {f"spikingformer {index}": made(90 - index, only=only) for index in range(models)}
    figure = robustness_curves(results, "all 10,000 test images of fashion_mnist")
    check_texts(figure)
    shown = [text for text, _ in texts(figure)]
    assert "Accuracy under disturbances, on all 10,000 test images of fashion_mnist" in shown
    assert {"undisturbed", *results} <= set(shown)


@pytest.mark.parametrize("ending", ["png", "svg"])
def test_pictures_are_written(tmp_path: Path, ending: str) -> None:
    path = tmp_path / f"robustness.{ending}"
    save(robustness_curves({"one": made()}), path)
    assert path.read_bytes()[:5] in (b"\x89PNG\r", b"<?xml")
