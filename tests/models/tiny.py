"""Catalogue models made tiny, with spikes flowing: what the contract tests run on."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

import torch
from torch import Tensor

import spikeformers
from spikeformers.layers import PlanePoolingHead, TemporalInteraction
from spikeformers.layers.norms import BatchNorm
from spikeformers.models import SpikingModel, model_class

TINY: dict[str, Any] = {
    "dim": 32,
    "depth": 2,
    "dims": [16, 16, 32, 32],
    "depths_by_stage": [1, 1, 1, 1, 1],
    "stage_depths": [1, 1],
    "global_pairs": 1,
    "heads": 4,
    "mlp_ratio": 2,
    "num_classes": 5,
    "time_steps": 3,
}
SMALLEST = "spikformer_4_384.cifar10"


def fitting(name: str, **words: Any) -> dict[str, Any]:
    """Those of the words that the model has."""
    known = {field.name for field in fields(model_class(spikeformers.catalog.get(name).builds).Config)}
    return {word: value for word, value in words.items() if word in known}


def tiny_model(name: str, **overrides: Any) -> SpikingModel:
    """The model in tiny width and 2x2 tokens, in eval mode, its norms adapted to random inputs."""
    torch.manual_seed(0)
    words = fitting(name, **TINY)
    with torch.device("meta"):
        stride = spikeformers.create_model(name, **words).stride
    model = spikeformers.create_model(name, **{**words, "image_size": [2 * stride, 2 * stride], **overrides})
    for module in model.modules():
        if isinstance(module, BatchNorm):
            module.momentum = None  # plain averages, so that a few batches settle the running statistics
    with torch.no_grad():
        for _ in range(3):
            model(random_input(model, 8))
    return model.eval()


def smallest(**overrides: Any) -> SpikingModel:
    """One block of 16 channels: for tests that do not care which model it is."""
    return tiny_model(SMALLEST, **{"depth": 1, "dim": 16, "heads": 2, **overrides})


def random_input(model: SpikingModel, batch: int, tokens: tuple[int, int] = (2, 2)) -> Tensor:
    """Event frames where the model takes two polarities as they come, else an image its encoder takes; in its dtype."""
    c, dtype = model.config, next(model.parameters()).dtype
    size = (tokens[0] * model.stride, tokens[1] * model.stride)
    if c.in_channels == 2 and c.encoder == "direct":
        return torch.randint(0, 3, (batch, c.time_steps, 2, *size)).to(dtype)
    draw = torch.randn if c.encoder == "direct" else torch.rand
    return draw(batch, c.in_channels, *size, dtype=dtype)


def built_for_its_tokens(model: SpikingModel) -> bool:
    """Whether no other number of tokens will do."""
    return any(isinstance(module, TemporalInteraction | PlanePoolingHead) for module in model.modules())


def token_maps(model: SpikingModel) -> list[tuple[int, int]]:
    """Two sizes of maps the tiny model takes, or the only one."""
    if isinstance(model.head, PlanePoolingHead):
        return [(2, 2)]
    each = max(1, model.multiple // model.stride)
    return [(2, 2), (4, 1) if built_for_its_tokens(model) else (3 * each, each)]


def much_input(model: SpikingModel, times: int = 1) -> Tensor:
    """Enough tokens that spikes reach every layer: 4 samples of 4 x 4, or 32 of those the model is built for; or that
    many times as many.
    """
    built = built_for_its_tokens(model)
    return random_input(model, 32 * times) if built else random_input(model, 4 * times, (4, 4))
