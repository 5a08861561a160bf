"""What is compared: ways to train a network here and on SpikingJelly, each built and stepped alike."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from importlib.util import find_spec
from typing import Any, Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from spikeformers import create_model
from spikeformers.models import SpikingModel
from spikeformers.models.meta_spikeformer import MetaSpikeFormer
from spikeformers.models.spikformer import Spikformer

BASE = "peer, float32"


@dataclass(frozen=True, kw_only=True)
class Work:
    """What is trained: a model of the catalogue with changed words, and images per step."""

    model: str
    batch: int
    words: dict[str, Any] = field(default_factory=dict)

    def build(self) -> SpikingModel:
        """Our model, the same weights every time."""
        torch.manual_seed(0)
        return create_model(self.model, **self.words)


@dataclass(frozen=True, kw_only=True)
class Row:
    """A way to train.

    Args:
        who: our model, the peer file, or SpikingJelly's own model.
        bfloat16: autocast.
        keep: `keep_pre_activations` of our model.
        recompute_blocks: of our model.
        backend: SPIKEFORMERS_BACKEND.
        compiled: by torch.compile.
        memory_optimiser: level of SpikingJelly's.
    """

    who: Literal["ours", "peer", "zoo"]
    bfloat16: bool = False
    keep: str = "exact"
    recompute_blocks: bool = False
    backend: str = ""
    compiled: bool = False
    memory_optimiser: int = 0


ROWS = {
    BASE: Row(who="peer"),
    "peer, bfloat16": Row(who="peer", bfloat16=True),
    "SpikingJelly's model": Row(who="zoo"),
    "SpikingJelly's model, bfloat16": Row(who="zoo", bfloat16=True),
    "SpikingJelly's model, memory optimiser 1": Row(who="zoo", memory_optimiser=1),
    "ours, float32": Row(who="ours"),
    "ours, bfloat16": Row(who="ours", bfloat16=True),
    "ours, float32, keep bfloat16": Row(who="ours", keep="bfloat16"),
    "ours, bfloat16, keep bfloat16": Row(who="ours", bfloat16=True, keep="bfloat16"),
    "ours, float32, keep recompute": Row(who="ours", keep="recompute"),
    "ours, bfloat16, keep recompute": Row(who="ours", bfloat16=True, keep="recompute"),
    "ours, bfloat16, recompute_blocks": Row(who="ours", bfloat16=True, recompute_blocks=True),
    # Each of these runs with the base in a process of its own.
    "ours, float32, reference": Row(who="ours", backend="reference"),
    "peer, float32, torch.compile": Row(who="peer", compiled=True),
}


def missing(row: Row, work: Work) -> str:
    """Why a row cannot be had for this work; "" where it can."""
    if row.who == "ours":
        return ""
    if find_spec("spikingjelly") is None:
        return "SpikingJelly is not here; it is in the extra interop-tests"
    if row.who == "zoo" and not isinstance(work.build(), Spikformer):
        return "SpikingJelly has no such model"
    return ""


class Trainer:
    """A model, its optimizer (AdamW) and steps of cross-entropy on a fixed random batch."""

    def __init__(self, row: Row, work: Work, device: str = "cpu") -> None:
        self.row, self.work, self.device = row, work, device
        self.model, self._reset = _built(row, work, device)
        self.optimizer = torch.optim.AdamW(self.model.parameters(), lr=1e-4)
        self.batch = self.images(work.batch)

    def images(self, count: int) -> tuple[Tensor, Tensor]:
        """Random images and classes."""
        config, generator = self.work.build().config, torch.Generator().manual_seed(1)
        x = torch.randn(count, config.in_channels, *config.image_size, generator=generator)
        classes = torch.randint(config.num_classes, (count,), generator=generator)
        return x.to(self.device), classes.to(self.device)

    def step(self, batch: tuple[Tensor, Tensor] | None = None) -> None:
        """One update of the weights."""
        x, target = self.batch if batch is None else batch
        self.optimizer.zero_grad(set_to_none=True)
        with torch.autocast(self.device, torch.bfloat16, enabled=self.row.bfloat16):
            logits = self.model(x)
        # SpikingJelly's model gives logits of each step.
        logits = logits.mean(0) if logits.dim() == 3 else logits
        F.cross_entropy(logits.float(), target).backward()
        self.optimizer.step()
        self._reset()


def _built(row: Row, work: Work, device: str) -> tuple[nn.Module, Callable[[], None]]:
    ours = work.build()
    if row.who == "ours":
        ours.keep_pre_activations = row.keep
        if row.recompute_blocks:
            ours.recompute_blocks = True
        return ours.train().to(device), lambda: None
    from spikingjelly.activation_based import functional

    model = (_peer(ours) if row.who == "peer" else _zoo(ours)).train().to(device)
    if row.memory_optimiser:
        _optimise(model, ours, row.memory_optimiser, device)
    ran = torch.compile(model) if row.compiled else model
    return ran, lambda: functional.reset_net(model)


def _peer(ours: SpikingModel) -> nn.Module:
    """The peer file's network with the same weights."""
    from benchmarks.peers import meta_spikeformer, spikformer

    if isinstance(ours, MetaSpikeFormer):
        peer: nn.Module = meta_spikeformer.MetaSpikeFormer(ours.config)
        peer.load_state_dict(meta_spikeformer.from_ours(ours.state_dict()))
        return peer
    assert isinstance(ours, Spikformer)
    peer = spikformer.Spikformer(ours.config)
    peer.load_state_dict(spikformer.from_ours(ours.state_dict()))
    return peer


def _zoo(ours: SpikingModel) -> nn.Module:
    """SpikingJelly's own Spikformer of the same sizes; it pools in front of neurons and has no biases."""
    from spikingjelly.activation_based.model import spikformer

    assert isinstance(ours, Spikformer)
    c = ours.config
    model: nn.Module = spikformer.Spikformer(
        T=c.time_steps,
        in_channels=c.in_channels,
        img_size_h=c.image_size[0],
        img_size_w=c.image_size[1],
        patch_size=ours.stride,
        num_classes=c.num_classes,
        embed_dims=c.dim,
        num_heads=c.heads,
        mlp_ratio=c.mlp_ratio,
        depths=c.depth,
    )
    return model


def _optimise(model: nn.Module, ours: SpikingModel, level: int, device: str) -> None:
    """SpikingJelly's memory optimiser on the blocks, with its own defaults: checkpoints, compressed spikes."""
    from spikingjelly.activation_based import functional, memopt
    from spikingjelly.activation_based.model import spikformer

    c = ours.config
    x = torch.randn(2, c.in_channels, *c.image_size, device=device)
    memopt.optimize_memory(model, spikformer.SpikformerBlock, lambda current: current(x), level=level)
    functional.reset_net(model)
