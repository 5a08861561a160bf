"""Measurement: what a model computes, fires and costs. Results are plain data; printing is `report`'s."""

from spikeformers.measure.accelerator import AcceleratorReport, AcceleratorRow, accelerator
from spikeformers.measure.accelerators.parameters import list_accelerators, read_accelerator
from spikeformers.measure.accelerators.workload import Workload, workloads
from spikeformers.measure.activity import Activity, Summary, activity, summary
from spikeformers.measure.attention import AttentionMap, attention_maps
from spikeformers.measure.audit import audit
from spikeformers.measure.audited import VERDICTS, Audit, Audited, Evidence, Verdict
from spikeformers.measure.batches import Progress
from spikeformers.measure.convention import list_conventions, read_convention
from spikeformers.measure.count import count
from spikeformers.measure.counts import Count, Counts, Seen, Spread
from spikeformers.measure.disturbances.settings import Disturbances
from spikeformers.measure.energy import Energy, EnergyRow, energy
from spikeformers.measure.firing import Firing, firing
from spikeformers.measure.histogram import Histogram
from spikeformers.measure.profile import CONVENTIONS, Form, Profile, forms, profile
from spikeformers.measure.rasters import Raster, rasters
from spikeformers.measure.robustness import Robustness, RobustnessRow, robustness
from spikeformers.measure.size import Size, size
from spikeformers.measure.statistics import FiringStatistics, LayerFiring, statistics

__all__ = [
    "CONVENTIONS",
    "VERDICTS",
    "AcceleratorReport",
    "AcceleratorRow",
    "Activity",
    "AttentionMap",
    "Audit",
    "Audited",
    "Count",
    "Counts",
    "Disturbances",
    "Energy",
    "EnergyRow",
    "Evidence",
    "Firing",
    "FiringStatistics",
    "Form",
    "Histogram",
    "LayerFiring",
    "Profile",
    "Progress",
    "Raster",
    "Robustness",
    "RobustnessRow",
    "Seen",
    "Size",
    "Spread",
    "Summary",
    "Verdict",
    "Workload",
    "accelerator",
    "activity",
    "attention_maps",
    "audit",
    "count",
    "energy",
    "firing",
    "forms",
    "list_accelerators",
    "list_conventions",
    "profile",
    "rasters",
    "read_accelerator",
    "read_convention",
    "robustness",
    "size",
    "statistics",
    "summary",
    "workloads",
]
