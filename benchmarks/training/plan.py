"""Which cells there are, and what each table and plot is put together from."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

from benchmarks.training.bandwidth import SHAPES as BANDWIDTH_SHAPES
from benchmarks.training.cells import Cell
from benchmarks.training.neuron import SHAPES
from benchmarks.training.rows import BASE, ROWS, Work

SPIKFORMER, META, LARGE = "spikformer_4_384.cifar10", "meta_spikeformer_15m_t4.imagenet", "spikformer_8_512.imagenet"
GROWING = (BASE, "ours, float32", "ours, bfloat16")
ON_CUDA = (
    BASE,
    "peer, bfloat16",
    "SpikingJelly's model",
    "SpikingJelly's model, bfloat16",
    "ours, float32",
    "ours, bfloat16",
)
PARTS = ("speed", "memory", "profile", "scaling", "neurons")


class Point(NamedTuple):
    """A work of the scaling study: `value` of the `variable` that grows."""

    variable: str
    value: int
    work: Work
    threads: int


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What is measured.

    Args:
        works: for the tables.
        points: for the exponents.
        rows: their names.
        memory_rows: those of them whose memory is measured, too; each takes a process.
        rounds: of timing; the scaling study takes half of them.
        shapes: of the neuron alone.
    """

    works: Sequence[Work]
    points: Sequence[Point] = ()
    rows: Sequence[str] = tuple(ROWS)
    memory_rows: Sequence[str] = tuple(ROWS)
    rounds: int = 9
    shapes: Sequence[Sequence[int]] = SHAPES


def speed_cells(work: Work, rows: Sequence[str], rounds: int) -> Iterator[Cell]:
    """One process for all rows, and one for each that needs its own, where the base runs beside it."""
    together = [name for name in rows if not ROWS[name].backend and not ROWS[name].compiled]
    alone = [name for name in rows if name not in together]
    groups = [together, *([name] if BASE not in rows else [BASE, name] for name in alone)]
    for group in filter(None, groups):
        words = {"work": plain(work), "rows": group, "rounds": rounds}
        yield Cell(kind="speed", words=words, backend=ROWS[group[-1]].backend)


def memory_cell(work: Work, row: str) -> Cell:
    """Peak memory of a row."""
    return Cell(kind="memory", words={"work": plain(work), "row": row}, backend=ROWS[row].backend)


def profile_cell(work: Work, rows: Sequence[str]) -> Cell:
    """Where the time of each row goes."""
    return Cell(kind="profile", words={"work": plain(work), "rows": list(rows)})


def point_cell(point: Point, rows: Sequence[str], rounds: int) -> Cell:
    """Time at a point of the scaling study."""
    words = {"work": plain(point.work), "rows": list(rows), "rounds": rounds}
    return Cell(kind="speed", words=words, threads=point.threads)


def cuda_cell(work: Work, row: str, rounds: int) -> Cell:
    """A row on the GPU."""
    return Cell(kind="cuda", words={"work": plain(work), "row": row, "rounds": rounds})


def bandwidth_cell(rounds: int) -> Cell:
    """The fused kernels on the GPU."""
    return Cell(kind="bandwidth", words={"shapes": [list(shape) for shape in BANDWIDTH_SHAPES], "rounds": rounds})


def scaling_points(model: str, batch: int) -> list[Point]:
    """One variable grows at a time, from a middle that all share: T = 4, `batch`, 32 x 32, two threads."""

    def work(images: int = batch, T: int = 4, size: int = 32) -> Work:
        return Work(model=model, batch=images, words={"image_size": [size, size], "time_steps": T})

    return [
        *(Point("time steps", T, work(T=T), 2) for T in (1, 2, 4, 8)),
        *(Point("batch", images, work(images), 2) for images in (2, 4, 8, 16)),
        *(Point("tokens", (size // 4) ** 2, work(size=size), 2) for size in (32, 48, 64)),
        *(Point("threads", threads, work(), threads) for threads in (1, 2)),
    ]


def plain(work: Work) -> dict[str, Any]:
    """Plain data, the same before and after JSON."""
    return {"model": work.model, "batch": work.batch, "words": work.words}


def full(models: Sequence[str], batches: Sequence[int], rows: Sequence[str], rounds: int) -> Plan:
    """The measurement that is kept; with `batches` given, these for every model."""
    usual = {SPIKFORMER: (16, 32), META: (2,)}
    works = [Work(model=model, batch=batch) for model in models for batch in batches or usual.get(model, (16,))]
    points = scaling_points(SPIKFORMER, 8) if SPIKFORMER in models else []
    return Plan(works=works, points=points, rows=rows, memory_rows=rows, rounds=rounds)


def quick(rows: Sequence[str]) -> Plan:
    """A check of this program, not a result: one round on a tiny network, memory and growth of two rows."""
    few = [BASE, "ours, bfloat16"]
    work = Work(model=SPIKFORMER, batch=2, words={"dim": 48, "depth": 1, "heads": 4})
    points = [Point("time steps", T, replace(work, words={**work.words, "time_steps": T}), 2) for T in (2, 4)]
    return Plan(works=[work], points=points, rows=rows, memory_rows=few, rounds=1, shapes=((4, 1, 64, 49),))
