"""What happens to the queries of an attention between time steps, by word: TIM, or nothing.

It plugs into every attention that projects to queries; see the config word `interaction`.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from spikeformers.errors import ConfigError, InputError, NotStreamable
from spikeformers.layers.attention.plan import AttentionPlan
from spikeformers.layers.memory import Memory, StepByStep
from spikeformers.layers.neurons import Neuron
from spikeformers.layers.weighted import Conv1d
from spikeformers.layers.words import build_from_word, parse_word

# AttentionPlan, options of the word -> a module over queries [T, B, C, ...], or None to leave them alone
BuildInteraction = Callable[..., "StepByStep | None"]

_TAPS = 5


class TemporalInteraction(StepByStep):
    """Temporal Interaction Module (Shen et al., "TIM: An Efficient Temporal Interaction Module for Spiking
    Transformer", IJCAI 2024): each step's queries are mixed with what those of the step before became.

        y_0 = q_0
        y_t = out_neuron(alpha in_neuron(conv(y_{t-1})) + (1 - alpha) q_t)

    The convolution has the N tokens of the map for its channels and slides along the d channels of each head, with 5
    taps: 5 N^2 + N parameters, whatever the width. It is built for the number of tokens of the plan, and for no other.

    Args:
        plan: heads, tokens and vocabulary are what it needs of it.
        alpha: share of the past, from 0 to 1.
        threshold_in, threshold_out: thresholds of the two neurons. The authors configure 0.3 and 0.5 under a name that
            their neuron ignores, so that their released code runs with 1 and 1: then the second neuron, whose input is
            1 at most and charges half of it, never fires at tau = 2, and no query is left behind the first step.

    Raises:
        ConfigError: alpha is no share, nobody said how many tokens there are, or the neuron of the vocabulary needs all
            time steps at once.
    """

    def __init__(
        self, plan: AttentionPlan, *, alpha: float = 0.5, threshold_in: float = 0.3, threshold_out: float = 0.5
    ) -> None:
        super().__init__()
        if not 0 <= alpha <= 1:
            raise ConfigError(f"alpha is the share of the past in a time step, from 0 to 1; got {alpha}.")
        vocabulary = plan.vocabulary
        self.heads, self.tokens, self.alpha = plan.heads, plan.tokens, alpha
        self.conv = Conv1d(self.tokens, self.tokens, inputs=vocabulary.spikes, kernel=_TAPS, bias=True)
        self.in_neuron = vocabulary.build_neuron(threshold_in)
        self.out_neuron = vocabulary.build_neuron(threshold_out)
        _require_steps(self.in_neuron, plan.dim, vocabulary.neuron)

    def forward(self, q: Tensor, memory: Memory | None = None) -> Tensor:
        """[T, B, C, ...] -> the same.

        Raises:
            InputError: the map has another number of tokens than this was built for.
        """
        queries = q.flatten(3)
        if queries.shape[3] != self.tokens:
            raise InputError(
                f"a temporal interaction is built for one number of tokens, this one for {self.tokens}, and the map "
                f"has {queries.shape[3]}. Give the model inputs of its image_size, or build it with theirs."
            )
        state = Memory({}) if memory is None else memory
        y = state.recall(self, "y")
        outputs = []
        for t, q_t in enumerate(torch.split(queries, 1)):  # [1, B, C, N]
            # Neurons recall what they kept at the step before, of which a caller's memory knows the first only.
            state = Memory(state.after) if t else state
            y = q_t if y is None else self._next(y, q_t, state)
            outputs.append(y)
        if memory is not None:
            memory.after.update(state.after)
            memory.keep(self, outputs[-1], "y")
        return torch.cat(outputs).view_as(q)

    def _next(self, y: Tensor, q_t: Tensor, state: Memory) -> Tensor:
        heads = torch.unflatten(y, 2, (self.heads, -1)).transpose(-1, -2)  # [1, B, h, N, d]
        past = self.conv(heads).transpose(-1, -2).flatten(2, 3)  # [1, B, C, N]
        out: Tensor = self.out_neuron(self.alpha * self.in_neuron(past, state) + (1 - self.alpha) * q_t, state)
        return out

    def extra_repr(self) -> str:
        """The share of the past."""
        return f"alpha={self.alpha:g}"


def _require_steps(neuron: Neuron, channels: int, word: str) -> None:
    """Refuse a neuron that cannot be run one time step at a time."""
    silence = torch.zeros(1, 1, channels, 1)
    if silence.is_meta:  # a model that is only to be counted cannot run
        return
    try:
        with torch.no_grad():
            neuron(silence, Memory({}))
    except NotStreamable as error:
        raise ConfigError(
            f"a temporal interaction needs each time step before the next, and the neuron {word!r} all at once: {error}"
        ) from error


def _none(plan: AttentionPlan) -> None:
    return None


INTERACTIONS: dict[str, BuildInteraction] = {"none": _none, "tim": TemporalInteraction}


def register_interaction(word: str, build: BuildInteraction) -> None:
    """Make an interaction of queries over time available to every model as the config word `interaction`.

    Args:
        word: its name in configs.
        build: a class, or function, that takes an `AttentionPlan`, and options as keyword arguments with defaults; what
            it gives maps queries [T, B, C, ...] and a memory to the same shape and the same values.

    Raises:
        ConfigError: the word is taken.
    """
    if word in INTERACTIONS:
        raise ConfigError(f"an interaction {word!r} is registered already; choose another word.")
    INTERACTIONS[word] = build


def build_interaction(plan: AttentionPlan) -> StepByStep | None:
    """The interaction that the plan's vocabulary names; None where it names none.

    Raises:
        UnknownNameError: no interaction of that name.
        ConfigError: an option it has not, or a plan it cannot serve.
    """
    return build_from_word(plan.vocabulary.interaction, INTERACTIONS, "interaction", plan)


def require_queries(built: object, attention: str, plan: AttentionPlan) -> None:
    """Refuse an interaction that an attention has no queries for.

    Raises:
        ConfigError: naming both.
    """
    name, _ = parse_word(plan.vocabulary.interaction)
    if name != "none" and getattr(built, "interaction", None) is None:
        raise ConfigError(
            f"the interaction {name!r} is one of queries over time, and the attention {attention!r} has no queries "
            "that could meet those of the time step before. "
            'Take another attention, or interaction = "none".'
        )
