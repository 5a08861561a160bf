"""Recipes as tables for the terminal."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from rich.console import Group, RenderableType
from rich.syntax import Syntax
from rich.text import Text

from spikeformers import catalog
from spikeformers.report.layout import heading, new_table, pairs
from spikeformers.report.text import count
from spikeformers.train.official import holds_events

if TYPE_CHECKING:
    from spikeformers.train import Recipe
    from spikeformers.train.words import PaperWords


def recipe_list(recipes: Sequence[Recipe]) -> RenderableType:
    """One line per packaged recipe; events have a star, and a model with changed words no size, as it is not built."""
    table = new_table("recipe", "data set", ">parameters", ">epochs", ">paper")
    for recipe in recipes:
        table.add_row(
            Text(recipe.name, "cyan"),
            f"{recipe.dataset}*" if holds_events(recipe.dataset) else recipe.dataset,
            count(catalog.get(recipe.model.name).parameters) if recipe.model.name and not recipe.model.config else "",
            str(recipe.schedule.total_epochs),
            f"{recipe.paper.accuracy:.2f}" if recipe.paper else "",
        )
    return table


def recipe_facts(recipe: Recipe) -> list[tuple[str, str]]:
    """What follows from a recipe's words, each with its name."""
    words = recipe.schedule
    parts = f" ({words.epochs} and {words.cooldown_epochs} of cooldown)" if words.cooldown_epochs else ""
    facts = [
        ("peak learning rate", f"{recipe.peak_lr:g}"),
        ("epochs in all", f"{words.total_epochs}{parts}"),
    ]
    if recipe.paper:
        facts.append(("accuracy", recipe_accuracy(recipe.paper)))
    return facts


def recipe_accuracy(paper: PaperWords) -> str:
    """The paper's figure, as the paper's."""
    return f"{paper.accuracy} % ({paper.source}; reported by the paper, not measured here)"


def recipe_page(recipe: Recipe, text: str, language: str) -> RenderableType:
    """The file of a recipe in colours, and what follows from its words."""
    file = Syntax(text.rstrip(), language, theme="ansi_dark", background_color="default", word_wrap=True)
    return Group(file, heading("What follows"), pairs(recipe_facts(recipe)))


def recipe_differences(rows: Sequence[tuple[str, Any, Any]], names: tuple[str, str]) -> RenderableType:
    """The keys in which two recipes differ; a key that a recipe leaves out has a dash."""
    if not rows:
        return Text("The recipes do not differ.")
    table = new_table("key", *names)
    for key, *values in rows:
        table.add_row(Text(key, "cyan"), *(Text(_word(value)) for value in values))
    return table


def _word(value: object) -> str:
    if value is None:
        return "–"
    if isinstance(value, bool):
        return str(value).lower()
    return ", ".join(map(_word, value)) if isinstance(value, list) else str(value)
