"""Sequence pooling: a head that weighs all tokens of all time steps against each other."""

from __future__ import annotations

from torch import Tensor

from spikeformers.errors import NotStreamable
from spikeformers.layers.head import Head
from spikeformers.layers.layer_norm import LayerNorm
from spikeformers.layers.memory import Memory
from spikeformers.layers.softmax import Softmax
from spikeformers.layers.values import REAL
from spikeformers.layers.weighted import Classifier, MatrixProduct


class SequencePoolingHead(Head):
    """LayerNorm, a mean of all N T tokens weighted by the softmax of a learned score, a linear.

    The pooling is the Compact Transformers' (Hassani et al., 2021), over space and time together in Spikeformer
    (Li, Lei, Yang, 2022). The logits of a time step are its contribution: with p_t the weighted sum of its tokens,
    steps_t = T W p_t + b. Their mean over T is W (sum of p_t) + b, the logits, up to rounding.

    Args:
        dim, num_classes: channels C and classes K.
    """

    def __init__(self, dim: int, num_classes: int) -> None:
        super().__init__()
        self.norm = LayerNorm(dim)
        self.score = Classifier(dim, 1, inputs=REAL)
        self.softmax = Softmax(timed=False)
        self.product = MatrixProduct(REAL, REAL)
        self.linear = Classifier(dim, num_classes, inputs=REAL)

    def forward(self, features: Tensor) -> Tensor:
        """[T, B, C, H, W] -> logits [B, K]."""
        logits: Tensor = self.linear(self._parts(features).sum(0))
        return logits

    def outputs(self, features: Tensor, memory: Memory | None = None) -> dict[str, Tensor]:
        """[T, B, C, H, W] -> "logits" [B, K] and "steps" [T, B, K].

        Raises:
            NotStreamable: there is a memory.
        """
        if memory is not None:
            raise NotStreamable(
                "sequence pooling weighs the tokens of all time steps against each other, so that the model cannot be "
                "run step by step. Give it all frames in one call."
            )
        parts = self._parts(features)
        return {"logits": self.linear(parts.sum(0)), "steps": self.linear(parts * len(parts))}

    def weights(self, features: Tensor) -> Tensor:
        """[T, B, C, H, W] -> weight of every token [T, B, N]; a sample's sum to 1."""
        return self._weights(self._tokens(features))

    def _tokens(self, features: Tensor) -> Tensor:
        tokens: Tensor = self.norm(features).flatten(3).transpose(-1, -2)  # [T, B, N, C]
        return tokens

    def _weights(self, tokens: Tensor) -> Tensor:
        scores: Tensor = self.score(tokens).squeeze(-1).transpose(0, 1)  # [B, T, N]
        weights: Tensor = self.softmax(scores.flatten(1))
        return weights.view(scores.shape).transpose(0, 1)

    def _parts(self, features: Tensor) -> Tensor:
        """What each time step gives to the mean, [T, B, C]."""
        tokens = self._tokens(features)
        parts: Tensor = self.product(self._weights(tokens).unsqueeze(2), tokens)
        return parts.squeeze(2)
