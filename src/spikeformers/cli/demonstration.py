"""The demo: two small models from training to a page that shows them."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from PIL import Image
from torch import Tensor

from spikeformers.cli.measuring import open_subjects
from spikeformers.cli.output import plain
from spikeformers.cli.progress import watching
from spikeformers.cli.study import facts, study
from spikeformers.data import Dataset, Pictures, load_dataset, normalise, read_all
from spikeformers.errors import InputError
from spikeformers.files import atomic_write
from spikeformers.measure import firing
from spikeformers.report import pictures, style
from spikeformers.report.page.study import Facts, Study
from spikeformers.report.page.write import write_page
from spikeformers.report.results import Portrait, Tile
from spikeformers.train import evaluate, fit, load_recipe, load_run, probabilities
from spikeformers.train.directory import make_directory

RECIPES = {"Spikformer": "digits_spikformer", "Spikingformer": "digits_spikingformer"}
COLUMNS = 8  # tiles in a line of the picture
LOOKED_AT = 100  # images that operations are counted on
BATCH = 50


@dataclass(frozen=True, kw_only=True)
class Demonstration:
    """What the demo made and where it lies."""

    out: Path
    models: tuple[Portrait, ...]
    studies: tuple[Study, ...]
    held_out: int  # images that no model was trained on

    @property
    def files(self) -> Mapping[Path, str]:
        """The files and directories in `out`, and what each is."""
        runs = {_run_directory(self.out, label): f"the {label}: checkpoints, recipe, log" for label in RECIPES}
        return {
            _page(self.out): "accuracy, energy, spikes, attention: open it in a browser",
            _picture(self.out): "learning curves, firing rates and predictions",
            **runs,
            _example(self.out): "one of the images no model was trained on",
            _marker(self.out): "all figures",
        }

    def to_dict(self) -> dict[str, Any]:
        """Return plain numbers, texts and lists, ready for JSON."""
        files = {path.name: str(path) for path in self.files}
        energy = {each.label: [plain(form) for form in _prices(each)] for each in self.studies}
        models = plain(self.models)
        return {"out": str(self.out), "held_out": self.held_out, "models": models, "energy": energy, "files": files}


def demonstrate(out: Path, epochs: int | None = None) -> Demonstration:
    """Train both models, look at them on the held-out digits, and write everything into `out`.

    Raises:
        InputError: `out` holds runs that no former demo made; they are left alone.
        TrainingError: `out` is a file, or cannot be written.
    """
    _claim(out)
    digits = load_dataset("digits")
    with _one_thread():
        models = tuple(_portrait(label, recipe, out, epochs, digits) for label, recipe in RECIPES.items())
        studies = tuple(_studies(out))
    page = pictures.portraits(
        models,
        caption=f"first {COLUMNS} and {COLUMNS} least certain of {len(digits.test)} images",
        columns=COLUMNS,
    )
    style.save(page, _picture(out))
    with atomic_write(_example(out)) as file:
        Image.fromarray(read_all(digits.test).images[0, 0].numpy()).save(file, format="PNG")
    write_page(studies, _how_to_repeat(out), _page(out))
    demo = Demonstration(out=out, models=models, studies=studies, held_out=len(digits.test))
    _write_json(_marker(out), demo.to_dict())
    return demo


def _studies(out: Path) -> Iterator[Study]:
    runs = [str(_run_directory(out, label)) for label in RECIPES]
    for label, subject in zip(RECIPES, open_subjects(runs, limit=LOOKED_AT), strict=True):
        yield study(replace(subject, label=label), batch_size=BATCH)


def _how_to_repeat(out: Path) -> Facts:
    runs = [str(_run_directory(out, label)) for label in RECIPES]
    return facts([*runs, "--out", str(_page(out))])


def _prices(study: Study) -> Iterator[dict[str, Any]]:
    """Millijoules per image of every form in every convention."""
    for form in study.profile.forms:
        yield {"form": form.label, **{energy.convention: energy.millijoules for energy in form.energies}}


@contextmanager
def _one_thread() -> Iterator[None]:
    """Compute with one thread: tensors this small gain nothing from more, and figures must not depend on the cores."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


def _portrait(label: str, recipe: str, out: Path, epochs: int | None, digits: Dataset) -> Portrait:
    where = _run_directory(out, label)
    with watching(label) as watch:
        run = fit(load_recipe(recipe), out=where, epochs=epochs, overwrite=True, watch=watch)
    trained = load_run(where)
    mean, std = trained.provenance.mean, trained.provenance.std
    held_out = read_all(digits.test)
    shares = probabilities(trained.model, held_out.images, mean=mean, std=std)
    return Portrait(
        label=label,
        run=run,
        evaluation=evaluate(trained.model, digits.test, batch_size=100, mean=mean, std=std),
        firing=firing(trained.model, normalise(held_out.images, mean, std)),
        tiles=_tiles(held_out, digits.classes, shares),
    )


def _tiles(held_out: Pictures, classes: tuple[str, ...], shares: Tensor) -> list[Tile]:
    """Choose the first images and the least certain ones; `shares` are probabilities [N, K]."""
    certainty, answers = shares.max(1)
    chosen = [*range(COLUMNS), *certainty.argsort(stable=True)[:COLUMNS].tolist()]
    return [
        Tile(
            image=held_out.images[index].numpy(),
            label=classes[int(held_out.labels[index])],
            predicted=classes[int(answers[index])],
            probability=float(certainty[index]),
        )
        for index in chosen
    ]


def _claim(out: Path) -> None:
    """Mark `out` as the demo's, so that the next demo may replace what this one writes."""
    make_directory(out)
    if not _marker(out).exists():
        for folder in (_run_directory(out, label) for label in RECIPES):
            if folder.exists():
                raise InputError(
                    f"{folder} exists, but no demo made it. Name another directory for the demo with --out."
                )
        _write_json(_marker(out), {"complete": False})


def _write_json(path: Path, content: Mapping[str, Any]) -> None:
    with atomic_write(path) as file:
        file.write(json.dumps(content, indent=2, allow_nan=False).encode() + b"\n")


def _run_directory(out: Path, label: str) -> Path:
    return out / label.lower()


def _page(out: Path) -> Path:
    return out / "report.html"


def _picture(out: Path) -> Path:
    return out / "demo.png"


def _marker(out: Path) -> Path:
    return out / "demo.json"


def _example(out: Path) -> Path:
    return out / "digit.png"
