"""All data sets of recordings, and which of them lies in a directory."""

from __future__ import annotations

from pathlib import Path

from spikeformers.data.event_sets.cifar10dvs import CIFAR10DVS
from spikeformers.data.event_sets.dvs128_gesture import DVS128_GESTURE
from spikeformers.data.event_sets.event_folder import EVENT_FOLDER
from spikeformers.data.event_sets.event_set import EventSet
from spikeformers.data.event_sets.har_dvs import HAR_DVS
from spikeformers.data.event_sets.ncaltech101 import NCALTECH101
from spikeformers.data.event_sets.nmnist import NMNIST
from spikeformers.data.event_sets.spoken import SHD, SSC
from spikeformers.errors import DataError, UnknownNameError, suggest

# The most particular layout first: `which_lies_in` takes the first that fits.
EVENT_SETS: dict[str, EventSet] = {
    each.name: each for each in (NMNIST, CIFAR10DVS, DVS128_GESTURE, NCALTECH101, SHD, SSC, HAR_DVS, EVENT_FOLDER)
}


def event_set(name: str) -> EventSet:
    """Return a data set of recordings by name; capitals do not matter, and `-` may stand for `_`.

    Raises:
        UnknownNameError: there is none of this name.
    """
    key = name.lower().replace("-", "_")
    if key not in EVENT_SETS:
        raise UnknownNameError(
            f"There is no data set of recordings '{name}'.{suggest(key, EVENT_SETS)} Known are: "
            f"{', '.join(EVENT_SETS)}."
        )
    return EVENT_SETS[key]


def which_lies_in(data_dir: Path) -> EventSet:
    """Return the data set whose layout a directory has, judged by a few of its files.

    Raises:
        DataError: there is no such directory, or none of the layouts is found in it.
    """
    if not data_dir.is_dir():
        raise DataError(f"{data_dir}: no such directory. Check the path.")
    for each in EVENT_SETS.values():
        if each.lies_in(data_dir):
            return each
    layouts = "\n".join(f"  {each.name}: {each.layout}" for each in EVENT_SETS.values())
    raise DataError(f"{data_dir}: no data set of recordings is found there. Looked for:\n{layouts}")
