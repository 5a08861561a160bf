"""Labelled images: what a data set is, where it comes from, and how it becomes batches for a model.

>>> digits = load_dataset("digits")
>>> for x, y in batches(digits.test, batch_size=32, mean=digits.mean, std=digits.std):
...     ...  # x: float32 [32, 1, 8, 8], y: int64 [32]
"""

from spikeformers.data.augment import Augment, Compose, RandomCrop, RandomHorizontalFlip
from spikeformers.data.batches import Batches, batches, normalise
from spikeformers.data.dataset import Dataset, Images
from spikeformers.data.idx import read_idx
from spikeformers.data.image_files import load_images
from spikeformers.data.registry import Loader, dataset_names, load_dataset, register_dataset

__all__ = [
    "Augment",
    "Batches",
    "Compose",
    "Dataset",
    "Images",
    "Loader",
    "RandomCrop",
    "RandomHorizontalFlip",
    "batches",
    "dataset_names",
    "load_dataset",
    "load_images",
    "normalise",
    "read_idx",
    "register_dataset",
]
