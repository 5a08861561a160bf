"""The table of firing statistics: every layer with its own figures."""

from __future__ import annotations

import csv
import io

import pytest
from rich.console import Console

from spikeformers.measure import FiringStatistics
from spikeformers.report.csv import write_csv
from spikeformers.report.firing_statistics import firing_rows, firing_statistics
from tests.report.figures import made


def printed(statistics: FiringStatistics, width: int = 140) -> str:
    console = Console(width=width, file=io.StringIO(), color_system=None)
    console.print(firing_statistics(statistics, "mine", "100 test images of digits"))
    return console.file.getvalue()  # type: ignore[attr-defined]


def line_of(text: str, name: str) -> list[str]:
    (line,) = (line for line in text.splitlines() if line.startswith(f"{name} "))
    return line.split()


def test_a_line_for_each_layer() -> None:
    statistics = made.statistics(7)
    text = printed(statistics)
    assert "Firing: mine, on 100 test images of digits" in text
    for row in statistics.layers:
        name = row.name.removesuffix(".neuron")
        figures = [f"{100 * rate:.1f}" for rate in (row.rate, row.deviation or 0, *row.rate_by_step)]
        shares = [f"{100 * neurons / 128:.1f}" for neurons in (row.dead_neurons, row.saturated_neurons)]
        assert line_of(text, name) == [name, *figures, "128", shares[0], "%", shares[1], "%"]
    whole = line_of(text, "all layers")
    assert whole[2:4] == [f"{100 * statistics.rate:.1f}", str(7 * 128)]
    assert whole[4:] == [f"{100 * statistics.dead:.1f}", "%", f"{100 * statistics.saturated:.1f}", "%"]


def test_integers_are_no_percentages() -> None:
    statistics = made.statistics(2, values="integer up to 4 times 0.25")
    text = printed(statistics)
    row = statistics.layers[0]
    assert f"{row.rate:.2f}" in line_of(text, row.name.removesuffix(".neuron"))
    assert "in %" not in " ".join(text.split())
    assert "all outputs are integer up to 4." in " ".join(text.split())
    assert "an integer n counts as n spikes" in " ".join(text.split())
    assert "times" not in text


def test_many_time_steps_are_a_sketch_and_one_needs_no_column() -> None:
    text = printed(made.statistics(2, steps=16))
    assert any(letter in text for letter in "▁▂▃▄▅▆▇█")
    assert "by time step" in text
    assert "by time step" not in printed(made.statistics(2, steps=1))


def test_real_outputs_and_single_samples_are_told() -> None:
    text = printed(made.statistics(1, values="real", deviation=None))
    assert "share of outputs other than zero" in " ".join(text.split())
    assert "–" in text


@pytest.mark.parametrize("width", [80, 100])
def test_a_narrow_terminal_loses_no_figure(width: int) -> None:
    statistics = made.statistics(3, steps=2)
    wide, narrow = (sorted("".join(printed(statistics, size).replace("─", "").split())) for size in (200, width))
    assert wide == narrow


def test_layers_that_emit_different_values_say_so() -> None:
    mixed = (made.layer(0), made.layer(1, values="integer up to 2"))
    text = printed(FiringStatistics(layers=mixed, samples=10, name="a"))
    assert "emits" in text
    assert line_of(text, made.name(0).removesuffix(".neuron"))[1] == "binary"
    assert "all outputs are" not in text


def test_rows_for_a_spreadsheet(tmp_path) -> None:
    statistics = made.statistics(3)
    write_csv(tmp_path / "a.csv", firing_rows({"mine": statistics, "yours": statistics}))
    rows = list(csv.DictReader((tmp_path / "a.csv").read_text().splitlines()))
    assert [row["model"] for row in rows] == ["mine"] * 3 + ["yours"] * 3
    for row, layer in zip(rows[:3], statistics.layers, strict=True):
        assert row["layer"] == layer.name
        assert float(row["rate"]) == layer.rate
        assert [float(rate) for rate in row["rate_by_step"].split()] == list(layer.rate_by_step)
        assert (row["samples"], row["dead_neurons"]) == ("10", str(layer.dead_neurons))
