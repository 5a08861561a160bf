"""Measurement: what a model computes, fires and costs. Results are plain data; printing is `report`'s."""

from spikeformers.measure.accelerators.parameters import list_accelerators, read_accelerator
from spikeformers.measure.accelerators.schedule import AcceleratorReport, AcceleratorRow, accelerator
from spikeformers.measure.accelerators.workload import Workload, workloads
from spikeformers.measure.auditing.audit import audit
from spikeformers.measure.auditing.audited import VERDICTS, Audit, Audited, Evidence, Verdict
from spikeformers.measure.batches import Progress
from spikeformers.measure.counting.count import count
from spikeformers.measure.counting.counts import Count, Counts, Seen, Spread
from spikeformers.measure.counting.size import Size, size
from spikeformers.measure.disturbances.robustness import Robustness, RobustnessRow, robustness
from spikeformers.measure.disturbances.settings import Disturbances
from spikeformers.measure.pricing.convention import list_conventions, read_convention
from spikeformers.measure.pricing.energy import Energy, EnergyRow, energy
from spikeformers.measure.pricing.profile import CONVENTIONS, Form, Profile, forms, profile
from spikeformers.measure.spikes.activity import Activity, Summary, activity, summary
from spikeformers.measure.spikes.attention import AttentionMap, attention_maps
from spikeformers.measure.spikes.firing import Firing, firing
from spikeformers.measure.spikes.histogram import Histogram
from spikeformers.measure.spikes.maps import FiringMap, firing_maps
from spikeformers.measure.spikes.rasters import Raster, rasters
from spikeformers.measure.spikes.statistics import FiringStatistics, LayerFiring, statistics

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
    "FiringMap",
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
    "firing_maps",
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
