"""The optimizer and its parameter groups."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from spikeformers.train.recipe import OptimizerWords


def adamw(model: nn.Module, words: OptimizerWords) -> torch.optim.AdamW:
    """Return AdamW over the trainable parameters of `model`, decaying only what `parameter_groups` decays."""
    groups = parameter_groups(model, words.weight_decay)
    return torch.optim.AdamW(groups, lr=words.lr, betas=words.betas, eps=words.eps)


def parameter_groups(model: nn.Module, weight_decay: float) -> list[dict[str, Any]]:
    """Split the trainable parameters into those with weight decay and those without.

    Scalars, vectors and biases are spared: decay would pull norm scales and learnable time constants towards
    zero, where they stop working, instead of regularising anything (the rule of the papers' recipes).
    """
    decayed: list[nn.Parameter] = []
    spared: list[nn.Parameter] = []
    for name, parameter in model.named_parameters():
        if not parameter.requires_grad:
            continue
        (spared if parameter.ndim <= 1 or name.endswith("bias") else decayed).append(parameter)
    return [{"params": decayed, "weight_decay": weight_decay}, {"params": spared, "weight_decay": 0.0}]


def set_rate(optimizer: torch.optim.Optimizer, rate: float) -> None:
    """Give every parameter group the learning rate `rate`."""
    for group in optimizer.param_groups:
        group["lr"] = rate
