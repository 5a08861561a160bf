"""Operations: one folder or file each, a plain PyTorch reference as the oracle of every faster twin."""

from spikeformers.ops.lif import Dynamics, lif, potentials
from spikeformers.ops.surrogate import SURROGATES, Surrogate, SurrogateLaw, heaviside, register_surrogate

__all__ = [
    "SURROGATES",
    "Dynamics",
    "Surrogate",
    "SurrogateLaw",
    "heaviside",
    "lif",
    "potentials",
    "register_surrogate",
]
