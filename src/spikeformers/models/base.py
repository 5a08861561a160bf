"""What every spiking transformer here offers: one contract over static images and event frames.

A forward pass over T time steps starts from rest and leaves nothing behind. Streaming is explicit: `initial_state`,
then `step` after `step`, each taking the state of the one before.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal, Self

import torch
from torch import Tensor, nn

from spikeformers.errors import ConfigError, InputError
from spikeformers.layers import Block, Head, Memory, Neuron
from spikeformers.layers.encoders import build_encoder
from spikeformers.layers.frames import once_if_repeated, over_frames
from spikeformers.models.config import ModelConfig
from spikeformers.models.saving import saves_compactly
from spikeformers.ops.saving import PreActivations, checked

Fused = Literal["norms", "rep_conv"]


@dataclass(frozen=True)
class State:
    """What a model remembers between two time steps; tensors that are missing are at rest.

    Args:
        batch: number of samples B.
        tensors: by name of the module and of what it keeps, such as "blocks.0.attention.neuron.v".
    """

    batch: int
    tensors: dict[str, Tensor] = field(default_factory=dict)


class SpikingModel(nn.Module, ABC):
    """Base of all models.

    A subclass sets `Config`, builds `self.head` and yields `_stages`; its layers pass the memory on to neurons.

    Attributes:
        config: the frozen configuration.
        name: catalogue name, where it came from there.
        builds: "module:Class" that finds its class again, in the catalogue's words where it came from there.
        system, variant: the published system and form whose official names it has, or None.
        frozen: names of the modules that stay in eval mode (see `models.freeze`).
        fused: what is folded into its weights, "norms" or "rep_conv" (norms and RepConvs; see `models.fuse`), or None.
    """

    Config: ClassVar[type[ModelConfig]]
    head: Head

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.config = config
        self.encoder = build_encoder(config.encoder)
        self.name: str | None = None
        self.builds = f"{type(self).__module__}:{type(self).__qualname__}"
        self.system: str | None = None
        self.variant: str | None = None
        self.frozen: tuple[str, ...] = ()
        self.fused: Fused | None = None
        self._pre_activations: PreActivations = "exact"

    @property
    def recompute_blocks(self) -> bool:
        """Gradient checkpointing: a training pass keeps of each block its input only, and computes the rest again.

        Less memory for one more forward pass through the blocks; outputs, gradients and running statistics are the
        same. No config word: it is not kept in checkpoints. Forward hooks inside a block run again in the backward
        pass.

        Raises:
            ConfigError: on setting it, the model has no block.
        """
        return any(block.recompute for block in self.modules() if isinstance(block, Block))

    @recompute_blocks.setter
    def recompute_blocks(self, value: bool) -> None:
        blocks = [block for block in self.modules() if isinstance(block, Block)]
        if not blocks:
            raise ConfigError(f"{type(self).__name__} has no spikeformers.layers.Block that could be recomputed.")
        for block in blocks:
            block.recompute = value

    @property
    def keep_pre_activations(self) -> PreActivations:
        """What a training pass keeps of the real values in front of norms and neurons for the backward pass.

        "exact" keeps them as they are, "bfloat16" rounds them to it, which moves gradients a little and outputs not at
        all, and "recompute" computes them again from what the operation in front read: the same gradients for more
        time. Spikes and small integers are kept in fewer bits in any case, as nothing is lost by it (`ops.saving`).
        No config word: it is not kept in checkpoints.

        Raises:
            ConfigError: on setting it, to another word.
        """
        return self._pre_activations

    @keep_pre_activations.setter
    def keep_pre_activations(self, value: str) -> None:
        self._pre_activations = checked(value)

    @classmethod
    def from_words(cls, words: Mapping[str, Any]) -> Self:
        """Build from config words; see `ModelConfig.from_words` for its errors."""
        return cls(cls.Config.from_words(words))

    def train(self, mode: bool = True) -> Self:
        """Training or eval mode, as `nn.Module.train`; frozen modules stay in eval mode."""
        super().train(mode)
        for name in self.frozen:
            self.get_submodule(name).eval()
        return self

    @property
    @abstractmethod
    def stride(self) -> int:
        """Input pixels per token and direction."""

    @property
    def multiple(self) -> int:
        """What heights and widths must be multiples of: the stride, unless a model takes any size."""
        return self.stride

    @abstractmethod
    def _stages(self, x: Tensor, memory: Memory | None) -> Iterator[tuple[int, Tensor]]:
        """[T, B, C, H, W] -> (true stride s, map [T, B, C_s, H/s, W/s]) of every stage; the last are the features."""

    @saves_compactly
    def forward(self, x: Tensor) -> Tensor:
        """Logits of a batch.

        Args:
            x: static images [B, C, H, W], which the encoder turns into `config.time_steps` frames, or event frames or
                video [B, T, C, H, W], which it does not see; floating point, H and W multiples of `multiple`.

        Returns:
            Logits [B, K].

        Raises:
            InputError: wrong rank, channels, size or type, a value that is not a number, or one the encoder cannot
                take.
        """
        logits: Tensor = self.head(self.forward_features(x))
        return logits

    @saves_compactly
    def forward_steps(self, x: Tensor) -> Tensor:
        """Logits of each time step [T, B, K]; their mean over T is `forward`."""
        return self.head.steps(self.forward_features(x))

    @saves_compactly
    def forward_heads(self, x: Tensor) -> dict[str, Tensor]:
        """Every output: "logits" [B, K], "steps" [T, B, K] and, of a model with that head, "distillation" [B, K]."""
        return self.head.outputs(self.forward_features(x))

    @saves_compactly
    def forward_features(self, x: Tensor) -> Tensor:
        """The last map before the head [T, B, C, H/s, W/s]."""
        return self._features(self.encode(x), None)

    def forward_pyramid(self, x: Tensor) -> dict[int, Tensor]:
        """The deepest map of each true stride, {stride: [T, B, C_s, H/s, W/s]}, finest first."""
        return dict(self.forward_stages(x))

    @saves_compactly
    def forward_stages(self, x: Tensor) -> list[tuple[int, Tensor]]:
        """Every stage, finest first: its true stride and its map [T, B, C_s, H/s, W/s]; strides may repeat."""
        return list(self._stages(self.encode(x), None))

    def encode(self, x: Tensor) -> Tensor:
        """The frames the model computes on, time first.

        Args:
            x: static images [B, C, H, W], encoded as the config word `encoder` says, or frames [B, T, C, H, W], which
                are frames already.

        Returns:
            [T, B, C, H, W], channels innermost in memory; `step` takes one of the T after another. A frame that is the
            same at every time step is there once, expanded over T.

        Raises:
            InputError: as `forward`.
        """
        self._check(x)
        x = self.encoder(x, self.config.frames) if x.dim() == 4 else x.transpose(0, 1)
        return once_if_repeated(lambda frames: over_frames(_channels_innermost, frames), x)

    def initial_state(self, batch: int) -> State:
        """The state of B samples at rest.

        Raises:
            InputError: batch is no whole number of at least 1.
        """
        if not isinstance(batch, int) or batch < 1:
            raise InputError(f"a state is of at least one sample, got batch {batch!r}.")
        return State(batch)

    @saves_compactly
    def step(self, x_t: Tensor, state: State) -> tuple[Tensor, State]:
        """Run one time step.

        Event frames come as they are; a static image comes through its encoder, `for x_t in model.encode(x)` (with
        direct encoding every x_t is the image itself). Frames are not encoded again.

        Args:
            x_t: one frame of each sample [B, C, H, W].
            state: of `initial_state(B)` or of the step before; it is not changed.

        Returns:
            Logits of this step [B, K] and the state after it. Over T steps they equal `forward_steps` in eval mode.

        Raises:
            InputError: the input does not fit the model or the state.
            NotStreamable: a part needs all time steps at once.
        """
        if x_t.dim() != 4 or x_t.shape[0] != state.batch:
            raise InputError(
                f"a step takes one frame [{state.batch}, C, H, W] of each of the state's {state.batch} samples, "
                f"got {list(x_t.shape)}. Start with initial_state(B) for another batch."
            )
        modules = dict(self.named_modules())
        before = {}
        for key, tensor in state.tensors.items():
            name, _, word = key.rpartition(".")
            if name not in modules:
                raise InputError(f"the state belongs to another model: this one has no {name!r}.")
            before[modules[name], word] = tensor
        memory = Memory(before)
        logits = self.head.steps(self._features(self.encode(x_t.unsqueeze(1)), memory), memory)[0]
        names = {module: name for name, module in modules.items()}
        after = {f"{names[module]}.{word}": tensor for (module, word), tensor in memory.after.items()}
        return logits, State(state.batch, after)

    def named_neurons(self) -> Iterator[tuple[str, Neuron]]:
        """Every spiking neuron layer with its name, in the order of construction."""
        for name, module in self.named_modules():
            if isinstance(module, Neuron):
                yield name, module

    def _features(self, x: Tensor, memory: Memory | None) -> Tensor:
        # One map at a time: in eval mode the earlier ones need not stay in memory.
        return deque(self._stages(x, memory), maxlen=1)[0][1]

    def _check(self, x: Tensor) -> None:
        c = self.config
        if x.dim() in (4, 5) and 0 in x.shape:
            raise InputError(f"the input is empty: {list(x.shape)}; every size must be at least 1.")
        if x.dim() not in (4, 5) or x.shape[-3] != c.in_channels:
            raise InputError(
                f"expected images [B, {c.in_channels}, H, W] or frames [B, T, {c.in_channels}, H, W], "
                f"got {list(x.shape)}."
            )
        if x.shape[-2] % self.multiple or x.shape[-1] % self.multiple:
            raise InputError(
                f"height and width must be multiples of {self.multiple} (the tokenizer's stride), "
                f"got {x.shape[-2]} x {x.shape[-1]}. Resize or pad the input."
            )
        if not x.is_floating_point():
            raise InputError(f"the input must be floating point, got {x.dtype}; scale images and use x.float().")
        own = next(self.parameters()).dtype
        if x.dtype != own and not torch.is_autocast_enabled(x.device.type):
            raise InputError(f"the input is {x.dtype}, the model {own}; use x.to({own}) or model.to({x.dtype}).")
        # A compiled or exported program cannot branch on values.
        if not torch.compiler.is_compiling() and not x.is_meta and not bool(x.isfinite().all()):
            raise InputError("the input holds NaN or infinity; look for a division by zero in its normalisation.")


def _channels_innermost(frames: Tensor) -> Tensor:
    # Convolutions, norms and pools keep this form, and tokens become rows of a matrix without a copy.
    return frames.contiguous(memory_format=torch.channels_last)
