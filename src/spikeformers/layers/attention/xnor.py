"""Attention by agreement: tokens that are silent together are alike too."""

from __future__ import annotations

from torch import Tensor

from spikeformers.errors import ConfigError
from spikeformers.layers.attention.plan import AttentionPlan
from spikeformers.layers.attention.products import SpikingSelfAttention
from spikeformers.layers.attention.registry import attention
from spikeformers.layers.values import BINARY
from spikeformers.layers.weighted import MatrixProduct


@attention("xnor_ssa")
class XnorSelfAttention(SpikingSelfAttention):
    """neuron(scale A V) with A = sum over channels of q k + a (1 - q) (1 - k): joint silence counts as well, a times.

    a = 1 is the number of channels that agree (XNOR), a = 0 is SSA. The similarity is that of a-XNOR attention, known
    here from one line of a secondary source, which gives no value of a; its default is ours. At firing rate r silence
    weighs a (1 - r)^2 / r^2 times as much as spikes: as much where a is 1/16 and r is 0.2. Two more products than SSA.

    Args:
        plan: what it is built from.
        order: of the products, as of SSA.
        a: weight of joint silence.

    Raises:
        ConfigError: a is negative, or the neuron emits more than 0 and 1, so that silence has no opposite.
    """

    shown = "the similarity of queries and keys, summed over all queries and heads, for the key at each position"

    def __init__(self, plan: AttentionPlan, *, order: str = "cheaper", a: float = 0.0625) -> None:
        spikes = plan.vocabulary.spikes
        if spikes != BINARY:
            raise ConfigError(
                f"xnor_ssa compares spikes with silence, 1 with 0, and the neuron {plan.vocabulary.neuron!r} emits "
                f"{spikes} values. Take a neuron that fires 0 or 1, or another attention."
            )
        if not 0 <= a < float("inf"):
            raise ConfigError(f"a is the weight of joint silence, 0 or more; got {a}.")
        super().__init__(plan, order=order)
        self.a = a
        self.silent_inner = MatrixProduct(spikes, spikes)
        self.silent_outer = MatrixProduct(spikes, self.silent_inner.values, scale=a * plan.scale)

    def attend(self, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        """Return scale A V for heads [T, B, h, d, N]."""
        return super().attend(q, k, v) + self.multiply(1 - q, 1 - k, v, self.silent_inner, self.silent_outer)

    def received(self, mixed: Tensor, **parts: Tensor) -> Tensor:
        """[T, B, N]."""
        silent = {name: 1 - parts[name] for name in ("q", "k")}
        return super().received(mixed, **parts) + self.a * super().received(mixed, **silent)

    def extra_repr(self) -> str:
        """Its weight of silence."""
        return f"a={self.a:g}"
