"""A few made-up recordings in the layout of N-MNIST."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from spikeformers.data.events.array import Events, make_events
from spikeformers.data.simulate.forty_bit import write_forty_bit

EVENTS = 400


def bar(digit: int, seed: int) -> Events:
    """A bar that moves to the right, in a row of its own for each digit, and some noise."""
    random = np.random.default_rng([digit, seed])
    t = np.sort(random.integers(0, 300_000, EVENTS))
    x = (t // 10_000 + random.integers(0, 4, EVENTS)) % 34
    y = 3 * digit + random.integers(0, 3, EVENTS)
    noisy = random.random(EVENTS) < 0.1
    x, y = (np.where(noisy, random.integers(0, 34, EVENTS), values) for values in (x, y))
    return make_events(t, x, y, random.integers(0, 2, EVENTS))


def write_nmnist(folder: Path, *, train: int = 3, test: int = 2) -> Path:
    """Write so many recordings of each digit into Train and Test."""
    for part, count in (("Train", train), ("Test", test)):
        for digit in range(10):
            (folder / part / str(digit)).mkdir(parents=True)
            for number in range(count):
                path = folder / part / str(digit) / f"{1 + 10 * number + digit:05d}.bin"
                write_forty_bit(path, bar(digit, 1000 * (part == "Test") + number))
    return folder


RECIPE = """
description = "for tests"
dataset = "nmnist"
batch_size = 10

[model]
name = "spikformer_2_64.digits"
[model.config]
in_channels = 2
image_size = [32, 32]
pooling = "0110"
dim = 16
depth = 1
time_steps = 2
v_threshold = 0.5

[events]
resize = "centre"

[optimizer]
lr = 1e-2

[schedule]
epochs = 1
"""
