"""Measurement: what a model computes, fires and costs. Results are plain data; printing is `report`'s."""

from spikeformers.measure.firing import Firing, firing

__all__ = ["Firing", "firing"]
