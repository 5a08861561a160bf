"""Made-up results of the real types: what a table or picture shows must not depend on a training run."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from spikeformers.measure import Firing
from spikeformers.report.results import Portrait, Tile
from spikeformers.train import Evaluation
from tests.train.events import run_result


def portrait(label: str, epochs: int, layers: int) -> Portrait:
    run = run_result(
        Path("demo") / label, epochs, model_name=f"{label}_2_64.digits", best_accuracy=0.975, last_accuracy=0.9722,
        test_accuracy=0.9722, best_test_accuracy=0.975,
    )  # fmt: skip
    generator = np.random.default_rng(0)
    return Portrait(
        label=label,
        run=run,
        evaluation=Evaluation(accuracy=0.9722, loss=0.1, samples=360, correct=350, confusion=[[1]]),
        firing=[
            Firing(name=f"blocks.{layer}.neuron", official_name=None, spikes=layer * 100, elements=1000)
            for layer in range(layers)
        ],
        tiles=[
            Tile(
                image=generator.integers(0, 255, (1, 8, 8), dtype=np.uint8), label="3",
                predicted="3" if tile % 2 else "5", probability=0.5,
            )
            for tile in range(9)
        ],
    )  # fmt: skip


@pytest.fixture
def models() -> list[Portrait]:
    return [portrait("spikformer", epochs=4, layers=7), portrait("spikingformer", epochs=1, layers=3)]
