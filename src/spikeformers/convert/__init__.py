"""The authors' checkpoints, in both directions. The names they use are data: see `catalog.official`."""

from spikeformers.convert.conversion import Conversion, convert_file
from spikeformers.convert.export import to_official
from spikeformers.convert.inspection import Candidate, Inspection, inspect
from spikeformers.convert.load import load_official

__all__ = ["Candidate", "Conversion", "Inspection", "convert_file", "inspect", "load_official", "to_official"]
