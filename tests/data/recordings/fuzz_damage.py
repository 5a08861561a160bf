"""Damaged recordings for `scripts/fuzz_recordings.py`: a sound small file of some format, and what is done to it."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from spikeformers.data.events.array import Events, Sensor, make_events
from tests.data.recordings.containers import ANY, CONTAINERS
from tests.data.recordings.formats import FORMATS, Format
from tests.data.recordings.writers.hdf5 import write_spikes

COUNTS = (0, 1, 7, 40, 150)  # events of the sound files
Random = np.random.Generator


def write_one_of_spikes(path: Path, events: Events) -> Path:
    """Write events as the one recording of a file in SHD's layout; double precision keeps the microseconds."""
    return write_spikes(path, [events["t"] / 1e6], [events["x"]], [3], dtype=np.float64)


VARIANTS: dict[str, Format] = {
    **FORMATS,
    **CONTAINERS,
    "hdf5, spikes": Format(write_one_of_spikes, "r.h5", Sensor(700, 1, 1), 1 << 30, 1 << 20, 1),
    "csv, seconds": Format(lambda path, events: _write_seconds(path, events), "r.csv", *(ANY[0], 1 << 30, 1 << 20, 1)),
}
WORDS = list(dict.fromkeys(name.replace(",", " ").split()[0] for name in VARIANTS))
"""The formats' words; each gets as many files as another, whatever the number of its variants."""


@dataclass(frozen=True)
class Case:
    """A file to read.

    Attributes:
        name: of the variant; `damage` what was done to it.
        content: the bytes.
        events: what the sound file says, in the order it says it.
        sensor: to read it with.
        header: bytes before the first event, in a format of records.
    """

    name: str
    damage: str
    content: bytes
    events: Events
    sensor: Sensor | None
    header: int
    start: int | None = None
    stop: int | None = None

    @property
    def format(self) -> Format:
        return VARIANTS[self.name]

    @property
    def word(self) -> str:
        return self.name.replace(",", " ").split()[0]


