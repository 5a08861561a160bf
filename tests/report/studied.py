"""A made-up study of the real types: what a table or picture shows must not depend on training."""

from __future__ import annotations

from typing import Any

from spikeformers.train.ablation.findings import Difference, Findings, Line
from spikeformers.train.ablation.record import Figures


def figures(accuracy: float, **changes: Any) -> Figures:
    return Figures(
        **{
            "accuracy": accuracy, "loss": 0.5, "eval_part": "test", "test_accuracy": accuracy, "train_loss": 0.6,
            "firing_rate": 0.125, "dead": 0.0, "parameters": 24_678, "epochs": 3, "seconds": 65.0, **changes,
        }
    )  # fmt: skip


def line(label: str, *accuracies: float, **changes: Any) -> Line:
    return Line(
        **{
            "factor": "attention", "label": label, "is_base": False, "overrides": {"model.config.attention": "x"},
            "parameters": 24_678, "runs": {seed: figures(each) for seed, each in enumerate(accuracies)}, **changes,
        }
    )  # fmt: skip


BASE = line("base", 0.80, 0.82, 0.84, factor="", is_base=True, overrides={})


def findings(*lines: Line, **changes: Any) -> Findings:
    return Findings(
        **{
            "name": "tiny", "title": "What matters", "recipe": "digits_spikformer", "dataset": "digits",
            "model": "spikformer_2_64.digits", "epochs": 3, "seeds": (0, 1, 2), "settings": {"schedule.epochs": 3},
            "base": BASE, "lines": lines, "total": 12, "finished": 12, "failures": {}, "seconds": 780.0,
            "versions": ("0.1.0",), **changes,
        }
    )  # fmt: skip


def partial() -> Findings:
    """Three values of attention: within the spread, below it, and two runs lacking; a neuron without runs."""
    within, below = Difference(mean=-0.01, standard_error=0.0125), Difference(mean=-0.115, standard_error=0.0125)
    return findings(
        line("SSA", 0.80, 0.82, 0.84, is_base=True, overrides={}),
        line("SDSA-1", 0.79, 0.81, 0.83, difference=within),
        line("frozen | random", 0.685, 0.705, 0.725, difference=below, parameters=20_000),
        line("QK", 0.9, failures={1: "diverged"}, missing=(2,), difference=Difference(mean=0.08, standard_error=None)),
        line("base", 0.80, 0.82, 0.84, factor="neuron", is_base=True, overrides={}),
        line("PLIF", factor="neuron", missing=(0, 1, 2)),
        finished=10, total=15, failures={"attention: QK, seed 1": "The loss is nan: training\ndiverged."},
    )  # fmt: skip
