"""Operations: one folder or file each, a plain PyTorch reference as the oracle of every faster twin."""

from spikeformers.ops.lif import Dynamics, lif
from spikeformers.ops.surrogate import SURROGATES, Surrogate

__all__ = ["SURROGATES", "Dynamics", "Surrogate", "lif"]
