"""What `train --init` changes in a recipe."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from spikeformers.cli.output import error_console


def words_of(recipe: str, init: Path | None, data_dir: Path | None, settings: Sequence[str] = ()) -> list[str]:
    """Return the changes, as `--set` takes them, that let a recipe start from a checkpoint.

    Where the user names a folder of pictures, they are what the model is to learn, whatever the recipe was made for;
    a line on stderr says so.

    Args:
        settings: the user's own changes.
    """
    if init is None:
        return []
    words = [f"init={json.dumps(str(init))}"]
    if data_dir is not None:
        from spikeformers.data import is_image_folder, lies_in_folders
        from spikeformers.train.overrides import load_changed

        made_for = load_changed(recipe, (*settings, *words)).dataset
        if not lies_in_folders(made_for) and is_image_folder(data_dir):
            words.append('dataset="image_folder"')
            _tell(data_dir, made_for)
    return words


def _tell(data_dir: Path, made_for: str) -> None:
    note = f"{data_dir} holds folders of pictures: they are what is learned, not the recipe's data set {made_for}"
    error_console().print(note, markup=False, soft_wrap=True)
