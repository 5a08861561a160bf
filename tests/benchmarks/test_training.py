"""The training benchmark measures what it says: growth, ratios, memory, and cells that are kept."""

from __future__ import annotations

import gc
import json
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

from benchmarks.training import bandwidth, cells, cuda, memory, plan
from benchmarks.training.cells import Cell, Kept
from benchmarks.training.report import against, memory_table, scaling_table, speed_table
from benchmarks.training.rows import BASE, ROWS, Trainer, Work, missing
from benchmarks.training.scaling import exponent
from benchmarks.training.spread import interleaved, spread
from spikeformers.ops import Dynamics
from spikeformers.ops.norm_lif import serves

TINY = Work(
    model="spikformer_4_384.cifar10", batch=2, words={"dim": 48, "depth": 1, "heads": 4, "image_size": [16, 16]}
)
OURS = [name for name, row in ROWS.items() if row.who == "ours"]


def clocks(wall: float, cpu: float = 1.0) -> dict[str, Any]:
    return {"wall": {"median": wall}, "cpu": {"median": cpu}}


def test_exponent_of_a_power() -> None:
    found = exponent([1, 2, 4, 8], [3.0 * value**1.5 for value in (1, 2, 4, 8)])
    assert found["exponent"] == pytest.approx(1.5)
    assert found["r_squared"] == pytest.approx(1.0)
    assert exponent([1, 2, 4], [1.0, 5.0, 4.0])["r_squared"] < 0.9


def test_exponent_needs_two_values() -> None:
    with pytest.raises(ValueError, match="two different"):
        exponent([4, 4], [1.0, 2.0])


def test_spread_is_median_and_its_distance() -> None:
    assert spread([1.0, 2.0, 3.0, 10.0, 100.0]) == {"median": 3.0, "mad": 2.0, "least": 1.0}


def test_works_take_turns_and_the_first_round_does_not_count() -> None:
    order: list[str] = []
    found = interleaved({name: lambda name=name: order.append(name) for name in "ab"}, rounds=2)
    assert order == ["a", "b"] * 3
    assert set(found) == {"a", "b"}


def test_tables_relate_rows_of_one_process() -> None:
    together = {"result": {BASE: clocks(8.0), "ours, float32": clocks(4.0)}}
    alone = {"result": {BASE: clocks(30.0), "ours, float32, reference": clocks(10.0)}}
    speed = speed_table([together, alone, {"failed": "out of memory"}])
    assert speed["ours, float32"]["wall_times_faster"] == 2.0
    assert speed["ours, float32, reference"]["wall_times_faster"] == 3.0
    assert speed[BASE]["wall"]["median"] == 8.0
    sizes = memory_table(
        {BASE: {"result": {"above_resting": 60.0}}, "ours, float32": {"result": {"above_resting": 6.0}}}
    )
    assert sizes["ours, float32"]["times_less"] == 10.0
    assert against(speed, sizes)["ours, float32"][BASE] == {"times_faster": 2.0, "times_less_memory": 10.0}


def test_scaling_table_fits_what_was_measured() -> None:
    points = [("batch", B, {BASE: clocks(5.0 * B, 2.0)}, {BASE: float(B**2)}) for B in (2, 4, 8)]
    entry = scaling_table(points)["batch"][BASE]
    powers = {what: found["exponent"] for what, found in entry["exponents"].items()}
    assert powers == pytest.approx({"wall": 1.0, "cpu": 0.0, "memory": 2.0})


@pytest.mark.parametrize("name", OURS)
def test_our_rows_learn(name: str) -> None:
    trainer = Trainer(ROWS[name], TINY)
    before = [parameter.detach().clone() for parameter in trainer.model.parameters()]
    trainer.step()
    assert any((old != new).any() for old, new in zip(before, trainer.model.parameters(), strict=True))


def test_rows_train_the_same_network() -> None:
    pytest.importorskip("spikingjelly", reason="needs SpikingJelly 2")
    if missing(ROWS[BASE], TINY):
        pytest.skip("needs SpikingJelly 2")
    ours, peer = (Trainer(ROWS[name], TINY) for name in ("ours, float32", BASE))
    assert torch.equal(ours.batch[0], peer.batch[0])
    logits = [trainer.model(trainer.batch[0]) for trainer in (ours, peer)]
    # Float32 sums in another order may flip single spikes near the threshold, so means are compared, loosely.
    assert (logits[0] - logits[1]).abs().mean() < 0.1 * logits[1].abs().mean()