def make_case(index: int, seed: int, folder: Path) -> Case:
    """Return the case with this number."""
    random = np.random.default_rng((seed, index))
    word = WORDS[(index + index // len(WORDS)) % len(WORDS)]  # so that every n-th file is of every format
    name = str(random.choice([each for each in VARIANTS if each.replace(",", " ").split()[0] == word]))
    case = _sound(name, int(random.choice(COUNTS)), folder)
    case = DAMAGES[str(random.choice(list(DAMAGES)))](case, random, folder)
    if random.random() < 0.2 and case.damage not in KNOWN:
        moments = sorted(int(each) for each in random.integers(0, 1 << 31, 2))
        case = replace(case, start=moments[0], stop=moments[1])
    return case


@functools.cache
def _sound(name: str, count: int, folder: Path) -> Case:
    format = VARIANTS[name]
    random = np.random.default_rng((len(name), count))
    events = _random_events(format, count, random)
    content = format.write(folder / format.name, events).read_bytes()
    header = len(format.write(folder / format.name, events[:0]).read_bytes())
    return Case(name, "none", content, events, None, header)


def _random_events(format: Format, count: int, random: Random) -> Events:
    sensor = format.sensor
    gaps = random.integers(0, 1 << random.integers(1, 16), count)
    t = random.integers(0, 1 << 20) + np.cumsum(gaps)
    x, y = random.integers(0, sensor.width, count), random.integers(0, sensor.height, count)
    return make_events(t, x, y, random.integers(0, sensor.polarities, count))


def _write_seconds(path: Path, events: Events) -> Path:
    lines = [f"{e['t'] / 1e6:.6f} {e['x']} {e['y']} {e['p']}\n" for e in events]
    path.write_text("t_s x y p\n" + "".join(lines))
    return path


def leave(case: Case, random: Random, folder: Path) -> Case:
    return case


def cut(case: Case, random: Random, folder: Path) -> Case:
    return replace(case, damage="cut off", content=case.content[: random.integers(0, len(case.content) + 1)])


def small_camera(case: Case, random: Random, folder: Path) -> Case:
    """Read it with a camera that not all events fit on."""
    width = int(random.integers(1, case.format.sensor.width + 1))
    height = int(random.integers(1, case.format.sensor.height + 1))
    return replace(case, damage="out of range", sensor=Sensor(width, height))


def disorder(case: Case, random: Random, folder: Path) -> Case:
    """Write the events in another order; formats whose times are a counter cannot say that, and stay sound."""
    if case.name in FORMATS:
        return case
    events = case.events[random.permutation(len(case.events))]
    path = case.format.write(folder / case.format.name, events)
    return replace(case, damage="unordered", content=path.read_bytes(), events=events)


def flip(case: Case, random: Random, folder: Path) -> Case:
    content = np.frombuffer(case.content, np.uint8).copy()
    if len(content):
        places = random.integers(0, len(content), random.choice([1, 2, 8, 64]))
        np.bitwise_xor.at(content, places, (1 << random.integers(0, 8, len(places))).astype(np.uint8))
    return replace(case, damage="flipped bits", content=content.tobytes())


def spoil_header(case: Case, random: Random, folder: Path) -> Case:
    content = bytearray(case.content)
    for _ in range(int(random.choice([1, 2, 5]))):
        place = int(random.integers(0, max(1, min(len(content), max(case.header, 64)))))
        piece = random.bytes(int(random.choice([1, 2, 4])))
        content[place : place + len(piece)] = piece
    return replace(case, damage="spoilt header", content=bytes(content))


def extreme(case: Case, random: Random, folder: Path) -> Case:
    """Put numbers at the edges of what they can be."""
    content = bytearray(case.content)
    for _ in range(int(random.choice([1, 1, 4]))):
        size = int(random.choice([1, 2, 4, 8]))
        edges = [0, 1, (1 << 8 * size) - 1, 1 << (8 * size - 1), (1 << (8 * size - 1)) - 1, 1 << (6 * size)]
        place = int(random.integers(0, max(1, len(content) // size))) * size
        content[place : place + size] = int(edges[random.integers(len(edges))]).to_bytes(size, "little")
    return replace(case, damage="extreme numbers", content=bytes(content))


def shuffle(case: Case, random: Random, folder: Path) -> Case:
    """Exchange pieces as long as a record."""
    size = int(random.choice([case.format.unit, 8, 16, 64]))
    begin = int(random.integers(0, len(case.content) + 1))
    pieces = [case.content[place : place + size] for place in range(begin, len(case.content), size)]
    order = random.permutation(len(pieces))
    body = b"".join(pieces[place] for place in order)
    return replace(case, damage="shuffled", content=case.content[:begin] + body)


def double(case: Case, random: Random, folder: Path) -> Case:
    """Insert a copy of a piece somewhere."""
    first, end = sorted(int(each) for each in random.integers(0, len(case.content) + 1, 2))
    place = int(random.integers(0, len(case.content) + 1))
    copies = case.content[first:end] * int(random.choice([1, 1, 3]))
    return replace(case, damage="duplicated", content=case.content[:place] + copies + case.content[place:])


def empty(case: Case, random: Random, folder: Path) -> Case:
    length = int(random.integers(0, 1 + min(len(case.content), 16)))
    filler = random.bytes(int(random.integers(0, 200))) if random.random() < 0.5 else b""
    return replace(case, damage="nearly empty", content=case.content[:length] + filler)


def splice(case: Case, random: Random, folder: Path) -> Case:
    """Join the begin of one file and the end of another of its kind."""
    other = _sound(case.name, int(random.choice(COUNTS)), folder).content
    begin = case.content[: random.integers(0, len(case.content) + 1)]
    return replace(case, damage="spliced", content=begin + other[random.integers(0, len(other) + 1) :])


DAMAGES: dict[str, Callable[[Case, Random, Path], Case]] = {
    function.__name__: function
    for function in (
        leave, cut, cut, small_camera, disorder, flip, spoil_header, extreme, shuffle, double, empty, splice,
    )
}  # fmt: skip
KNOWN = ("none", "cut off", "out of range", "unordered")
"""Damages after which it is known what a reader must find or count."""
