"""Evaluation: counts, losses and the mode of the model."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from PIL import Image
from torch import nn

from spikeformers.data import FolderGallery, FramedPictures, Framing, Images, Pictures
from spikeformers.errors import DataError, InputError
from spikeformers.train.evaluation import Evaluation, evaluate, probabilities


class Brightest(nn.Module):
    """Logits are the first row's pixels: the class is where the image is brightest."""

    def __init__(self) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.ones(()))
        self.dropout = nn.Dropout(0.5)
        self.frozen_norm = nn.BatchNorm2d(1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        assert not self.training
        assert torch.is_inference_mode_enabled()
        return self.scale * self.dropout(x)[:, 0, 0, :]


def pictures(brightest: list[int], labels: list[int], classes: int = 3) -> Images:
    pixels = F.one_hot(torch.tensor(brightest), classes).to(torch.uint8) * 255
    return Images(pixels.view(-1, 1, 1, classes), torch.tensor(labels))


def measure(images: Images, batch_size: int = 2, model: nn.Module | None = None) -> Evaluation:
    return evaluate(model or Brightest(), images, batch_size=batch_size, mean=(0.0,), std=(1.0,))


@pytest.mark.parametrize("batch_size", [1, 2, 5, 100])
def test_counts_every_image_once(batch_size: int) -> None:
    result = measure(pictures([0, 0, 1, 2, 2], labels=[0, 1, 1, 2, 0]), batch_size)
    assert (result.samples, result.correct, result.accuracy) == (5, 3, 0.6)
    assert result.confusion == [[1, 0, 1], [1, 1, 0], [0, 0, 1]]  # [true][predicted]
    logits = torch.eye(3, dtype=torch.float64)[[0, 0, 1, 2, 2]]
    expected = F.cross_entropy(logits, torch.tensor([0, 1, 1, 2, 0]))
    assert result.loss == pytest.approx(float(expected), rel=1e-6)


def test_every_module_gets_its_mode_back() -> None:
    model = Brightest().train()
    model.frozen_norm.eval()
    measure(pictures([0], [0]), model=model)
    assert (model.training, model.dropout.training, model.frozen_norm.training) == (True, True, False)
    with pytest.raises(InputError):
        measure(pictures([0], [5]), model=model)
    assert (model.training, model.frozen_norm.training) == (True, False)


def test_labels_that_are_no_class_and_empty_sets_are_errors() -> None:
    with pytest.raises(InputError, match="Label 3 at position 1 of the batch"):
        measure(pictures([0, 1], labels=[0, 3]))
    with pytest.raises(InputError, match="no images"):
        measure(Images(torch.zeros(0, 1, 1, 3, dtype=torch.uint8), torch.zeros(0, dtype=torch.int64)))


class Holed(Images):
    """Images that cannot be read where their first pixel is 7; the next of the same read stand in for them."""

    def read(self, indices: torch.Tensor, generator: torch.Generator | None = None) -> Pictures:
        lost = self.images[indices, 0, 0, 0] == 7
        unreadable = tuple(f"{index}: damaged." for index in indices[lost].tolist())
        if bool(lost.all()):
            return Pictures(self.images[:0], self.labels[:0], unreadable)
        shown = indices.clone()
        shown[lost] = indices[~lost][0]
        return Pictures(self.images[shown], self.labels[shown], unreadable, lost)


def holed(source: Images, *lost: int) -> Holed:
    images = source.images.clone()
    images[list(lost), 0, 0, 0] = 7
    return Holed(images, source.labels)


@pytest.mark.parametrize("workers", [0, 1])
@pytest.mark.parametrize("batch_size", [1, 2, 3, 100])
@pytest.mark.parametrize("lost", [0, 2, 4])
def test_only_pictures_that_were_read_are_counted(lost: int, batch_size: int, workers: int) -> None:
    whole = pictures([0, 0, 1, 2, 2], labels=[0, 1, 1, 2, 0])
    kept = [index for index in range(5) if index != lost]
    words = {"batch_size": batch_size, "mean": (0.0,), "std": (1.0,)}
    result = evaluate(Brightest(), holed(whole, lost), workers=workers, **words)
    expected = evaluate(Brightest(), Images(whole.images[kept], whole.labels[kept]), **words)
    assert (result.samples, result.confusion) == (4, expected.confusion)
    assert result.loss == pytest.approx(expected.loss, rel=1e-12)
    assert result.unreadable == (f"{lost}: damaged.",)
    assert expected.unreadable == ()


@pytest.mark.parametrize(("total", "lost"), [(1, [0]), (5, [1, 4]), (199, [5, 100]), (2, [0, 1])])
@pytest.mark.parametrize("batch_size", [1, 3])
def test_too_many_unreadable_pictures_are_refused(total: int, lost: list[int], batch_size: int) -> None:
    source = holed(pictures([0] * total, [0] * total), *lost)
    with pytest.raises(DataError, match=rf"{len(lost)} of {total} pictures cannot be read.*{lost[-1]}: damaged\."):
        measure(source, batch_size)


def test_one_in_a_hundred_may_be_unreadable() -> None:
    result = measure(holed(pictures([0] * 200, [0] * 200), 5, 100), 10)
    assert (result.samples, result.correct, len(result.unreadable)) == (198, 198, 2)


def test_pictures_decoded_as_needed_are_counted_once(tmp_path: Path) -> None:
    names = [f"{index}.png" for index in range(6)]
    for name in names:
        Image.new("L", (6, 1)).save(tmp_path / name)
    (tmp_path / names[3]).write_bytes(b"no picture")
    gallery = FolderGallery(tmp_path, names, torch.arange(6))
    source = FramedPictures(gallery, Framing(image_size=(1, 6), channels=1))
    for batch_size in (1, 4):
        result = measure(source, batch_size)
        assert [sum(row) for row in result.confusion] == [1, 1, 1, 0, 1, 1]
        assert len(result.unreadable) == 1
        assert "3.png" in result.unreadable[0]


class Chance(Brightest):
    """Draws its logits, and tells the mode it computes in."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        assert not self.training
        return super().forward(x) + torch.rand(len(x), 3)


def test_probabilities_repeat_and_leave_the_model_and_the_generator_alone() -> None:
    images = pictures([0, 1, 2, 1, 0], [0] * 5).images
    model = Chance().train()
    before = torch.get_rng_state()
    first, again = (probabilities(model, images, mean=(0.0,), std=(1.0,), batch_size=2) for _ in range(2))
    assert torch.equal(first, again)
    assert torch.equal(torch.get_rng_state(), before)
    assert (model.training, model.dropout.training) == (True, True)


def test_probabilities_are_the_softmax_of_the_logits() -> None:
    images = pictures([0, 1, 2, 1, 0], [0] * 5).images
    found = probabilities(Brightest(), images, mean=(0.0,), std=(1.0,), batch_size=2)
    likely = math.e / (math.e + 2)
    expected = torch.full((5, 3), (1 - likely) / 2)
    expected[range(5), [0, 1, 2, 1, 0]] = likely
    torch.testing.assert_close(found, expected)
