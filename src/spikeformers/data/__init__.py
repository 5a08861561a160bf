"""Labelled images: what a data set is, where it comes from, and how it becomes batches for a model.

>>> digits = load_dataset("digits")
>>> for batch in Batches(source=digits.test, batch_size=32, prepare=Normalised(digits.mean, digits.std)).epoch():
...     ...  # batch.x: float32 [32, 1, 8, 8], batch.targets: int64 [32]
"""

from spikeformers.data import augment
from spikeformers.data.batches import Batch, Batches, Prepare
from spikeformers.data.dataset import Dataset
from spikeformers.data.formats.idx import read_idx
from spikeformers.data.frames.event_framing import EventFraming
from spikeformers.data.normalise import Normalised, normalise, unchanged
from spikeformers.data.pictures.class_folders import is_image_folder
from spikeformers.data.pictures.framed import FramedPictures
from spikeformers.data.pictures.framing import Framing
from spikeformers.data.pictures.galleries import Archive, FolderGallery, Gallery, ZipGallery
from spikeformers.data.pictures.image_files import load_images
from spikeformers.data.pictures.picture_set import PictureSet
from spikeformers.data.registry import (
    Loader,
    dataset_names,
    holds_events,
    lies_in_folders,
    load_dataset,
    register_dataset,
)
from spikeformers.data.sources import (
    Images,
    Missing,
    Pictures,
    Source,
    Subset,
    evenly_spaced,
    in_memory,
    names_of,
    read_all,
    shape_of,
)
from spikeformers.data.splits import count_held_out, hold_out
from spikeformers.data.unreadable import refuse_many
from spikeformers.data.watch import Watch

__all__ = [
    "Archive",
    "Batch",
    "Batches",
    "Dataset",
    "EventFraming",
    "FolderGallery",
    "FramedPictures",
    "Framing",
    "Gallery",
    "Images",
    "Loader",
    "Missing",
    "Normalised",
    "PictureSet",
    "Pictures",
    "Prepare",
    "Source",
    "Subset",
    "Watch",
    "ZipGallery",
    "augment",
    "count_held_out",
    "dataset_names",
    "evenly_spaced",
    "hold_out",
    "holds_events",
    "in_memory",
    "is_image_folder",
    "lies_in_folders",
    "load_dataset",
    "load_images",
    "names_of",
    "normalise",
    "read_all",
    "read_idx",
    "refuse_many",
    "register_dataset",
    "shape_of",
    "unchanged",
]
