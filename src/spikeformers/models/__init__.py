"""Models: one file per paper, each a config dataclass and a module, and what carries them to and from files."""

from spikeformers.models.base import SpikingModel, State
from spikeformers.models.checkpoint import Header, load, read_header, save
from spikeformers.models.config import ModelConfig
from spikeformers.models.registry import create_model, list_models, model_class
from spikeformers.models.spikformer import Spikformer, SpikformerConfig
from spikeformers.models.spikingformer import Spikingformer, SpikingformerConfig
from spikeformers.models.transfer import Transfer, adapt, freeze
from spikeformers.models.trunk import ProductTrunkConfig, ProductTrunkModel, TrunkConfig, TrunkModel

__all__ = [
    "Header",
    "ModelConfig",
    "ProductTrunkConfig",
    "ProductTrunkModel",
    "Spikformer",
    "SpikformerConfig",
    "SpikingModel",
    "Spikingformer",
    "SpikingformerConfig",
    "State",
    "Transfer",
    "TrunkConfig",
    "TrunkModel",
    "adapt",
    "create_model",
    "freeze",
    "list_models",
    "load",
    "model_class",
    "read_header",
    "save",
]
