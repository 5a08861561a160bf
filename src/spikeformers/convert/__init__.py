"""The authors' checkpoints, in both directions. The names they use are data: see `catalog.official`."""

from spikeformers.convert.export import to_official
from spikeformers.convert.load import load_official

__all__ = ["load_official", "to_official"]
