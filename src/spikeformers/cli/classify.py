"""What a trained model says about images."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from spikeformers.data import normalise
from spikeformers.models import SpikingModel


@torch.inference_mode()
def probabilities(
    model: SpikingModel, images: Tensor, *, mean: Sequence[float], std: Sequence[float], batch_size: int = 100
) -> Tensor:
    """Return the probability of each class for each image, `[N, K]` on the CPU.

    Args:
        model: In eval mode; images are computed on its device.
        images: uint8 `[N, C, H, W]`.
        mean, std: Per channel, for pixels scaled to 0..1, as in training.
    """
    where = next(model.parameters()).device
    parts = [model(normalise(part.to(where), mean, std)) for part in torch.split(images, batch_size)]
    return torch.cat(parts).softmax(1).cpu()
