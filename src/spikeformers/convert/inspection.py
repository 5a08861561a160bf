"""What a file of tensors is: by names and shapes alone."""

from __future__ import annotations

import os
import shlex
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from torch import Tensor

from spikeformers import catalog
from spikeformers.catalog import official
from spikeformers.convert.check import are_ours, shortened
from spikeformers.convert.match import CONTRADICTORY, FLAT, Match, matches, nearest
from spikeformers.convert.source import Found, NoStateDict, Source, find_tensors, is_safetensors
from spikeformers.convert.translate import split
from spikeformers.errors import CheckpointError
from spikeformers.models.checkpoint import Header, read_checkpoint, read_header

_BUFFERS = ("running_mean", "running_var", "num_batches_tracked")
# Words a user should say whenever tensors do not show them, beside those in which new models correct the released form.
_ASKED = ("heads", "time_steps")


@dataclass(frozen=True, kw_only=True)
class Candidate:
    """One released form that tensors can belong to.

    Attributes:
        system, variant: In the words of `convert.load_official`.
        config: Every configuration word, as `load_official` takes them.
        assumed: Those of them that tensors do not show for certain.
    """

    system: str
    variant: str
    config: dict[str, Any]
    assumed: dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class Inspection:
    """What a file of tensors is.

    Attributes:
        source: The file, or "" for a state dict.
        matches: Whether the tensors are the whole of a released form, or of a checkpoint of this library.
        own: What a checkpoint of this library says about itself (name, builds, provenance); None for all other files.
        system, variant: The likeliest form, in the words of `convert.load_official`; None where nothing matches.
        depth: Number of blocks, or the list of them by stage.
        width: Channels of the tokens, or the list of them by stage.
        num_classes, in_channels: As the tensors show them.
        head: How the model classifies: "linear", "spiking", "sequence pooling", each also with ", distillation".
        parameters: Number of trainable values.
        dtype: Floating point type of the tensors; several are joined by " and ".
        wrapping: What the state dict was wrapped in, outermost first.
        shown: Words that the tensors show.
        unknown: Words that no file tells for certain, with the values that will be assumed.
        candidates: Every form with these names and shapes, the likeliest first.
        command: What to run next; "" where nothing matches.
        problems: Why nothing matches.
    """

    source: str
    matches: bool
    own: dict[str, Any] | None = None
    system: str | None = None
    variant: str | None = None
    depth: int | list[int] | None = None
    width: int | list[int] | None = None
    num_classes: int | None = None
    in_channels: int | None = None
    head: str | None = None
    parameters: int = 0
    dtype: str = ""
    wrapping: tuple[str, ...] = ()
    shown: dict[str, Any] = field(default_factory=dict)
    unknown: dict[str, Any] = field(default_factory=dict)
    candidates: tuple[Candidate, ...] = ()
    command: str = ""
    problems: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Return plain dicts, lists and numbers, as for JSON."""
        return asdict(self)


def inspect(source: Source) -> Inspection:
    """Say what a checkpoint is: system, form, sizes, what cannot be known from it, and what to do with it.

    Names and shapes are all that is looked at, so that tensors may be on the meta device.

    Args:
        source: A state dict or a file, as `load_official` takes them, or a checkpoint of this library.

    Raises:
        CheckpointError: there is no such file, it is damaged, or it would have to execute code.
    """
    path = Path(source) if isinstance(source, (str, os.PathLike)) else None
    name = "" if path is None else str(path)
    if path is not None and path.is_file() and is_safetensors(path):
        header = _own_header(path)
        if header is not None:
            return _own(path, header)
    try:
        found = find_tensors(source)
    except NoStateDict as error:
        return Inspection(source=name, matches=False, problems=(str(error),))
    fitting = matches(found.tensors)
    return _released(name, found, fitting) if fitting else _foreign(name, found)


def _own_header(path: Path) -> Header | None:
    try:
        return read_header(path)
    except CheckpointError:
        return None  # damaged, or somebody else's: reading its tensors tells which


def _own(path: Path, header: Header) -> Inspection:
    """Describe a checkpoint of this library, whose tensors are checked against its config."""
    header, kind, tensors = read_checkpoint(path)
    follows = (header.system, header.variant)
    form = next((form for form in official.every_form() if (form.system, form.variant) == follows), None)
    words = kind.Config.from_words(header.config).to_dict()
    return Inspection(
        source=str(path),
        matches=True,
        own={"name": header.name, "builds": header.builds, "provenance": header.provenance},
        system=header.system,
        variant=header.variant,
        head=None if form is None else _head(form.head, words),
        parameters=_parameters(tensors),
        dtype=_dtype(tensors.values()),
        shown=words,
        command=f"spikeformers eval {shlex.quote(str(path))}",
        **_sizes(words),
    )


def _released(source: str, found: Found, fitting: Sequence[Match]) -> Inspection:
    best = fitting[0]
    wrapping = found.wrapping
    if wrapping and wrapping[-1] == best.form.container:
        wrapping = wrapping[:-1]  # their own names
    return Inspection(
        source=source,
        matches=True,
        system=best.form.system,
        variant=best.form.variant,
        head=_head(best.form.head, best.shown),
        parameters=sum(parameter.numel() for parameter in best.model.parameters()),
        dtype=_dtype(found.tensors.values()),
        wrapping=wrapping,
        shown=_plain(best.shown),
        unknown=_plain(best.assumed),
        candidates=tuple(
            Candidate(
                system=match.form.system,
                variant=match.form.variant,
                config=_plain(match.words),
                assumed=_plain(match.assumed),
            )
            for match in fitting
        ),
        command=_command(source, best),
        **_sizes(best.shown),
    )


def _foreign(source: str, found: Found) -> Inspection:
    return Inspection(
        source=source,
        matches=False,
        parameters=_parameters(found.tensors),
        dtype=_dtype(found.tensors.values()),
        wrapping=found.wrapping,
        problems=tuple(_reasons(found.tensors)),
    )


def _reasons(tensors: Mapping[str, Tensor]) -> list[str]:
    if are_ours(tensors):
        return [
            "The names are this library's own, without the header that describes the model: save it with "
            "spikeformers.save."
        ]
    near = nearest(tensors)
    if near is None:
        return [f"None of these {len(tensors)} tensors has a name that a released form known here has."]
    counted = {kind: kind if kind == CONTRADICTORY else f"{len(names)} {kind}" for kind, names in near.wrong.items()}
    return [_verdict(near, len(tensors)), *(f"{counted[kind]}: {shortened(n)}" for kind, n in near.wrong.items())]


def _verdict(near: Match, number: int) -> str:
    """Say in which way tensors are not what they are nearest to."""
    form = f"{near.form.system!r} in the form {near.form.variant!r}"
    if near.shared < number / 2:
        return f"Another network: of its {number} names {near.shared} are those of {form}, the nearest."
    if near.wrong.keys() == {"missing"}:
        return f"A part of {form}: its other tensors are missing, as when a file was cut short."
    if near.wrong.keys() <= {"of another shape", CONTRADICTORY, FLAT}:
        return f"Every name of {form} is there, but with shapes that no such model has: tensors were mixed up."
    return f"Not {form}, the nearest, with which {near.shared} of {number} names are shared."


def _command(source: str, best: Match) -> str:
    path = Path(source or "FILE")
    stem = path.name.partition(".")[0] or "model"
    out = f"{stem}.safetensors" if f"{stem}.safetensors" != path.name else f"{stem}_converted.safetensors"
    corrected = catalog.variant(best.form.system, best.form.variant).corrected
    words = [f"--set {word}={best.words[word]}" for word in (*_ASKED, *corrected) if word in best.assumed]
    form = f"--system {best.form.system} --variant {best.form.variant}"
    return " ".join(["spikeformers convert", shlex.quote(str(path)), form, *words, "--out", shlex.quote(out)])


def _head(head: str, words: Mapping[str, Any]) -> str:
    return f"{head}, distillation" if words.get("distillation_head") else head


def _sizes(words: Mapping[str, Any]) -> dict[str, Any]:
    words = _plain(words)
    return {
        "depth": next((words[word] for word in ("depth", "depths_by_stage", "stage_depths") if word in words), None),
        "width": words.get("dim", words.get("dims")),
        "num_classes": words.get("num_classes"),
        "in_channels": words.get("in_channels"),
    }


def _parameters(tensors: Mapping[str, Tensor]) -> int:
    return sum(tensor.numel() for name, tensor in tensors.items() if split(name)[1] not in _BUFFERS)


def _dtype(tensors: Iterable[Tensor]) -> str:
    types = dict.fromkeys(str(tensor.dtype).removeprefix("torch.") for tensor in tensors if tensor.is_floating_point())
    return " and ".join(types)


def _plain(words: Mapping[str, Any]) -> dict[str, Any]:
    return {word: list(value) if isinstance(value, tuple) else value for word, value in words.items()}
