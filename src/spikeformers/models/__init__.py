"""Models: one file per paper, each a config dataclass and a module, and what carries them to and from files."""

from spikeformers.models.base import SpikingModel, State
from spikeformers.models.checkpoint import Header, load, read_header, save
from spikeformers.models.config import ModelConfig
from spikeformers.models.e_spikeformer import ESpikeFormer, ESpikeFormerConfig
from spikeformers.models.fusion import Fusion, fuse
from spikeformers.models.imported import build_module
from spikeformers.models.meta_spikeformer import MetaSpikeFormer, MetaSpikeFormerConfig
from spikeformers.models.pyramid import PyramidConfig, PyramidModel
from spikeformers.models.qkformer import QKFormer, QKFormerConfig
from spikeformers.models.registry import create_model, list_models, model_class
from spikeformers.models.saving import saving_of
from spikeformers.models.sdt import SDT, SDTConfig
from spikeformers.models.sglformer import SGLFormer, SGLFormerConfig
from spikeformers.models.spikeformer import Spikeformer, SpikeformerConfig
from spikeformers.models.spikformer import Spikformer, SpikformerConfig
from spikeformers.models.spikingformer import Spikingformer, SpikingformerConfig
from spikeformers.models.tim import TIM, TIMConfig
from spikeformers.models.transfer import Transfer, adapt, freeze
from spikeformers.models.trunk import BlocksConfig, ProductTrunkConfig, ProductTrunkModel, TrunkConfig, TrunkModel
from spikeformers.models.unrolling import unroll

__all__ = [
    "SDT",
    "TIM",
    "BlocksConfig",
    "ESpikeFormer",
    "ESpikeFormerConfig",
    "Fusion",
    "Header",
    "MetaSpikeFormer",
    "MetaSpikeFormerConfig",
    "ModelConfig",
    "ProductTrunkConfig",
    "ProductTrunkModel",
    "PyramidConfig",
    "PyramidModel",
    "QKFormer",
    "QKFormerConfig",
    "SDTConfig",
    "SGLFormer",
    "SGLFormerConfig",
    "Spikeformer",
    "SpikeformerConfig",
    "Spikformer",
    "SpikformerConfig",
    "SpikingModel",
    "Spikingformer",
    "SpikingformerConfig",
    "State",
    "TIMConfig",
    "Transfer",
    "TrunkConfig",
    "TrunkModel",
    "adapt",
    "build_module",
    "create_model",
    "freeze",
    "fuse",
    "list_models",
    "load",
    "model_class",
    "read_header",
    "save",
    "saving_of",
    "unroll",
]