def test_a_rows_process_has_its_backend() -> None:
    found = list(plan.speed_cells(TINY, [BASE, "ours, float32", "ours, float32, reference"], 3))
    assert [(cell.backend, cell.words["rows"]) for cell in found] == [
        ("", [BASE, "ours, float32"]),
        ("reference", [BASE, "ours, float32, reference"]),
    ]


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_memory_counts_what_is_alive() -> None:
    # The worker's earlier tests left garbage; what is freed meanwhile would be missing from the difference.
    gc.collect()
    before = memory.kibibytes("VmRSS")
    held = torch.ones(256 * 2**20 // 4)
    assert 240 * 1024 < memory.kibibytes("VmRSS") - before < 300 * 1024
    assert held[0] == 1


def test_finished_cells_are_not_measured_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    answers = iter([{"failed": "no memory"}, {"result": {"ms": 1}}])
    monkeypatch.setattr(cells, "_in_a_process", lambda cell: next(answers))
    cell = Cell(kind="memory", words={"row": BASE, "work": plan.plain(TINY)})
    path = tmp_path / "results.json"
    assert "failed" in Kept(path).measure(cell)
    assert Kept(path).measure(cell) == {"result": {"ms": 1}}
    assert Kept(path).measure(cell) == {"result": {"ms": 1}}  # a third measurement would have no answer
    assert json.loads(cell.key)["words"]["row"] == BASE


@pytest.mark.skipif(torch.cuda.is_available(), reason="asks a machine without a GPU")
def test_without_a_gpu_says_so() -> None:
    with pytest.raises(RuntimeError, match="no CUDA device"):
        cells.run(Cell(kind="cuda", words={"work": plan.plain(TINY), "row": BASE, "rounds": 1}, threads=1))


@pytest.mark.parametrize("fits", [0, 1, 5, 37, 64])
def test_largest_batch_is_found_to_an_eighth(fits: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cuda, "_fits", lambda work, row, batch: batch <= fits)
    found = cuda._largest(TINY, BASE, 64)
    assert found <= fits < found + max(2, found // 8 + 1)


def test_only_a_lack_of_memory_is_a_batch_that_does_not_fit(monkeypatch: pytest.MonkeyPatch) -> None:
    def failing(message: str) -> None:
        def two_steps(*_: object) -> None:
            raise RuntimeError(message)

        monkeypatch.setattr(cuda, "_two_steps", two_steps)

    failing("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling cublasCreate")
    assert not cuda._fits(TINY, BASE, 4)
    failing("mat1 and mat2 shapes cannot be multiplied")
    with pytest.raises(RuntimeError, match="mat1"):
        cuda._fits(TINY, BASE, 4)


def test_bandwidth_counts_the_passes_it_times(monkeypatch: pytest.MonkeyPatch) -> None:
    if not serves(torch.zeros(4, 1, 8, 16, dtype=torch.bfloat16), Dynamics()):
        pytest.skip("no fused kernels here")

    def interleaved_once(works: Any, rounds: int) -> dict[str, Any]:
        for work in works.values():
            work()
        return {name: {"wall": {"median": 6.0, "mad": 0.5}} for name in works}

    monkeypatch.setattr(bandwidth, "interleaved", interleaved_once)
    found = bandwidth.bandwidth([(4, 1, 8, 16)], 1, device="cpu", copied=2048, repeats=2)
    # 3 ms each: the copy reads and writes 4 KiB; the input has 1 KiB, three passes one way and six the other.
    assert found["copy"]["gigabytes_per_second"] == pytest.approx(2 * 4096 / 3 / 1e6)
    for layout in ("contiguous", "channels last"):
        shares = {name: rate["share"] for name, rate in found[f"[4, 1, 8, 16] {layout}"].items()}
        assert shares == pytest.approx({"forward": 3 / 8, "backward": 6 / 8})
