"""Writing the page and its figures."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from spikeformers.files import atomic_write
from spikeformers.report.page.document import document
from spikeformers.report.page.parts import Plate
from spikeformers.report.page.study import Facts, Study
from spikeformers.report.style import save


def page_file(out: Path) -> Path:
    """The HTML file that a place stands for: itself, or index.html in a directory."""
    return out if out.suffix.lower() in (".html", ".htm") else out / "index.html"


def write_page(studies: Sequence[Study], facts: Facts, page: Path) -> list[Path]:
    """Write the figures and then the page, each as a whole, so that a page never stands beside half of its figures.

    Args:
        studies: see `document`.
        facts: how it came to be.
        page: the HTML file; figures go to a directory beside it, as PNG and SVG, what moves as GIF, too.

    Returns:
        The files of the figures.

    Raises:
        OSError: something cannot be written; former files stay.
    """
    text, plates = document(studies, facts)
    folder = page.parent / ("figures" if page.stem == "index" else f"{page.stem}-figures")
    written = [path for plate in plates for path in _write(plate, folder)]
    with atomic_write(page) as file:
        file.write(text.encode())
    return written


def _write(plate: Plate, folder: Path) -> Iterator[Path]:
    for kind in ("png", "svg"):
        path = folder / f"{plate.key}.{kind}"
        save(plate.figure, path)
        yield path
    if plate.film is not None:
        path = folder / f"{plate.key}.gif"
        with atomic_write(path) as file:
            file.write(plate.film)
        yield path


def page_rows(studies: Sequence[Study]) -> Iterator[dict[str, Any]]:
    """The main figures, a row for each model."""
    for study in studies:
        energies = {
            f"{energy.convention} ({form.label}), mJ": energy.millijoules
            for form in study.profile.forms
            for energy in form.energies
        }
        yield {
            "model": study.label,
            "name": study.name,
            "dataset": study.dataset,
            "accuracy": study.evaluation.accuracy,
            "test_images": study.evaluation.samples,
            "parameters": study.profile.given.size.parameters,
            "time_steps": study.time_steps,
            "images_looked_at": study.statistics.samples,
            "firing_rate": study.statistics.rate,
            "dead": study.statistics.dead,
            "saturated": study.statistics.saturated,
            "additions_only": study.audit.share("additions only"),
            **energies,
        }
