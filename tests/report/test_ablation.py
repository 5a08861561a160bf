"""A study as tables: every figure is there, whole, at any width."""

from __future__ import annotations

from typing import Any

import pytest
from rich.console import Console

from spikeformers.report import ablation
from tests.report.studied import findings, line, partial

PAGE = """\
# What matters

- recipe: digits_spikformer with schedule.epochs = 3
- model: spikformer_2_64.digits
- data set: digits
- epochs: 3
- seeds: 0, 1, 2
- runs: 10 of 15 runs finished, 4 missing, 1 failed
- training: 13 min 00 s
- version: 0.1.0

![Accuracy of every run](picture.png)

## attention

| | parameters | accuracy | to the base | firing | time | |
|---|---:|---:|---:|---:|---:|---|
| SSA (base) | 24,678 | 82.00 ± 2.00 % |  | 12.5 % | 1 min 05 s |  |
| SDSA-1 | 24,678 | 81.00 ± 2.00 % | −1.00 ± 1.25 | 12.5 % | 1 min 05 s | within the spread |
| frozen \\| random | 20,000 | 70.50 ± 2.00 % | −11.50 ± 1.25 | 12.5 % | 1 min 05 s |  |
| QK | 24,678 | 90.00 % | +8.00 | 12.5 % | 1 min 05 s | 1 of 3 failed, 1 of 3 missing |

## neuron

| | parameters | accuracy | to the base | firing | time | |
|---|---:|---:|---:|---:|---:|---|
| base | 24,678 | 82.00 ± 2.00 % |  | 12.5 % | 1 min 05 s |  |
| PLIF | 24,678 | – | – | – | – | 3 of 3 missing |

Accuracy on the test part after the last epoch: mean ± standard deviation over seeds, in per cent. To the base: the \
difference of the means ± its standard error, in percentage points; one of up to two standard errors is within the \
spread. One factor differs from the base at a time. Time is that of training one run.

## Failed

- attention: QK, seed 1: The loss is nan: training diverged.
"""


def shown(page: Any, width: int) -> list[str]:
    console = Console(width=width, color_system=None)
    with console.capture() as capture:
        console.print(page)
    return capture.get().splitlines()


def test_the_page() -> None:
    assert ablation.ablation_page(partial(), "picture.png") == PAGE


@pytest.mark.parametrize("width", [80, 140])
def test_the_terminal_has_every_line_of_the_page(width: int) -> None:
    lines = shown(ablation.ablation_tables(partial()), width)
    assert max(map(len, lines)) <= width
    text = " ".join(" ".join(lines).split())
    wide = (
        "SDSA-1 24,678 81.00 ± 2.00 % −1.00 ± 1.25 12.5 % 1 min 05 s within the spread",
        "frozen | random 20,000 70.50 ± 2.00 % −11.50 ± 1.25 12.5 % 1 min 05 s",
        "QK 24,678 90.00 % +8.00 12.5 % 1 min 05 s 1 of 3 failed, 1 of 3 missing",
        "base 24,678 82.00 ± 2.00 % 12.5 % 1 min 05 s",
        "PLIF 24,678 – – – – 3 of 3 missing",
    )
    narrow = (
        "SDSA-1 24,678 81.00 ± 2.00 % −1.00 ± 1.25 12.5 % within the spread",
        "frozen | random 20,000 70.50 ± 2.00 % −11.50 ± 1.25 12.5 %",
        "base 24,678 82.00 ± 2.00 % 12.5 %",
        "3 of 3 missing",
    )
    for row in wide if width == 140 else narrow:
        assert row in text
    assert "10 of 15 runs finished, 4 missing, 1 failed" in text
    assert "attention: QK, seed 1: The loss is nan: training diverged." in text


@pytest.mark.parametrize("width", [80, 140])
def test_the_plan_says_what_changes(width: int) -> None:
    lines = shown(ablation.plan_table(partial()), width)
    assert max(map(len, lines)) <= width
    text = " ".join(" ".join(lines).split())
    assert lines[0] == "What matters"
    assert "attention SSA (base) 24,678 3 of 3" in text
    assert " QK 24,678 2 of 3 attention = x" in text
    assert " PLIF 24,678 0 of 3" in text
    assert sum(row.startswith("attention") for row in lines) == 1


def test_the_plan_of_what_has_not_begun_says_nothing_of_results() -> None:
    whole = findings(line("2", missing=(0, 1, 2), overrides={"schedule.epochs": 2}), finished=0, seconds=0.0, total=3)
    text = " ".join(" ".join(shown(ablation.plan_table(whole), 80)).split())
    assert "factor value parameters changes" in text
    assert "attention 2 24,678 schedule.epochs = 2" in text
    assert "training" not in text


def test_rows_have_the_figures_in_full() -> None:
    _, row, *_ = ablation.ablation_rows(partial())
    assert (row["factor"], row["label"], row["difference"], row["within_spread"]) == (
        "attention",
        "SDSA-1",
        -0.01,
        True,
    )
    assert row["accuracies"] == [0.79, 0.81, 0.83]
    assert row["accuracy"] == pytest.approx(0.81)
    assert row["spread"] == pytest.approx(0.02)


def test_a_finished_study_lacks_nothing() -> None:
    assert ablation.standing_of(findings(line("SSA", 0.5))) == ""
