"""What is known of data sets before their files are read."""

from __future__ import annotations

import subprocess
import sys

import pytest

from spikeformers.errors import ConfigError
from spikeformers.train.official import holds_events, official_samples


@pytest.mark.parametrize("name", ["cifar10dvs", "DVS128-Gesture"])
def test_event_data_sets_are_known(name: str) -> None:
    assert holds_events(name)
    samples = official_samples(name, 0.0)
    assert samples is not None
    assert samples.events


@pytest.mark.parametrize("name", ["cifar10", "image_folder", "no_such_set"])
def test_others_hold_pictures(name: str) -> None:
    assert not holds_events(name)


def test_every_class_keeps_a_picture_to_learn() -> None:
    samples = official_samples("cifar10", 0.9999)
    assert samples is not None
    assert (samples.train, samples.validation) == (10, 49_990)


def test_a_share_outside_its_range_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"share to hold out is 1\.5"):
        official_samples("cifar10", 1.5)


def test_asking_for_events_needs_no_torch() -> None:
    code = (
        "import sys; from spikeformers.train.official import holds_events; assert holds_events('cifar10dvs'); "
        "assert 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
