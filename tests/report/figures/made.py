"""Made-up measurements of the real types: what a figure shows must not depend on a model."""

from __future__ import annotations

from typing import Any

import numpy as np

from spikeformers.measure import AttentionMap, FiringStatistics, Histogram, LayerFiring, Raster
from spikeformers.measure.spikes.histogram import threshold_edges

PARTS = ("attention.q.neuron", "attention.input_neuron", "attention.projection.neuron", "attention.neuron",
         "convolution.units.0.neuron", "mlp.contract.neuron")  # fmt: skip


def name(index: int) -> str:
    """As long as names of neurons get."""
    return f"stages.{index // 12}.blocks.{index // 6 % 2}.{PARTS[index % 6]}"


def layer(index: int = 0, *, steps: int = 4, values: str = "binary", **words: Any) -> LayerFiring:
    generator = np.random.default_rng(index)
    channels, positions, samples = 8, 16, 10
    frame = samples * channels * positions
    by_step = generator.integers(0, frame, steps).tolist()
    neurons = channels * positions
    made: dict[str, Any] = {
        "name": name(index),
        "call": 0,
        "official_name": None,
        "values": values,
        "time_steps": steps,
        "channels": channels,
        "positions": positions,
        "spikes": sum(by_step),
        "elements": steps * frame,
        "spikes_by_step": tuple(by_step),
        "elements_by_step": (frame,) * steps,
        "rate_by_channel": tuple(generator.random(channels).tolist()),
        "deviation": 0.0123,
        "dead_channels": 1,
        "saturated_channels": 0,
        "dead_neurons": int(generator.integers(0, neurons // 2)),
        "saturated_neurons": int(generator.integers(0, neurons // 4)),
        "membrane": None if values == "real" else histogram(index, 4 if values.startswith("integer") else 1),
        "v_threshold": None if values == "real" else 0.5,
    }
    return LayerFiring(**{**made, **words})


def histogram(seed: int, highest: int = 1) -> Histogram:
    edges = threshold_edges(0.5, highest, 64)
    counts = np.random.default_rng(seed).integers(0, 100, len(edges) - 1)
    return Histogram(edges=edges, counts=tuple(counts.tolist()), below=7, above=3)


def statistics(layers: int = 7, **words: Any) -> FiringStatistics:
    rows = tuple(layer(index, **words) for index in range(layers))
    return FiringStatistics(layers=rows, samples=10, name="made_up")


def raster(index: int = 0, *, steps: int = 4, neurons: int = 48, values: str = "binary") -> Raster:
    generator = np.random.default_rng(index)
    low, high = {"binary": (0, 2), "ternary": (-1, 2)}.get(values, (0, 5))
    spikes = generator.integers(low, high, (steps, neurons)) * (generator.random((steps, neurons)) < 0.3)
    return Raster(
        name=name(index), call=0, values=values, spikes=spikes, neurons=1024,
        channels=tuple(range(neurons)), positions=(0,) * neurons,
    )  # fmt: skip


def attention_map(index: int = 0, *, samples: int = 2, steps: int = 3, over: Any = "space") -> AttentionMap:
    values = np.random.default_rng(index).integers(0, 9, (samples, steps, 2, 4)).astype(float)
    return AttentionMap(
        name=f"blocks.{index}.attention", call=0, meaning=f"the weight over {over}", over=over, values=values
    )


def images(samples: int = 2, channels: int = 1) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 255, (samples, channels, 8, 16), dtype=np.uint8)
