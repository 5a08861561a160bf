"""The optimizer and its parameter groups."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from spikeformers.errors import ConfigError
from spikeformers.train.lamb import Lamb
from spikeformers.train.stages import stage_of
from spikeformers.train.words import OptimizerWords


def build_optimizer(model: nn.Module, words: OptimizerWords) -> torch.optim.Optimizer:
    """Return the optimizer of the trainable parameters of `model`, in the groups of `parameter_groups`.

    Raises:
        ConfigError: nothing in the model learns.
    """
    groups = parameter_groups(model, words.weight_decay, layer_decay=words.layer_decay)
    lr, betas = words.lr, words.betas
    if not any(group["params"] for group in groups):
        raise ConfigError("No parameter of the model learns: everything is frozen. Freeze fewer parts.")
    optimizer: torch.optim.Optimizer
    if words.name == "adamw":
        optimizer = torch.optim.AdamW(groups, lr=lr, betas=betas, eps=words.eps or 1e-8)
    elif words.name == "adam":
        optimizer = torch.optim.Adam(groups, lr=lr, betas=betas, eps=words.eps or 1e-8)
    elif words.name == "sgd":
        optimizer = torch.optim.SGD(groups, lr=lr, momentum=words.momentum, nesterov=words.nesterov)
    else:
        # The loop clips for every optimizer; a second clip inside this one would be a rule that no recipe shows.
        optimizer = Lamb(
            groups, lr=lr, betas=betas, eps=words.eps or 1e-6, trust_clip=words.trust_clip, max_grad_norm=None
        )
    set_rate(optimizer, lr)
    return optimizer


def parameter_groups(model: nn.Module, weight_decay: float, *, layer_decay: float = 1.0) -> list[dict[str, Any]]:
    """Split the trainable parameters into those with weight decay and those without, each per learning rate.

    Scalars, vectors and biases are spared: decay would pull norm scales and learnable time constants towards
    zero, where they stop working, instead of regularising anything (the rule of the papers' recipes).

    The head learns with the full rate, the stage before it with `layer_decay` times as much, and so on to the input;
    the factor is the group's "lr_scale". The stages are those of MAE's fine-tuning (He et al., CVPR 2022): tokenizer,
    block after block, head. In other models they are the top-level parts, in the order they are registered in.
    """
    scales = _rate_scales(model, layer_decay)
    groups: dict[tuple[float, bool], list[nn.Parameter]] = {}
    for scale in dict.fromkeys(scales.values()):
        groups[scale, True], groups[scale, False] = [], []
    for name, parameter in model.named_parameters():
        if parameter.requires_grad:
            decayed = parameter.ndim > 1 and not name.endswith("bias")
            groups[scales[name], decayed].append(parameter)
    return [
        {"params": parameters, "weight_decay": weight_decay if decayed else 0.0, "lr_scale": scale}
        for (scale, decayed), parameters in groups.items()
    ]


def set_rate(optimizer: torch.optim.Optimizer, rate: float) -> None:
    """Give every parameter group the learning rate `rate`, times its own factor where it has one."""
    for group in optimizer.param_groups:
        group["lr"] = rate * group.get("lr_scale", 1.0)


def _rate_scales(model: nn.Module, layer_decay: float) -> dict[str, float]:
    """The factor on the learning rate of every parameter, by name.

    What the model holds itself (a position embedding) learns with its first stage; all heads are one stage.
    """
    stages = {name: _stage(name) for name, _ in model.named_parameters()}
    in_order = sorted(dict.fromkeys(filter(None, stages.values())), key=lambda stage: stage == "head")
    from_input = {stage: index for index, stage in enumerate(in_order)}
    last = max(len(in_order) - 1, 0)
    return {name: layer_decay ** (last - from_input.get(stage, 0)) for name, stage in stages.items()}


def _stage(parameter: str) -> str:
    if "." not in parameter:
        return ""
    return "head" if parameter.startswith("head") else stage_of(parameter)
