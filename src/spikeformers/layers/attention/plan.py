"""What attentions and other mixers of tokens are built from."""

from __future__ import annotations

from dataclasses import dataclass

from spikeformers.errors import ConfigError
from spikeformers.layers.projection import Projection
from spikeformers.layers.residual import Shortcut
from spikeformers.layers.values import Values
from spikeformers.layers.vocabulary import Vocabulary


@dataclass(frozen=True, kw_only=True)
class AttentionPlan:
    """What an attention is built from.

    Args:
        dim: channels C of the stream, of queries and of keys.
        heads: number of heads; head-major channels, C = heads x d.
        inputs: declared values of the stream.
        vocabulary: neuron and norm.
        shortcut: how the branch joins the stream, which says where its neurons are.
        qkv, out: make the projections to queries, keys and values, and back.
        v_threshold: threshold of the neuron inside the attention.
        scale: constant on the product, where the attention has one.
        value_dim: channels of the values; None is C.
        erode: dilate keys, values and their products (see SpikeDrivenSelfAttention).
        grid: height and width of the token map at the image size of the config; None where nobody said.
    """

    dim: int
    heads: int
    inputs: Values
    vocabulary: Vocabulary
    shortcut: Shortcut
    qkv: Projection
    out: Projection
    v_threshold: float = 0.5
    scale: float = 1.0
    value_dim: int | None = None
    erode: bool = False
    grid: tuple[int, int] | None = None

    @property
    def tokens(self) -> int:
        """Tokens N of the map.

        Raises:
            ConfigError: nobody said how large it is.
        """
        if self.grid is None:
            raise ConfigError("this attention is built for one number of tokens; give its plan the grid of the map.")
        return self.grid[0] * self.grid[1]
