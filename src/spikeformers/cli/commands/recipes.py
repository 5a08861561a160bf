"""List, show and compare the recipes that `train` goes by.

Examples:
  spikeformers recipes list "*cifar10"
  spikeformers recipes show spikformer_cifar10
  spikeformers recipes show digits_spikformer > my_recipe.toml
  spikeformers recipes diff spikformer_cifar10 spikingformer_cifar10
  spikeformers recipes diff digits_spikformer runs/digits_spikformer --json
"""

from __future__ import annotations

from collections.abc import Callable
from fnmatch import fnmatchcase
from pathlib import Path

from spikeformers.cli.output import console, print_json
from spikeformers.errors import UnknownNameError, suggest
from spikeformers.report import recipes as report
from spikeformers.train.official import holds_events
from spikeformers.train.recipe import PROSE, differences, load_recipe, recipe_names, recipe_text


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
        return
    page = console()
    page.print(report.recipe_list(found))
    if any(holds_events(recipe.dataset) for recipe in found):
        page.print("\n* recordings of an event camera: spikeformers data list says where to get them", style="dim")
    if any(recipe.paper for recipe in found):
        page.print("\npaper: accuracy in per cent as the recipe's source reports it, not measured here", style="dim")


def show(recipe: str, /, *, json: bool = False) -> None:
    """Show a recipe with its comments, and what follows from its words.

    Args:
        recipe: Name of a packaged recipe, path of a TOML file, or directory of a run.
        json: Print one JSON document.
    """
    place = _place(recipe)
    loaded = load_recipe(place)
    facts = {"peak_lr": loaded.peak_lr, "total_epochs": loaded.schedule.total_epochs}
    if json:
        print_json({"recipe": loaded, **facts})
        return
    text, language = _text(place), Path(place).suffix.removeprefix(".") or "toml"
    page = console()
    if page.is_terminal:
        page.print(report.recipe_page(loaded, text, language))
    else:
        print(text.rstrip())
        if language == "toml":  # so that the output is the file of a recipe again
            print("\n" + "\n".join(f"# {name}: {fact}" for name, fact in report.recipe_facts(loaded)))


def diff(first: str, second: str, /, *, json: bool = False) -> None:
    """Show in which words two recipes differ.

    Args:
        first: Name of a packaged recipe, path of a TOML or JSON file, or directory of a run.
        second: The same for the other one.
        json: Print one JSON document.
    """
    tables = [load_recipe(_place(name)).to_dict() for name in (first, second)]
    rows = [row for row in differences(*tables) if row[0].partition(".")[0] not in PROSE]
    if json:
        differing = [{"key": key, "first": one, "second": other} for key, one, other in rows]
        print_json({"first": first, "second": second, "differences": differing})
    else:
        console().print(report.recipe_differences(rows, (first, second)))


COMMANDS: dict[str, Callable[..., None]] = {"list": list_recipes, "show": show, "diff": diff}


def _place(name: str) -> str:
    """The file that a run directory keeps its recipe in; other names and paths are what they are."""
    packaged = name in recipe_names()
    return str(Path(name) / "recipe.json") if not packaged and Path(name).is_dir() else name


def _text(place: str) -> str:
    is_file = Path(place).suffix in (".toml", ".json")
    return Path(place).read_text(encoding="utf-8") if is_file else recipe_text(place)
