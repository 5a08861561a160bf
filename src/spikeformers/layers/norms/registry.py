"""Norms by word."""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor, nn

from spikeformers.errors import ConfigError
from spikeformers.layers.memory import Memory, TakesMemory
from spikeformers.layers.norms.batch_norm import BatchNorm
from spikeformers.layers.norms.gated import GatedBatchNorm
from spikeformers.layers.norms.tdbn import ThresholdDependentBatchNorm
from spikeformers.layers.norms.tebn import TemporalEffectiveBatchNorm
from spikeformers.layers.words import build_from_word

# channels, and v_threshold and time_steps where it names them; options of the word -> a module over [T, B, C, ...]
BuildNorm = Callable[..., nn.Module]

NORMS: dict[str, BuildNorm] = {
    "batch_norm": BatchNorm,
    "tdbn": ThresholdDependentBatchNorm,
    "tebn": TemporalEffectiveBatchNorm,
    "gated": GatedBatchNorm,
}


def register_norm(word: str, build: BuildNorm) -> None:
    """Make a norm available to every model as the config word `norm`.

    Args:
        word: its name in configs.
        build: channels -> module over [T, B, C, ...]; `OverFrames` makes one of an ordinary module. Where it has
            parameters named `v_threshold` or `time_steps`, it is given those of the config too; further parameters with
            defaults are options of the word. A module that is `TakesMemory` is called with the memory.

    Raises:
        ConfigError: the word is taken.
    """
    if word in NORMS:
        raise ConfigError(f"a norm {word!r} is registered already; choose another word.")
    NORMS[word] = build


def build_norm(word: str, channels: int, *, v_threshold: float, time_steps: int) -> nn.Module:
    """The norm of that word, such as "batch_norm" or "tdbn(alpha=0.5)", for [T, B, channels, ...].

    Args:
        word: a registered name, with options where it has any.
        channels: C.
        v_threshold, time_steps: of the config, for norms that name them.

    Raises:
        UnknownNameError: no norm of that name.
        ConfigError: an option it has not, or a value outside its range.
    """
    return build_from_word(
        word, NORMS, "norm", channels, offered={"v_threshold": v_threshold, "time_steps": time_steps}
    )


def normalised(norm: nn.Module, x: Tensor, memory: Memory | None) -> Tensor:
    """[T, B, C, ...] through any registered norm, which is given the memory if it takes one."""
    out: Tensor = norm(x, memory) if isinstance(norm, TakesMemory) else norm(x)
    return out
