"""Independent readers as oracles, on files without damage whose counters are not full within them.

On files whose counters are full within them neither of them is one: evlib 0.13.2 (EVT 2.0 and 3.0) and expelliarmus
1.1.12 (EVT 2.0) begin at 0 again, and expelliarmus counts the time of EVT 3.0 twice.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from spikeformers.data.events.array import Events, make_events
from spikeformers.data.recordings.opening import read_events
from tests.data.recordings.formats import FORMATS

WAY_OUT = "pip install -e '.[interop-tests]' -c constraints.txt"


def read_by_evlib(path: Path, name: str) -> Events:
    evlib = pytest.importorskip("evlib", reason=f"evlib is not installed: {WAY_OUT}")
    table = evlib.load_events(str(path)).collect()
    t = table["t"].cast(int).to_numpy()
    return make_events(t, table["x"].to_numpy(), table["y"].to_numpy(), table["polarity"].to_numpy() > 0)


def read_by_expelliarmus(path: Path, name: str) -> Events:
    expelliarmus = pytest.importorskip("expelliarmus", reason=f"expelliarmus is not installed: {WAY_OUT}")
    table = expelliarmus.Wizard(encoding=name).read(path)
    return make_events(*(table[word] for word in ("t", "x", "y", "p")))


@pytest.mark.parametrize(
    ("name", "peer"),
    [
        ("evt2", read_by_evlib),
        ("evt2", read_by_expelliarmus),
        ("evt3", read_by_evlib),
        ("evt3 without vectors", read_by_evlib),
        ("dat", read_by_expelliarmus),
    ],
)
def test_peers_read_the_same(tmp_path: Path, name: str, peer: Callable[[Path, str], Events]) -> None:
    random = np.random.default_rng(7)
    format, number = FORMATS[name], 20_000
    # Few times and rows and many columns, so that there are vectors.
    t, y = np.sort(random.integers(0, 1000, number)) * 16_000, random.integers(0, 3, number) * 300
    events = make_events(t, random.integers(0, format.sensor.width, number), y, random.integers(0, 2, number))
    events = np.sort(events, order=["t", "y", "p", "x"])
    path = format.write(tmp_path / format.name, events)
    read, losses = read_events(path)
    assert not losses
    np.testing.assert_array_equal(read, events)
    np.testing.assert_array_equal(peer(path, name.split()[0]), events)
