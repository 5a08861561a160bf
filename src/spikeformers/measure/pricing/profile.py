"""A model's operations and energy, as it was trained and as it would run: fused."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from torch import Tensor, nn

from spikeformers.errors import InputError
from spikeformers.measure.batches import Progress
from spikeformers.measure.counting.count import count
from spikeformers.measure.counting.counts import Counts
from spikeformers.measure.counting.size import Size, size
from spikeformers.measure.pricing.energy import Energy, energy
from spikeformers.models import SpikingModel, fuse

CONVENTIONS = ("neurobench", "paper", "exact", "memory")


@dataclass(frozen=True, kw_only=True)
class Form:
    """A model in one form.

    Args:
        label: "as trained" (of a plain or fused module "as given"), "norms fused" or "norms and RepConvs fused".
        size: of it.
        counts: all that was counted.
        energies: one for each convention, in the order asked for.
    """

    label: str
    size: Size
    counts: Counts
    energies: tuple[Energy, ...]

    def energy(self, convention: str | os.PathLike[str]) -> Energy:
        """Its energy in one of the conventions asked for."""
        return next(each for each in self.energies if each.convention == os.fspath(convention))


@dataclass(frozen=True, kw_only=True)
class Profile:
    """A model in every form it can run in; see `profile`."""

    name: str
    samples: int
    forms: tuple[Form, ...]

    @property
    def given(self) -> Form:
        """As it was trained."""
        return self.forms[0]

    @property
    def deployed(self) -> Form:
        """Fused as far as it can be."""
        return self.forms[-1]

    def to_dict(self) -> dict[str, Any]:
        """Plain values, totals included; operations call by call are in `counts`."""
        return {**asdict(self), "forms": [_form(form) for form in self.forms]}


def profile(
    model: nn.Module,
    data: Tensor | Iterable[Any],
    *,
    conventions: Sequence[str | os.PathLike[str]] = CONVENTIONS,
    limit: int | None = None,
    progress: Progress | None = None,
) -> Profile:
    """Count and price a model as it was trained and, of models here, as it would run: with its norms folded.

    Args:
        model: in the mode it is meant to be measured in; it is left as it is. Fused forms are in eval mode.
        data: as `measure.count` takes it, but readable more than once: a tensor, a list, or what starts anew for each
            `for`; every form is fed the same.
        conventions: words or files of `measure.energy`.
        limit: samples at most.
        progress: is told the samples done, those of all forms together: `len(list(forms(model)))` times the samples.

    Raises:
        InputError: there are no samples, or they can be read once only.
        UnknownNameError, ConfigError: a convention that does not exist or cannot be read.
    """
    if isinstance(data, Iterator):
        raise InputError("the data can be read only once, but is needed for every form: give a list of the batches.")
    found: list[Form] = []
    for label, form in forms(model):
        before = sum(each.counts.samples for each in found)
        told = None if progress is None else _later(progress, before)
        counts = count(form, data, limit=limit, progress=told)
        energies = tuple(energy(counts, convention) for convention in conventions)
        found.append(Form(label=label, size=size(form), counts=counts, energies=energies))
    return Profile(name=found[0].counts.name, samples=found[0].counts.samples, forms=tuple(found))


def forms(model: nn.Module) -> Iterator[tuple[str, nn.Module]]:
    """The model itself, and where they differ from it: its norms folded; its RepConvs as one convolution, too."""
    model = getattr(model, "_orig_mod", model)  # what torch.compile wraps
    if not isinstance(model, SpikingModel) or model.fused:
        yield "as given", model
    else:
        yield "as trained", model
    if not isinstance(model, SpikingModel) or model.training:
        return
    fused, fusion = fuse(model)
    if fusion.norms:
        yield "norms fused", fused
    merged, fusion = fuse(fused, rep_conv=True)
    if fusion.rep_convs:
        yield "norms and RepConvs fused", merged


def _later(progress: Progress, before: int) -> Progress:
    return lambda done: progress(before + done)


def _form(form: Form) -> dict[str, Any]:
    energies = {each.convention: each.to_dict() for each in form.energies}
    return {"label": form.label, "size": form.size.to_dict(), "counts": form.counts.to_dict(), "energies": energies}
