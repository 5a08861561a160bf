"""The tables as one picture."""

from __future__ import annotations

import io
from pathlib import Path
from textwrap import wrap
from typing import Any

from spikeformers.files import atomic_write


def draw(results: dict[str, Any], path: Path) -> None:
    """Bars of time and memory for each work, and lines of how they grow; what was not measured is left out."""
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot as plt

    works, scaling = list(results["works"].items()), list(results.get("scaling", {}).items())
    across = max(2 * len(works), len(scaling), 1)
    figure, axes = plt.subplots(3, across, figsize=(4.2 * across, 13), squeeze=False, layout="constrained")
    for axis in axes.flat:
        axis.set_visible(False)
    for i, (name, work) in enumerate(works):
        times = {
            row: each["wall_times_faster"] for row, each in work.get("speed", {}).items() if "wall_times_faster" in each
        }
        sizes = {row: each["times_less"] for row, each in work.get("memory", {}).items() if "times_less" in each}
        _bars(axes[0, 2 * i], times, f"{name}: times faster (wall)")
        _bars(axes[0, 2 * i + 1], sizes, f"{name}: times less memory")
    for i, (variable, rows) in enumerate(scaling):
        _lines(axes[1, i], rows, variable, "wall", "wall, ms")
        _lines(axes[2, i], rows, variable, "memory", "memory above resting, MiB")
    figure.suptitle(f"Training against SpikingJelly, {results['date']}, {results['machine']}")
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=80)
    plt.close(figure)
    with atomic_write(path) as file:
        file.write(buffer.getvalue())


def _bars(axis: Any, rows: dict[str, float], title: str) -> None:
    if not rows:
        return
    axis.set_visible(True)
    colours = ["tab:green" if name.startswith("ours") else "tab:grey" for name in rows]
    drawn = axis.barh(list(rows), list(rows.values()), color=colours)
    axis.bar_label(drawn, fmt="%.2f", padding=2, fontsize=8)
    axis.set_xlim(0, 1.18 * max(rows.values()))  # room for the figures
    axis.axvline(1.0, color="black", linewidth=0.8)
    axis.invert_yaxis()
    axis.set_title("\n".join(wrap(title, 34)), fontsize=8)
    axis.tick_params(labelsize=7)


def _lines(axis: Any, rows: dict[str, Any], variable: str, what: str, label: str) -> None:
    for name, entry in rows.items():
        if what in entry["exponents"]:
            axis.set_visible(True)
            power = entry["exponents"][what]["exponent"]
            axis.loglog(entry["values"], entry["costs"][what], "o-", label=f"{name}: {power:.2f}")
    if axis.get_visible():
        measured = sorted({value for entry in rows.values() for value in entry["values"]})
        axis.set_xticks(measured, [str(value) for value in measured])
        axis.tick_params(axis="x", which="minor", bottom=False, labelbottom=False)
        axis.set_xlabel(variable)
        axis.set_ylabel(label)
        axis.legend(fontsize=7, title="exponent", title_fontsize=7)
