"""Data sets of picture files: a user's own class folders, ImageNet, and CIFAR-10 as JPEG."""

from __future__ import annotations

from pathlib import Path

from spikeformers.data.pictures.class_folders import open_class_folders
from spikeformers.data.pictures.picture_set import PictureSet
from spikeformers.data.sets.cifar import CIFAR10_CLASSES, CITATION, MEAN, STD
from spikeformers.errors import DataError

CIFAR10_JPEG_ZIP = "cifar10_jpeg.zip"


def load_image_folder(data_dir: Path | None = None) -> PictureSet:
    """Open a user's own pictures: class folders in `data_dir`, which may be a zip archive; see `layout.arrange`.

    Raises:
        DataError: nothing was given, or it is not arranged as class folders.
    """
    if data_dir is None:
        raise DataError(
            "No directory was given for the data set 'image_folder'. Name a folder, or a zip archive, with a folder "
            "of pictures for each class."
        )
    return _open(
        data_dir,
        name="image_folder",
        title=f"image folder {data_dir.resolve().name}",
        licence="the pictures' own",
        citation="",
    )


def load_imagenet(data_dir: Path | None = None) -> PictureSet:
    """Open ImageNet as its users keep it: `train/<synset>/*.JPEG` and `val/<synset>/*.JPEG`; `val` is the test part.

    Raises:
        DataError: nothing was given, or it is not arranged as class folders.
    """
    if data_dir is None:
        raise DataError(
            "No directory was given for ImageNet. Name the folder that holds train/<synset>/ and val/<synset>/; the "
            "pictures are to be had from https://image-net.org/download."
        )
    return _open(
        data_dir,
        name="imagenet",
        title="ImageNet",
        mean=(0.485, 0.456, 0.406),
        std=(0.229, 0.224, 0.225),
        licence="ImageNet's terms of access: non-commercial research and education",
        citation="O. Russakovsky et al. ImageNet Large Scale Visual Recognition Challenge. International Journal of "
        "Computer Vision 115, 2015.",
    )


def load_cifar10_jpeg(data_dir: Path | None = None) -> PictureSet:
    """Open CIFAR-10's pictures as JPEG files: `cifar10_jpeg.zip` in `data_dir`, or `data_dir` itself, zip or folder.

    They were compressed with loss: figures on them are not figures on CIFAR-10, and are titled "CIFAR-10 (JPEG)".

    Raises:
        DataError: nothing was given, or it is not CIFAR-10 arranged as class folders.
    """
    if data_dir is None:
        raise DataError(
            f"No directory was given for CIFAR-10 (JPEG). Name the one that holds {CIFAR10_JPEG_ZIP}, an archive of "
            "train/<class>/*.jpg and test/<class>/*.jpg."
        )
    archive = data_dir / CIFAR10_JPEG_ZIP
    pictures = _open(
        archive if archive.is_file() else data_dir,
        name="cifar10_jpeg",
        title="CIFAR-10 (JPEG)",
        mean=MEAN,
        std=STD,
        licence="not stated; CIFAR-10 asks to be cited",
        citation=CITATION,
    )
    if pictures.classes != CIFAR10_CLASSES:
        raise DataError(
            f"{data_dir}: its classes are {', '.join(pictures.classes[:10])}, not those of CIFAR-10. For pictures of "
            "your own ask for 'image_folder'."
        )
    return pictures


def _open(
    path: Path,
    *,
    name: str,
    title: str,
    licence: str,
    citation: str,
    mean: tuple[float, ...] | None = None,
    std: tuple[float, ...] | None = None,
) -> PictureSet:
    layout, gallery = open_class_folders(path, name)
    return PictureSet(
        name=name,
        title=title,
        train=gallery(layout.train),
        test=gallery(layout.test),
        validation=None if layout.validation is None else gallery(layout.validation),
        classes=layout.classes,
        mean=mean,
        std=std,
        licence=licence,
        citation=citation,
    )
