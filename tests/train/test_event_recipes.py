"""Every recipe of event data learns: 20 updates on real recordings, its model made small, and the loss falls.

Gesture recipes see the ten gesture clips, re-encoded into the official layout of DVS128 Gesture; the others, whose data
cannot be had here, see ten digits of N-MNIST.
"""

from __future__ import annotations

import os
import shutil
from dataclasses import replace
from pathlib import Path
from statistics import mean

import pytest

from spikeformers.data import holds_events
from spikeformers.data.events.array import Sensor
from spikeformers.data.recordings.opening import read_events
from spikeformers.models import create_model
from spikeformers.train import fit, load_recipe, recipe_names
from spikeformers.train.recipe import Recipe
from tests.data.recordings.writers.gesture_layout import write_gesture_folder
from tests.models.tiny import fitting

UPDATES = 20
SMALL = {
    "dim": 32, "dims": [8, 8, 16, 16], "depth": 1, "depths_by_stage": [1] * 5, "heads": 2, "time_steps": 4,
    "image_size": [64, 64],
}  # fmt: skip
RECORDING = "user01_fluorescent"  # of the official training list; user24_fluorescent is in that of the test part

EVENT_RECIPES = [name for name in recipe_names() if holds_events(load_recipe(name).dataset)]


@pytest.fixture(scope="session")
def real_data() -> Path:
    place = Path(os.environ.get("SPIKEFORMERS_DATA", ""))
    if not ((place / "nmnist" / "Train").is_dir() and (place / "dvs_gesture_clips").is_dir()):
        pytest.skip("SPIKEFORMERS_DATA names no directory with nmnist/ and dvs_gesture_clips/")
    return place


@pytest.fixture(scope="session")
def gestures(real_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The clips as one training recording, and again as a test recording."""
    folder = tmp_path_factory.mktemp("gestures")
    clips = [
        (number, read_events(real_data / "dvs_gesture_clips" / f"class_{number}.bin", sensor=Sensor(128, 128))[0])
        for number in range(1, 11)
    ]
    names = {"train": [RECORDING], "test": ["user24_fluorescent"]}
    write_gesture_folder(folder, {name: clips for part in names.values() for name in part}, **names)
    return folder


@pytest.fixture(scope="session")
def digits(real_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One recording of each digit, twice: for training and for testing."""
    folder = tmp_path_factory.mktemp("nmnist")
    for label in range(10):
        first = min((real_data / "nmnist" / "Train" / str(label)).iterdir())
        for part in ("Train", "Test"):
            (folder / part / str(label)).mkdir(parents=True)
            shutil.copy(first, folder / part / str(label) / first.name)
    return folder


def small(recipe: Recipe, dataset: str) -> Recipe:
    """The recipe with a small model of its family, in float32, over as many epochs of one update as asked for."""
    words = fitting(recipe.model.name, **SMALL)
    return replace(
        recipe.adjusted(epochs=UPDATES),
        dataset=dataset,
        batch_size=10,
        accumulate=1,
        precision="float32",
        model=replace(recipe.model, config={**recipe.model.config, **words}),
    )


@pytest.mark.slow
@pytest.mark.parametrize("name", EVENT_RECIPES)
def test_the_loss_falls_within_20_updates(name: str, gestures: Path, digits: Path, tmp_path: Path) -> None:
    recipe = load_recipe(name)
    of_gestures = recipe.dataset == "dvs128_gesture"
    recipe = small(recipe, recipe.dataset if of_gestures else "nmnist")
    result = fit(recipe, out=tmp_path / "run", data_dir=gestures if of_gestures else digits, workers=0)
    losses = [epoch.train_loss for epoch in result.epochs]
    assert [epoch.step for epoch in result.epochs] == list(range(1, UPDATES + 1))
    # Augmentation and mixing make single losses jump; means of five do not hide a loss that does not fall.
    assert mean(losses[-5:]) < mean(losses[:5])


def test_there_is_a_recipe_for_every_event_form_with_a_paper() -> None:
    assert len(EVENT_RECIPES) >= 12
    for name in EVENT_RECIPES:
        recipe = load_recipe(name)
        assert create_model(recipe.model.name, **fitting(recipe.model.name, **SMALL)).config.in_channels == 2
