"""Accelerators: cycles, traffic and energy of a counted model on a parametric chip."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from fractions import Fraction
from math import ceil
from typing import Any

from spikeformers.errors import InputError
from spikeformers.measure.accelerators.parameters import (
    ENERGIES,
    Accelerator,
    Number,
    Parameter,
    read_accelerator,
    what_if,
)
from spikeformers.measure.accelerators.workload import Workload, workloads
from spikeformers.measure.counting.counts import Counts


@dataclass(frozen=True, kw_only=True)
class Part:
    """Energy of one layer, picojoules; None where the accelerator's price is not known."""

    logic: float | None
    sram: float | None
    dram: float | None
    leakage: float | None

    @property
    def known(self) -> float:
        """What is known of it."""
        return sum(part for part in (self.logic, self.sram, self.dram, self.leakage) if part is not None)


@dataclass(frozen=True, kw_only=True)
class AcceleratorRow:
    """One layer, for one sample.

    Args:
        name: of the layer.
        synaptic: operations, M K N T.
        operations: of one bit of input; `synaptic` times the bits of the input.
        executed: operations that are not skipped.
        cycles: of all its tiles.
        weight_bits: of weights read from SRAM.
        spike_bits: of activations read, each for every output position that needs it.
        membrane_bits: of membrane potentials written and read.
        dram_bits: of weights, loaded once.
        buffer_bits: what must be held of an attention map, or of K^T V.
        energy: of it.
    """

    name: str
    synaptic: int
    operations: int
    executed: float
    cycles: int
    weight_bits: int
    spike_bits: int
    membrane_bits: int
    dram_bits: int
    buffer_bits: int
    energy: Part


@dataclass(frozen=True, kw_only=True)
class AcceleratorReport:
    """A model on an accelerator, for one sample.

    Args:
        accelerator, title: its word (or file) and what it is.
        parameters: all numbers used, with mark and source.
        published: what its authors report.
        rows: layer by layer.
        unscheduled: operations of the model that the accelerator is not given: masks, and what was not counted.
        known, estimated, unknown: what the figures rest on.
    """

    accelerator: str
    title: str
    parameters: dict[str, Parameter]
    published: dict[str, Parameter]
    rows: tuple[AcceleratorRow, ...]
    unscheduled: tuple[str, ...]
    known: tuple[str, ...]
    estimated: tuple[str, ...]
    unknown: tuple[str, ...]

    def total(self, quantity: str) -> float:
        """Sum over layers of a number of `AcceleratorRow`."""
        return float(sum(getattr(row, quantity) for row in self.rows))

    @property
    def cycles(self) -> int:
        """Of one sample."""
        return sum(row.cycles for row in self.rows)

    @property
    def fps(self) -> float:
        """Predicted frames per second."""
        return float(self.parameters["frequency_mhz"].value) * 1e6 / self.cycles

    @property
    def fps_difference(self) -> float | None:
        """Predicted minus published frames per second; None where none are published."""
        return self.fps - float(self.published["fps"].value) if "fps" in self.published else None

    @property
    def utilisation(self) -> float:
        """Part of the PEs' cycles that is spent on operations."""
        return self.total("executed") / (self.parameters["pes"].value * self.cycles)

    @property
    def needed_per_pe_cycle(self) -> float | None:
        """Synaptic operations that a PE must do in a cycle to reach the published frames per second."""
        if "fps" not in self.published:
            return None
        slots = self.parameters["pes"].value * float(self.parameters["frequency_mhz"].value) * 1e6
        return self.total("synaptic") * float(self.published["fps"].value) / slots

    @property
    def millijoules(self) -> float | None:
        """The known parts of the energy; None where no part is known."""
        if not any(word in self.parameters for word in ENERGIES):
            return None
        return sum(row.energy.known for row in self.rows) * 1e-9

    @property
    def tops_per_watt(self) -> float | None:
        """Peak efficiency, two operations a PE and cycle as the authors count; None without energy by PE and cycle."""
        words = ("logic_fj_per_pe_cycle", "sram_fj_per_pe_cycle")
        if not all(word in self.parameters for word in words):
            return None
        price = sum(float(self.parameters[word].value) for word in words)
        return 2e3 / price if price else None

    def to_dict(self) -> dict[str, Any]:
        """Plain values, the derived figures included."""
        words = ("cycles", "fps", "fps_difference", "utilisation", "needed_per_pe_cycle", "millijoules")
        return {**asdict(self), **{word: getattr(self, word) for word in (*words, "tops_per_watt")}}


