"""The optical digits that ship with the package: 1797 grey images of 8 x 8 pixels, ten classes, no download.

Source: E. Alpaydin and C. Kaynak, "Optical Recognition of Handwritten Digits", UCI Machine Learning
Repository, 1998, https://doi.org/10.24432/C50P49, licensed CC BY 4.0
(https://creativecommons.org/licenses/by/4.0/). These are the 1797 images of that set's test part, as
scikit-learn ships them: in its order, with its grey values 0..16.

Split: 1437 images for training, 360 held out. Every class gives its share of these; which of its images was
drawn once with seed 0 and is stored in the file. Who wrote an image is not known, so both parts may hold images
of one writer. `scripts/make_digits.py` made the file and states the rule exactly.
"""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

import numpy as np
import torch

from spikeformers.data.dataset import Dataset
from spikeformers.data.sources import Images
from spikeformers.errors import DataError

FULL_INTENSITY = 16  # of the stored grey values; Images counts to 255


def load_digits(data_dir: Path | None = None) -> Dataset:
    """Load the embedded digits; grey value v of 0..16 becomes the integer nearest to v * 255 / 16.

    Raises:
        DataError: a directory was given, although these digits are read from the package alone.
    """
    if data_dir is not None:
        raise DataError(
            f"The data set 'digits' is part of the package and reads no directory, but {data_dir} was given. "
            "Leave the directory out, or name the data set that lies in it."
        )
    with files("spikeformers.data.sets").joinpath("digits.npz").open("rb") as file, np.load(file) as stored:
        grey, labels, test = stored["images"], stored["labels"], stored["test"]
    images = torch.from_numpy(np.rint(grey * (255 / FULL_INTENSITY)).astype(np.uint8)).unsqueeze(1)
    labels = torch.from_numpy(labels.astype(np.int64))
    held_out = torch.zeros(len(labels), dtype=torch.bool)
    held_out[test.astype(np.int64)] = True
    return Dataset(
        name="digits",
        train=Images(images[~held_out], labels[~held_out]),
        test=Images(images[held_out], labels[held_out]),
        classes=tuple("0123456789"),
        mean=(0.3059,),
        std=(0.3764,),
        licence="CC BY 4.0",
        citation="E. Alpaydin and C. Kaynak. Optical Recognition of Handwritten Digits. UCI Machine Learning "
        "Repository, 1998. https://doi.org/10.24432/C50P49",
    )
