"""Recipes as tables for the terminal."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from rich.console import RenderableType
from rich.text import Text

from spikeformers.report.layout import new_table

if TYPE_CHECKING:
    from spikeformers.train import Recipe


def recipe_list(recipes: Sequence[Recipe]) -> RenderableType:
    """One line per recipe."""
    table = new_table("recipe", "data set", "model", ">epochs", ">paper's accuracy")
    for recipe in recipes:
        table.add_row(
            Text(recipe.name, "cyan"),
            recipe.dataset,
            recipe.model.name or "from --init",
            str(recipe.schedule.total_epochs),
            f"{recipe.paper.accuracy} %" if recipe.paper else "",
        )
    return table
