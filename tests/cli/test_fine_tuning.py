"""From a trained digits model to a folder of other pictures, in one command."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from spikeformers import load
from spikeformers.cli.fine_tuning import words_of
from spikeformers.data import load_dataset, read_all
from spikeformers.data.sets.mnist import FASHION_MNIST
from tests.cli.conftest import Command

INSTALLED = FASHION_MNIST.installed
SHAPES = ("bars", "blocks", "stripes")


def draw(shape: str, generator: np.random.Generator) -> np.ndarray:
    """A noisy 20 x 20 colour picture: vertical bars, blocks, or horizontal stripes."""
    line = (np.arange(20) // 4 + generator.integers(0, 2)) % 2
    pattern = {"bars": line[None, :], "blocks": line[None, :] ^ line[:, None], "stripes": line[:, None]}[shape]
    picture = 50 + 150 * np.broadcast_to(pattern, (20, 20)) + generator.normal(0, 10, (20, 20))
    return np.repeat(picture.clip(0, 255).astype(np.uint8)[..., None], 3, axis=2)


@pytest.fixture(scope="session")
def shapes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folders of pictures: 40 of each shape to learn, 10 to test."""
    root, generator = tmp_path_factory.mktemp("shapes"), np.random.default_rng(0)
    for part, count in (("train", 40), ("test", 10)):
        for shape in SHAPES:
            folder = root / part / shape
            folder.mkdir(parents=True)
            for number in range(count):
                Image.fromarray(draw(shape, generator)).save(folder / f"{number}.png")
    return root


def test_a_digits_model_learns_a_folder_of_pictures(
    spikeformers: Command, trained: Path, shapes: Path, tmp_path: Path
) -> None:
    out = tmp_path / "run"
    settings = (
        "model.config.image_size=[16, 16]",
        "model.config.time_steps=2",
        "optimizer.lr=5e-3",
        'freeze=["blocks.0"]',
    )
    words = ("train", "finetune", "--init", trained, "--data-dir", shapes, "--out", out, "--epochs", 20, "--json")
    answer = spikeformers(*words, *(word for setting in settings for word in ("--set", setting)))
    assert answer.code == 0, answer.err
    result = json.loads(answer.out)
    assert (result["dataset"], result["eval_part"]) == ("image_folder", "validation")
    assert result["test_accuracy"] >= 0.9  # three shapes: chance is 0.33
    tuned, start = load(out / "last.safetensors"), load(trained / "last.safetensors")
    assert (tuned.config.num_classes, tuned.config.image_size, tuned.config.time_steps) == (3, (16, 16), 2)
    frozen = {name: value for name, value in start.state_dict().items() if name.startswith("blocks.0.")}
    ours = tuned.state_dict()
    assert all(torch.equal(ours[name], value) for name, value in frozen.items())
    moved = [
        name for name in ours if name.startswith("tokenizer.") and not torch.equal(ours[name], start.state_dict()[name])
    ]
    assert moved

    judged = spikeformers("eval", out, "--data-dir", shapes, "--json")
    assert json.loads(judged.out)["accuracy"] == result["test_accuracy"]
    shown = spikeformers("predict", out, shapes / "test" / "bars" / "0.png", "--json")
    assert json.loads(shown.out)["predictions"][0]["choices"][0]["label"] in SHAPES
    confused = spikeformers("eval", out, "--dataset", "digits")
    assert confused.code == 1
    assert (
        "trained for the classes bars, blocks, stripes, the data set 'digits' has 0, 1, 2, 3, 4 and 5 more"
        in confused.err
    )


def test_any_recipe_takes_a_folder_of_pictures_with_init(
    trained: Path, shapes: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    start = f"init={json.dumps(str(trained))}"
    assert words_of("digits_spikformer", trained, shapes) == [start, 'dataset="image_folder"']
    note = f"{shapes} holds folders of pictures: they are what is learned, not the recipe's data set digits\n"
    assert capsys.readouterr() == ("", note)
    assert words_of("digits_spikformer", trained, None) == [start]
    assert words_of("digits_spikformer", trained, tmp_path) == [start]
    assert words_of("finetune", trained, shapes) == [start]
    assert words_of("digits_spikformer", None, shapes) == []
    assert words_of("digits_spikformer", trained, shapes, ["dataset=imagenet"]) == [start]  # pictures in folders, too
    assert capsys.readouterr() == ("", "")


def test_an_init_that_is_none_is_an_error(spikeformers: Command, shapes: Path, tmp_path: Path) -> None:
    answer = spikeformers(
        "train", "finetune", "--init", tmp_path / "absent", "--data-dir", shapes, "--out", tmp_path / "r"
    )
    assert answer.code == 1
    assert "There is no run directory or checkpoint at" in answer.err
    assert not (tmp_path / "r").exists()


@pytest.mark.slow
@pytest.mark.skipif(
    INSTALLED is None or not INSTALLED.is_dir(),
    reason="Fashion-MNIST is not installed: apt-get install dataset-fashion-mnist",
)
def test_a_digits_model_learns_some_clothes(spikeformers: Command, trained: Path, tmp_path: Path) -> None:
    clothes = load_dataset("fashion_mnist")
    for part, source, count in (("train", clothes.train, 1200), ("test", clothes.test, 400)):
        pictures = read_all(source)
        for index in range(count):
            folder = tmp_path / part / clothes.classes[int(pictures.labels[index])].replace("/", " ")
            folder.mkdir(parents=True, exist_ok=True)
            Image.fromarray(pictures.images[index, 0].numpy()).save(folder / f"{index}.png")
    out = tmp_path / "run"
    settings = ("model.config.image_size=[28, 28]", "optimizer.lr=5e-3", "augment.crop_padding=0")
    words = ("train", "digits_spikformer", "--init", trained, "--data-dir", tmp_path, "--out", out, "--json")
    answer = spikeformers(*words, *(word for setting in settings for word in ("--set", setting)))
    assert answer.code == 0, answer.err
    assert json.loads(answer.out)["test_accuracy"] > 0.6  # ten classes: chance is 0.1
