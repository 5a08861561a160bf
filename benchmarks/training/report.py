"""Tables out of cells: medians, ratios to the base and between all rows, exponents."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from benchmarks.training.rows import BASE, Work
from benchmarks.training.scaling import exponent

Table = dict[str, Any]


def title(work: Work) -> str:
    """What a table is about."""
    words = "".join(f", {key} {value}" for key, value in work.words.items())
    return f"{work.model}, batch {work.batch}{words}"


def speed_table(cells: list[Mapping[str, Any]]) -> Table:
    """Rows of all cells; each ratio is to the base of the row's own process."""
    table: Table = {}
    for cell in cells:
        rows = cell.get("result", {})
        for name, row in rows.items():
            if name in table:
                continue  # the base beside a row that has a process of its own
            faster = {
                f"{clock}_times_faster": rows[BASE][clock]["median"] / row[clock]["median"]
                for clock in ("wall", "cpu")
                if BASE in rows
            }
            table[name] = {**row, **faster}
    return table


def memory_table(cells: Mapping[str, Mapping[str, Any]]) -> Table:
    """MiB of every row, and how many times less than the base."""
    found = {name: cell["result"] for name, cell in cells.items() if "result" in cell}
    base = found.get(BASE, {}).get("above_resting")
    return {
        name: {**row, **({"times_less": base / row["above_resting"]} if base else {})} for name, row in found.items()
    }


def against(speed: Table, memory: Table) -> Table:
    """Each of our rows beside each other one: how many times faster (wall) and smaller."""
    table: Table = {}
    for name in (name for name in speed if name.startswith("ours")):
        for other in (other for other in speed if not other.startswith("ours")):
            entry = {}
            if {"wall_times_faster"} <= speed[name].keys() & speed[other].keys():
                entry["times_faster"] = speed[name]["wall_times_faster"] / speed[other]["wall_times_faster"]
            if name in memory and other in memory:
                entry["times_less_memory"] = memory[other]["above_resting"] / memory[name]["above_resting"]
            table.setdefault(name, {})[other] = entry
    return table


def scaling_table(points: Sequence[tuple[str, int, Mapping[str, Any], Mapping[str, float]]]) -> Table:
    """By variable and row: points and exponents.

    Args:
        points: variable, its value, result of the speed cell, and MiB by row (empty where they were not measured).
    """
    table: Table = {}
    for variable, value, rows, memory in points:
        for name, row in rows.items():
            costs = {clock: row[clock]["median"] for clock in ("wall", "cpu")}
            if name in memory:
                costs["memory"] = memory[name]
            entry = table.setdefault(variable, {}).setdefault(name, {"values": [], "costs": {}})
            entry["values"].append(value)
            for what, cost in costs.items():
                entry["costs"].setdefault(what, []).append(cost)
    for entry in (entry for rows in table.values() for entry in rows.values()):
        entry["exponents"] = {
            what: exponent(entry["values"], costs)
            for what, costs in entry["costs"].items()
            if len(costs) == len(entry["values"]) > 1
        }
    return table
