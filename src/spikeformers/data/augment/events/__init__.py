"""Random changes of the events of one recording, before they become frames, for training only.

An augmentation takes events in the order of time, their sensor and a generator, and returns events in the order of
time, all on the sensor; the events given are left alone.
"""

from spikeformers.data.augment.events.compose import ComposeEvents, EventAugment
from spikeformers.data.augment.events.drop import EventDrop
from spikeformers.data.augment.events.flips import EventFlip, PolarityFlip
from spikeformers.data.augment.events.jitter import SpatialJitter, TimeJitter

__all__ = [
    "ComposeEvents",
    "EventAugment",
    "EventDrop",
    "EventFlip",
    "PolarityFlip",
    "SpatialJitter",
    "TimeJitter",
]
