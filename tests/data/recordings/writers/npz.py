"""NumPy's archives of events."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from spikeformers.data.events.array import Events


def write_npz(path: Path, events: Events, *, structured: bool = False, compressed: bool = False) -> Path:
    arrays = {"events": events} if structured else {name: events[name] for name in "txyp"}
    with path.open("wb") as file:
        (np.savez_compressed if compressed else np.savez)(file, **arrays)
    return path
