"""Measurement: what a model computes, fires and costs. Results are plain data; printing is `report`'s."""

from spikeformers.measure.accelerator import AcceleratorReport, AcceleratorRow, accelerator
from spikeformers.measure.accelerators.parameters import list_accelerators, read_accelerator
from spikeformers.measure.accelerators.workload import Workload, workloads
from spikeformers.measure.activity import Activity, Summary, activity, summary
from spikeformers.measure.batches import Progress
from spikeformers.measure.convention import list_conventions, read_convention
from spikeformers.measure.count import count
from spikeformers.measure.counts import Count, Counts, Seen, Spread
from spikeformers.measure.energy import Energy, EnergyRow, energy
from spikeformers.measure.firing import Firing, firing

__all__ = [
    "AcceleratorReport",
    "AcceleratorRow",
    "Activity",
    "Count",
    "Counts",
    "Energy",
    "EnergyRow",
    "Firing",
    "Progress",
    "Seen",
    "Spread",
    "Summary",
    "Workload",
    "accelerator",
    "activity",
    "count",
    "energy",
    "firing",
    "list_accelerators",
    "list_conventions",
    "read_accelerator",
    "read_convention",
    "summary",
    "workloads",
]