def accelerator(
    work: Counts | Iterable[Workload], spec: str | os.PathLike[str], **changes: Number
) -> AcceleratorReport:
    """Predict cycles, traffic, energy and frames per second of a model on an accelerator.

    A layer takes groups x ceil(M/m) x ceil(K/k) x ceil(N/groups/n) x ceil(T/parallel_steps) x bits cycles; with zero
    skipping, max(density, 1/skip_lanes) of them. Real and integer inputs are processed bit by bit.

    Args:
        work: what `measure.count` returned, or workloads.
        spec: a word of `list_accelerators`, or the path of a TOML file of one's own.
        changes: other parameters, such as pes=1024, parallel_steps=1, zero_skip=True, weight_bits=4.

    Raises:
        UnknownNameError: no such accelerator.
        ConfigError: a parameter that does not exist, or that no accelerator can have.
        InputError: there is nothing to schedule.
    """
    chip = what_if(read_accelerator(spec), **changes)
    unscheduled: tuple[str, ...] = ()
    if isinstance(work, Counts):
        layers, masks = workloads(work, real_bits=chip.count("real_bits"))
        unscheduled = (*masks, *work.uncounted)
    else:
        layers = tuple(work)
    if not layers:
        raise InputError("there is nothing to schedule: no convolution, linear or product. Count a model that has one.")
    known, estimated = _marked(chip)
    return AcceleratorReport(
        accelerator=chip.name,
        title=chip.title,
        parameters=dict(chip.parameters),
        published=dict(chip.published),
        rows=tuple(_row(layer, chip) for layer in layers),
        unscheduled=unscheduled,
        known=known,
        estimated=(*estimated, *chip.estimated, *_MODEL),
        unknown=chip.unknown,
    )


_MODEL = (
    "Every layer takes the cycles of its tiles; filling pipelines, changing layers and waiting for memory take none.",
    "Integer and real inputs are processed bit by bit; of a product of two activations, every pair of bits.",
    "Membrane potentials are moved each time step, unless all time steps are parallel: then never.",
    "An attention whose order is not recognised from its shapes has no buffer.",
    "Norms are taken as folded; neurons, pools and additions take no cycles.",
)


def _marked(chip: Accelerator) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """What is published or reported, and what is derived, assumed or asked."""
    numbers = {**chip.parameters, **{f"published {word}": each for word, each in chip.published.items()}}
    lines = {word: f"{word} = {each.value}: {each.mark}, {each.source}" for word, each in numbers.items()}
    known = tuple(lines[word] for word, each in numbers.items() if each.mark in ("published", "secondary"))
    return known, tuple(line for line in lines.values() if line not in known)


def _row(layer: Workload, chip: Accelerator) -> AcceleratorRow:
    kept = _kept(layer, chip)
    held = chip.flag("weights_held")
    rounds = ceil(layer.time_steps / chip.count("parallel_steps"))
    stored = layer.K * layer.N * chip.count("weight_bits") if layer.weights else 0
    reads = layer.M * layer.groups + (0 if layer.weights else layer.N)
    unrolled = chip.count("parallel_steps") >= layer.time_steps
    cycles = ceil(_tiles(layer, chip) * rounds * layer.input_bits * kept)
    weights = stored if held else stored * rounds * ceil(layer.M / chip.count("m"))
    spikes = reads * layer.K * layer.time_steps * layer.input_bits
    membranes = 0 if unrolled else 2 * layer.membranes * layer.time_steps * chip.count("membrane_bits")
    return AcceleratorRow(
        name=layer.name,
        synaptic=layer.synaptic,
        operations=layer.operations,
        executed=float(layer.operations * kept),
        cycles=cycles,
        weight_bits=weights,
        spike_bits=spikes,
        membrane_bits=membranes,
        dram_bits=stored,
        buffer_bits=_buffer(layer, chip),
        energy=_energy(layer, chip, cycles, weights + spikes + membranes, stored),
    )


def _tiles(layer: Workload, chip: Accelerator) -> int:
    """Tiles of one time step and bit."""
    m, k, n = (chip.count(word) for word in "mkn")
    return layer.groups * ceil(layer.M / m) * ceil(layer.K / k) * ceil(layer.N // layer.groups / n)


def _kept(layer: Workload, chip: Accelerator) -> Fraction:
    """Part of the cycles that zero skipping leaves; a density is taken as the fraction it was rounded from."""
    if not chip.flag("zero_skip"):
        return Fraction(1)
    return max(Fraction(layer.density).limit_denominator(10**12), Fraction(1, chip.count("skip_lanes")))


def _buffer(layer: Workload, chip: Accelerator) -> int:
    """Bits held between the products of an attention: sums of K spikes, of one head's map, its column, or all K^T V."""
    bits = layer.K.bit_length()
    if layer.attention == "map":
        return layer.M * bits * (1 if chip.flag("map_by_column") else layer.N // layer.groups)
    return layer.M * layer.N * bits if layer.attention == "keys first" else 0


def _energy(layer: Workload, chip: Accelerator, cycles: int, sram_bits: int, dram_bits: int) -> Part:
    slots, met = cycles * chip.count("pes"), layer.operations * layer.density
    leakage = chip.energy("leakage_mw")
    return Part(
        logic=_priced(chip, logic_fj_per_pe_cycle=slots, logic_fj_per_operation=met),
        sram=_priced(chip, sram_fj_per_pe_cycle=slots, sram_fj_per_bit=sram_bits),
        dram=_priced(chip, dram_fj_per_bit=dram_bits),
        leakage=None if leakage is None else leakage * 1e9 * cycles / chip.hertz,
    )


def _priced(chip: Accelerator, **amounts: float) -> float | None:
    """Picojoules of what has a price; None where nothing has."""
    prices = {word: chip.energy(word) for word in amounts}
    paid = [amounts[word] * price for word, price in prices.items() if price is not None]
    return sum(paid) * 1e-3 if paid else None
