"""How a branch joins the residual stream: the shortcuts of spiking transformers, by word.

membrane  U = F(SN(U)) + U         every branch starts with a neuron, the stream is real (Spikingformer, SDT)
sew       S = SN(F(S)) + S         every branch ends in a neuron, the stream is integers that grow with depth
                                   (Fang et al., NeurIPS 2021; Spikformer)
vanilla   S = SN(F(S) + S)         a neuron behind the sum, the stream is spikes (spiking ResNets; ablated by
                                   Yao et al., ICLR 2024)
iand      S = S (1 - SN(F(S)))     spikes of a branch take spikes off the stream, which stays spikes (SEW-ResNet's
                                   element-wise IAND; a spiking transformer has it in Spike-IAND-Former, known here
                                   from secondary sources only)
"""

from __future__ import annotations

from typing import Final, Literal

import torch
from torch import Tensor, nn

from spikeformers.errors import ConfigError
from spikeformers.layers.memory import Memory, streaming
from spikeformers.layers.neurons import Neuron
from spikeformers.layers.op_spec import ElementSpec
from spikeformers.layers.values import BINARY, REAL, Values
from spikeformers.layers.vocabulary import Vocabulary
from spikeformers.layers.weighted import Mask

Shortcut = Literal["membrane", "sew", "vanilla", "iand"]
# Those whose branches end in a neuron.
SPIKES_JOIN: Final[tuple[Shortcut, ...]] = ("sew", "iand")


class Add(nn.Module):
    """stream + branch, in training with stochastic depth (Huang et al., ECCV 2016).

    Args:
        drop_path: probability with which a sample loses the branch in a training pass, at all its time steps; the
            samples that keep it get it times 1 / (1 - drop_path). The declared values are those of eval mode: in
            training the spikes of a branch are scaled by that factor too.
        neuron: what the sum goes through: the vanilla shortcut has one.
    """

    def __init__(self, drop_path: float = 0.0, neuron: Neuron | None = None) -> None:
        super().__init__()
        self.drop_path = drop_path
        self.neuron = neuron

    def forward(self, stream: Tensor, branch: Tensor, memory: Memory | None = None) -> Tensor:
        """[T, B, C, ...] twice -> the same. A streaming step drops nothing: it does not know what the last one did."""
        if self.training and self.drop_path and not streaming(memory):
            branch = branch * self._survival(branch)
        total = stream + branch
        return total if self.neuron is None else self.neuron(total, memory)

    def element_spec(self) -> ElementSpec:
        """The addition; the neuron behind it describes itself."""
        return ElementSpec(kind="add")

    def _survival(self, branch: Tensor) -> Tensor:
        """0 or 1 / (1 - drop_path) for each sample, [1, B, 1, ...]."""
        # Drawn in float32, so that autocast does not change who survives.
        drawn = torch.rand(branch.shape[1], dtype=torch.float32, device=branch.device)
        survival = (drawn >= self.drop_path).to(branch.dtype) / (1 - self.drop_path)
        return survival.view(1, -1, *[1] * (branch.dim() - 2))

    def extra_repr(self) -> str:
        """The rate, where there is one."""
        return f"drop_path={self.drop_path:g}" if self.drop_path else ""

    @staticmethod
    def values(stream: Values, branch: Values) -> Values:
        """Values on the stream after the addition without a neuron, in eval mode."""
        return stream + branch


class Iand(Add):
    """stream (1 - branch) of spikes: the AND of one with the inverse of the other, 0 or 1 again.

    Stochastic depth leaves the stream of a sample as it is; nothing is scaled, so that spikes stay spikes.
    """

    def __init__(self, drop_path: float = 0.0) -> None:
        super().__init__(drop_path)
        self.mask = Mask(BINARY, BINARY)

    def forward(self, stream: Tensor, branch: Tensor, memory: Memory | None = None) -> Tensor:
        """[T, B, C, ...] twice -> the same."""
        if self.training and self.drop_path and not streaming(memory):
            branch = branch * (self._survival(branch) > 0)
        out: Tensor = self.mask(stream, 1 - branch)
        return out


def build_join(shortcut: Shortcut, vocabulary: Vocabulary, drop_path: float = 0.0) -> Add:
    """How branches of that shortcut join the stream."""
    if shortcut == "iand":
        return Iand(drop_path)
    return Add(drop_path, vocabulary.build_neuron() if shortcut == "vanilla" else None)


def branch_values(shortcut: Shortcut, vocabulary: Vocabulary) -> Values:
    """The values a branch of that shortcut ends in."""
    return vocabulary.spikes if shortcut in SPIKES_JOIN else REAL


def joined_values(
    shortcut: Shortcut, stream: Values, vocabulary: Vocabulary, branch: nn.Module | None = None
) -> Values:
    """The values of the stream behind one more branch, in eval mode.

    Args:
        shortcut: how it joins the stream.
        stream: the values of the stream in front of it.
        vocabulary: neuron and norm.
        branch: one that says in its attribute `values` that it ends in other than a branch of that shortcut does.

    Raises:
        ConfigError: the shortcut is "iand", and stream or branch hold something else than binary spikes.
    """
    if shortcut == "vanilla":
        return vocabulary.spikes
    if shortcut == "iand":
        for part, values in (("stream", stream), ("neuron", vocabulary.spikes)):
            if values != BINARY:
                raise ConfigError(
                    f'the shortcut "iand" is logic of binary spikes, and the {part} gives {values} values. Take '
                    "another shortcut, or a neuron that fires 0 or 1."
                )
        return BINARY
    return Add.values(stream, getattr(branch, "values", branch_values(shortcut, vocabulary)))
