"""Prophesee's EVT 2.0."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from spikeformers.data.events.array import Events, Sensor

LARGEST_STEP = 1 << 26  # of the upper bits, so that no two words of time are half the counter's range apart


def write_evt2(path: Path, events: Events, sensor: Sensor) -> Path:
    """Write events in the order of time, each with a word of time before it where its upper bits change."""
    words: list[int] = [0x80000000]
    upper = 0
    for t, x, y, p in events.tolist():
        while upper < t // 64:
            upper = min(upper + LARGEST_STEP, t // 64)
            words.append(0x80000000 + upper % 2**28)
        words.append(p * 2**28 + t % 64 * 2**22 + x * 2**11 + y)
    path.write_bytes(evt2_header(sensor) + np.array(words, dtype="<u4").tobytes())
    return path


def evt2_header(sensor: Sensor) -> bytes:
    return f"% date 2023-03-29 16:37:46\n% evt 2.0\n% geometry {sensor.width}x{sensor.height}\n% end\n".encode()
