"""Evaluation: counts, losses and the mode of the model."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from spikeformers.data import Images
from spikeformers.errors import InputError
from spikeformers.train.evaluate import Evaluation, evaluate


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
