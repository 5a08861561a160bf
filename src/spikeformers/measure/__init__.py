"""Measurement: what a model computes, fires and costs. Results are plain data; printing is `report`'s."""

from spikeformers.measure.activity import Activity, Summary, activity, summary
from spikeformers.measure.firing import Firing, firing

__all__ = ["Activity", "Firing", "Summary", "activity", "firing", "summary"]
