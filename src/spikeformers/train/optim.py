"""The optimizer and its parameter groups."""

from __future__ import annotations

from typing import Any, Literal

import torch
from torch import nn

from spikeformers.errors import ConfigError
from spikeformers.train.lamb import Lamb


def build_optimizer(
    model: nn.Module,
    *,
    name: Literal["adamw", "sgd", "lamb"],
    lr: float,
    weight_decay: float,
    betas: tuple[float, float],
    eps: float,
    momentum: float,
    nesterov: bool,
    trust_clip: bool,
    layer_decay: float = 1.0,
) -> torch.optim.Optimizer:
    """Return the optimizer of the trainable parameters of `model`, in the groups of `parameter_groups`.

    Args:
        betas, eps: of AdamW and LAMB.
        momentum, nesterov: of SGD.
        trust_clip: of LAMB.
        layer_decay: factor on the learning rate per stage away from the head.

    Raises:
        ConfigError: nothing in the model learns.
    """
    groups = parameter_groups(model, weight_decay, layer_decay=layer_decay)
    if not any(group["params"] for group in groups):
        raise ConfigError("No parameter of the model learns: everything is frozen. Freeze fewer parts.")
    optimizer: torch.optim.Optimizer
    if name == "adamw":
        optimizer = torch.optim.AdamW(groups, lr=lr, betas=betas, eps=eps)
    elif name == "sgd":
        optimizer = torch.optim.SGD(groups, lr=lr, momentum=momentum, nesterov=nesterov)
    else:
        # The loop clips for every optimizer; a second clip inside this one would be a rule that no recipe shows.
        optimizer = Lamb(groups, lr=lr, betas=betas, eps=eps, trust_clip=trust_clip, max_grad_norm=None)
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
    """The factor on the learning rate of every parameter, by name."""
    stage_of = {name: _stage(model, name) for name, _ in model.named_parameters()}
    stages = sorted(dict.fromkeys(filter(None, stage_of.values())), key=lambda stage: stage == "head")
    from_input = {stage: index for index, stage in enumerate(stages)}
    last = max(len(stages) - 1, 0)
    return {name: layer_decay ** (last - from_input.get(stage, 0)) for name, stage in stage_of.items()}


def _stage(model: nn.Module, parameter: str) -> str:
    """The part of the model that holds a parameter: a child, an item of a list of them, or "" for the model itself.

    What the model holds itself (a position embedding) learns with its first part; all heads are one part.
    """
    path: list[str] = []
    for word in parameter.split(".")[:-1]:
        path.append(word)
        if not isinstance(model.get_submodule(".".join(path)), nn.ModuleList):
            break
    return "head" if path and path[0].startswith("head") else ".".join(path)
