"""List, show and compare the recipes that `train` goes by.

Examples:
  spikeformers recipes list
  spikeformers recipes list "*cifar10*"
"""

from __future__ import annotations

from collections.abc import Callable
from fnmatch import fnmatchcase

from spikeformers.cli.output import console, print_json
from spikeformers.errors import UnknownNameError, suggest
from spikeformers.report import recipes as report
from spikeformers.train.recipe import load_recipe, recipe_names


def list_recipes(pattern: str = "*", /, *, json: bool = False) -> None:
    """List the packaged recipes.

    Args:
        pattern: Which names; `*` stands for any letters.
        json: Print one JSON document.
    """
    found = [load_recipe(name) for name in recipe_names() if fnmatchcase(name, pattern)]
    if not found:
        near = suggest(pattern.strip("*"), recipe_names())
        raise UnknownNameError(f"No recipe matches {pattern!r}.{near} `spikeformers recipes list` shows every name.")
    if json:
        print_json(found)
    else:
        console().print(report.recipe_list(found))


COMMANDS: dict[str, Callable[..., None]] = {"list": list_recipes}
