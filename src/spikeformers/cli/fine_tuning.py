"""What `train --init` changes in a recipe."""

from __future__ import annotations

import json
from pathlib import Path

_FOLDERS = ("image_folder", "imagenet", "cifar10_jpeg")  # data sets that lie in folders of pictures themselves


def words_of(recipe: str, init: Path | None, data_dir: Path | None) -> list[str]:
    """Return the changes, as `--set` takes them, that let a recipe start from a checkpoint.

    Where the user names a folder of pictures, they are what the model is to learn, whatever the recipe was made for.
    """
    if init is None:
        return []
    words = [f"init={json.dumps(str(init))}"]
    if data_dir is not None:
        from spikeformers.data import is_image_folder
        from spikeformers.train.recipe import load_recipe

        made_for = load_recipe(recipe, init=str(init)).dataset
        if made_for not in _FOLDERS and is_image_folder(data_dir):
            words.append('dataset="image_folder"')
    return words
