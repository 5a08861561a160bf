"""Everything the report page says about a model, gathered from the rooms that compute it."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from spikeformers import catalog
from spikeformers.cli.measuring import Subject, counting
from spikeformers.cli.recordings import first_recorded
from spikeformers.errors import ConfigError, InputError, UnknownNameError
from spikeformers.measure import (
    AcceleratorReport,
    Counts,
    Robustness,
    accelerator,
    attention_maps,
    audit,
    firing_maps,
    forms,
    list_accelerators,
    profile,
    rasters,
    read_accelerator,
    robustness,
    statistics,
)
from spikeformers.models import SpikingModel, read_header
from spikeformers.report.figures.event_frames import event_pictures
from spikeformers.report.page.study import Chip, Facts, Number, Piece, Study, Training
from spikeformers.report.results import Tile
from spikeformers.train import evaluate, probabilities
from spikeformers.train.feed import enough_workers
from spikeformers.train.run import read_provenance
from spikeformers.version import __version__

EXAMPLES = 4  # samples whose spikes and attention are shown


def study(subject: Subject, *, batch_size: int, disturbed: bool = False) -> Study:
    """Measure a model in every way the page shows; its robustness only if asked, as that takes longest.

    Raises:
        InputError: it is not one of the models here, of which alone spikes and attention are known.
    """
    model, data = subject.model, subject.data
    if not isinstance(model, SpikingModel):
        raise InputError(
            f"{subject.label} is a plain torch module; the page shows models of this package. Count its operations "
            f"with `spikeformers profile {subject.label}`."
        )
    evaluation = evaluate(
        model, data.test, batch_size=batch_size, mean=subject.mean, std=subject.std, workers=enough_workers(data.test)
    )
    with counting(f"{subject.label}: operations", subject.samples * sum(1 for _ in forms(model))) as progress:
        profiled = profile(model, subject.batches(batch_size), progress=progress)
    deployed = list(forms(model))[-1][1]
    with counting(f"{subject.label}: audit", subject.samples) as progress:
        audited = audit(deployed, subject.batches(batch_size), progress=progress)
    with counting(f"{subject.label}: spikes", subject.samples) as progress:
        fired = statistics(model, subject.batches(batch_size), progress=progress)
    shown, (x, _) = (next(iter(read(EXAMPLES))) for read in (subject.raw, subject.batches))
    device = next(model.parameters()).device
    return Study(
        label=subject.label,
        name=subject.name,
        record=_record(subject.name),
        checkpoint="" if subject.trained is None else subject.trained.checkpoint.name,
        training=None if subject.trained is None else _training(subject.trained.checkpoint),
        # An ANN twin looks once, whatever its configuration says.
        time_steps=max((each.time_steps for each in fired.layers), default=model.config.time_steps),
        dataset=data.name,
        classes=data.classes,
        on=subject.on,
        noun=subject.noun,
        evaluation=evaluation,
        pieces=tuple(_pieces(model)),
        profile=profiled,
        audit=audited,
        statistics=fired,
        chips=tuple(_chip(profiled.deployed.counts, word) for word in list_accelerators()),
        tiles=tuple(_tiles(subject, shown)),
        rasters=rasters(model, x[:1].to(device)),
        maps=firing_maps(model, x[:1].to(device)) if x.dim() == 5 else (),
        attention=attention_maps(model, x.to(device)),
        robustness=_robustness(subject, batch_size) if disturbed else None,
    )


def facts(words: Sequence[str]) -> Facts:
    """How a page came to be, given the words behind `spikeformers report` that repeat it."""
    return Facts(
        command=shlex.join(["spikeformers", "report", *words]),
        versions={"spikeformers": __version__, "torch": torch.__version__},
    )


def _robustness(subject: Subject, batch_size: int) -> Robustness:
    with counting(f"{subject.label}: robustness", subject.samples) as progress:
        return robustness(subject.model, subject.raw(batch_size), mean=subject.mean, std=subject.std, progress=progress)


def _tiles(subject: Subject, shown: tuple[Tensor, Tensor]) -> Iterator[Tile]:
    """Samples as the model gets them, before they are normalised, with what it says about them."""
    samples, labels = shown
    shares = probabilities(subject.model, samples, mean=subject.mean, std=subject.std)
    certainty, answers = shares.max(1)
    classes = subject.data.classes
    for index, sample in enumerate(samples.numpy()):
        yield Tile(
            **(_looks(sample) if sample.ndim == 4 else {"image": sample}),
            recorded=first_recorded(subject.source) if index == 0 else None,
            label=classes[int(labels[index])],
            predicted=classes[int(answers[index])],
            probability=float(certainty[index]),
        )


def _looks(frames: NDArray[np.float32]) -> dict[str, Any]:
    return {"image": event_pictures(frames.sum(0, keepdims=True))[0], "frames": frames}


def _record(name: str) -> catalog.Record | None:
    try:
        return catalog.get(name)
    except UnknownNameError:
        return None


def _training(checkpoint: Path) -> Training | None:
    if not read_header(checkpoint).provenance:
        return None
    about = read_provenance(checkpoint)
    schedule = about.recipe.get("schedule", {})
    return Training(
        recipe=about.recipe.get("name", ""),
        epoch=about.epoch,
        epochs=schedule.get("epochs", about.epoch) + schedule.get("cooldown_epochs", 0),
        seed=about.seed,
        eval_part=about.eval_part,
        versions=about.versions,
    )


def _pieces(model: nn.Module) -> Iterator[Piece]:
    """Parameters of every part, each counted once; of a list of parts, of every one in it."""
    counted: set[nn.Parameter] = set()
    for name, part in model.named_children():
        inner = part.named_children() if isinstance(part, nn.ModuleList | nn.ModuleDict | nn.Sequential) else ()
        for below, each in [(f"{name}.{word}", child) for word, child in inner] or [(name, part)]:
            own = set(each.parameters()) - counted
            counted |= own
            if own:
                yield Piece(name=below, parameters=sum(parameter.numel() for parameter in own))
    rest = set(model.parameters()) - counted
    if rest:
        yield Piece(name="(the model itself)", parameters=sum(parameter.numel() for parameter in rest))


def _chip(counts: Counts, word: str) -> Chip:
    pes = read_accelerator(word).count("pes")
    asked: dict[str, tuple[Number, ...]] = {
        "pes": tuple(pes * times // 4 for times in (1, 2, 4, 8, 16)),
        "parallel_steps": (1, 2, 4, 8),
        "skip_lanes": (1, 2, 4, 8, 16),
        "weight_bits": (1, 2, 4, 8, 16),
    }
    questions = {parameter: tuple(_answers(counts, word, parameter, values)) for parameter, values in asked.items()}
    return Chip(report=accelerator(counts, word), questions=questions)


def _answers(
    counts: Counts, word: str, parameter: str, values: tuple[Number, ...]
) -> Iterator[tuple[Number, AcceleratorReport]]:
    """The report with each value; values that the accelerator cannot have are left out."""
    also = {"zero_skip": True} if parameter == "skip_lanes" else {}
    for value in values:
        try:
            yield value, accelerator(counts, word, **{parameter: value}, **also)
        except ConfigError:
            continue
