"""Means, spreads and differences, against the formulas written out with numpy."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from spikeformers.train.ablation.cells import Ablation
from spikeformers.train.ablation.findings import Difference, Findings, find
from spikeformers.train.ablation.record import Record
from tests.report.studied import figures

shares = st.floats(0, 1)


def record(accuracy: float | None) -> Record:
    return Record(
        title="", label="", seed=0, dataset="digits", recipe={}, version="1", ended=0.0,
        figures=None if accuracy is None else figures(accuracy), failure="no" if accuracy is None else "",
    )  # fmt: skip


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> Callable[[list[float | None], list[float | None]], Findings]:
    """Call it with accuracies of the base and of another cell, None for a failure; a shorter list lacks runs."""
    from spikeformers.train.ablation.cells import resolve
    from spikeformers.train.ablation.study import read_study
    from tests.train.ablation.conftest import STUDY

    path = tmp_path_factory.mktemp("study") / "tiny.toml"
    path.write_text(STUDY.replace("seeds = [0, 1]", "seeds = [0, 1, 2, 3]"))
    ablation: Ablation = resolve(read_study(path))

    def make(base: list[float | None], other: list[float | None]) -> Findings:
        plif = ablation.values[1].cell
        records = {}
        for cell, accuracies in ((ablation.base, base), (plif, other)):
            records |= {f"{cell.identity}-{seed}": record(each) for seed, each in enumerate(accuracies)}
        return find(ablation, records)

    return make


@given(base=st.lists(shares, min_size=2, max_size=4), other=st.lists(shares, min_size=2, max_size=4))
def test_statistics_are_those_of_samples(found, base: list[float], other: list[float]) -> None:  # type: ignore[no-untyped-def]
    own, line = found(base, other).lines
    # Sums of squares in another order: float64 leaves rounding errors of shares.
    assert own.mean == pytest.approx(np.mean(base), abs=1e-12)
    assert line.spread == pytest.approx(np.std(other, ddof=1), abs=1e-12)
    assert own.difference is None
    error = np.sqrt(np.var(base, ddof=1) / len(base) + np.var(other, ddof=1) / len(other))
    assert line.difference.mean == pytest.approx(np.mean(other) - np.mean(base), abs=1e-12)
    assert line.difference.standard_error == pytest.approx(error, abs=1e-12)


@pytest.mark.parametrize(
    ("mean", "error", "within"),
    [
        (0.019, 0.01, True),
        (-0.019, 0.01, True),
        (0.021, 0.01, False),
        (-0.021, 0.01, False),
        (0.0, 0.0, True),
        (0.001, 0.0, False),
        (0.001, None, None),
    ],
)
def test_a_difference_below_twice_its_error_is_none(mean: float, error: float | None, within: bool | None) -> None:
    assert Difference(mean=mean, standard_error=error).within_spread is within


def test_what_is_lacking_is_counted(found) -> None:  # type: ignore[no-untyped-def]
    findings = found([0.5, None, 0.7], [0.9])
    assert (findings.total, findings.finished, findings.missing) == (8, 3, 4)
    assert findings.failures == {"base, seed 1": "no"}
    own, line = findings.lines
    assert (list(own.runs), own.failures, own.missing) == ([0, 2], {1: "no"}, (3,))
    assert (list(line.runs), line.spread, line.missing) == ([0], None, (1, 2, 3))
    assert line.difference.mean == pytest.approx(0.3)
    assert line.difference.standard_error is None
    nothing = found([], [])
    assert (nothing.finished, nothing.missing, nothing.eval_part) == (0, 8, None)
    assert all(each.mean is None and each.difference is None for each in nothing.lines)
