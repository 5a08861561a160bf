"""A checkpoint file of the authors -> a file that describes itself, verified by writing their names back."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, get_type_hints

import torch
from torch import Tensor

from spikeformers import catalog
from spikeformers.catalog import official
from spikeformers.convert.check import shortened
from spikeformers.convert.export import to_official
from spikeformers.convert.load import load_official
from spikeformers.convert.match import Match, match, matches
from spikeformers.convert.source import find_tensors
from spikeformers.convert.translate import Translation, official_name, translate
from spikeformers.convert.wording import config_words
from spikeformers.errors import CheckpointError, ConfigError
from spikeformers.models import SpikingModel, model_class, save


@dataclass(frozen=True, kw_only=True)
class Conversion:
    """What became of a checkpoint file.

    Attributes:
        source: The authors' file.
        sha256: Of its bytes.
        out: The file that was written.
        system, variant: The released form.
        name: Catalogue name, where the configuration is that of a model there.
        parameters: Number of trainable values.
        verified: Number of tensors that came back under the authors' names bit for bit.
        dropped: Names of tensors that their models never use.
        config: Every configuration word.
        assumed: Those that neither the tensors showed nor the caller said.
        others: Other forms, as "system variant", whose names and shapes these are too and whose words differ, where the
            caller did not say the form.
    """

    source: str
    sha256: str
    out: str
    system: str
    variant: str
    name: str | None
    parameters: int
    verified: int
    dropped: tuple[str, ...]
    config: dict[str, Any]
    assumed: dict[str, Any]
    others: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """Return plain dicts, lists and numbers, as for JSON."""
        return asdict(self)


def convert_file(
    path: str | os.PathLike[str],
    out: str | os.PathLike[str],
    *,
    system: str | None = None,
    variant: str | None = None,
    config: Mapping[str, Any] | None = None,
    overwrite: bool = False,
) -> Conversion:
    """Convert a checkpoint of the authors into a file that rebuilds its model alone.

    Args:
        path: Their file, as `load_official` takes it.
        out: The file to write, .safetensors.
        system, variant: The released form; None is the likeliest one of `inspect`.
        config: Configuration words that the tensors do not show, such as heads.
        overwrite: Whether `out` may be replaced.

    Raises:
        CheckpointError: as `load_official`; `out` exists; or several forms are equally likely.
        ConfigError: as `load_official`; or `out` is no .safetensors file.
    """
    source, target = Path(path), Path(out)
    _check_target(source, target, overwrite=overwrite)
    found = find_tensors(source)
    best, *others = _chosen(found.tensors, system, variant)
    form, said = best.form, _said(config, best.form)
    assumed = {word: value for word, value in best.assumed.items() if word not in said}
    model = load_official(found.tensors, form.system, form.variant, {**assumed, **said})
    model.name = _catalogue_name(model)
    translation = translate(found.tensors, form)
    dropped, verified = tuple(translation.unused), _verify(model, translation, form)
    digest, words = _sha256(source), model.config.to_dict()
    assumed = {word: words[word] for word in assumed}
    about = {"system": form.system, "variant": form.variant, "assumed": assumed, "dropped": list(dropped)}
    save(model, target, provenance={"converted_from": source.name, "sha256": digest, **about})
    return Conversion(
        source=str(source),
        sha256=digest,
        out=str(target),
        system=form.system,
        variant=form.variant,
        name=model.name,
        parameters=sum(parameter.numel() for parameter in model.parameters()),
        verified=verified,
        dropped=dropped,
        config=words,
        assumed=assumed,
        others=tuple(f"{other.form.system} {other.form.variant}" for other in others),
    )


def _said(config: Mapping[str, Any] | None, form: official.Form) -> dict[str, Any]:
    """The caller's words as configuration words."""
    known = get_type_hints(model_class(catalog.variant(form.system, form.variant).builds).Config)
    words = config_words(config, form, known)
    # On a command line pooling=1111 looks like a number.
    return {
        word: str(value) if known.get(word) is str and type(value) is int else value for word, value in words.items()
    }


def _check_target(source: Path, target: Path, *, overwrite: bool) -> None:
    if target.suffix != ".safetensors":
        raise ConfigError(f"{target}: what is written is a safetensors file; give it a name that ends in .safetensors.")
    if not target.exists():
        return
    if source.exists() and target.samefile(source):
        raise CheckpointError(f"{target} is the file to convert; choose another name for the new one.")
    if not overwrite:
        raise CheckpointError(f"{target} exists; choose another name, or say --overwrite (overwrite=True).")


def _chosen(tensors: Mapping[str, Tensor], system: str | None, variant: str | None) -> list[Match]:
    """Return the form that was said, or else the likeliest, and behind it those whose words differ."""
    if system is not None and variant is not None:
        form = official.form(system, variant)
        return [match(form, translate(tensors, form))]
    if system is not None:
        official.forms(system)  # says which there are
    fitting = [m for m in matches(tensors) if system in (None, m.form.system) and variant in (None, m.form.variant)]
    if not fitting:
        asked = "".join(f" {word}" for word in (system, variant) if word is not None)
        raise CheckpointError(
            f"These {len(tensors)} tensors are not the whole of any released form{asked and f' of{asked}'} known here. "
            "`spikeformers inspect FILE` says why; with --system and --variant the differences are named."
        )
    best, *others = fitting
    others = [m for m in others if m.words != best.words]
    rivals = [m for m in others if m.evidence == best.evidence]
    if rivals:
        choices = [
            f"--system {m.form.system} --variant {m.form.variant}{_differences(m, best)}" for m in (best, *rivals)
        ]
        listed = "\n  ".join(choices)
        raise CheckpointError(f"Names and shapes fit several forms equally well. Choose one:\n  {listed}")
    return [best, *others]


def _differences(one: Match, best: Match) -> str:
    words = [f"{word} {value}" for word, value in one.words.items() if best.words.get(word) != value]
    return f"  ({', '.join(words)})" if words else ""


def _catalogue_name(model: SpikingModel) -> str | None:
    """Return the first model of the catalogue with this form and configuration."""
    for record in map(catalog.get, catalog.names()):
        same = (record.system, record.variant, record.builds) == (model.system, model.variant, model.builds)
        if same and model.Config.from_words(record.config) == model.config:
            return record.name
    return None


def _verify(model: SpikingModel, translation: Translation, form: official.Form) -> int:
    """Compare the model under the authors' names with their tensors, bit for bit; return how many there are.

    Raises:
        CheckpointError: they differ.
    """
    state = {**to_official(model), **to_official(model, "buffers")}
    modules = form.names(form.count_ours(model.state_dict()))
    pairs = {name: (official_name(name, modules), tensor) for name, tensor in translation.tensors.items()}
    wrong = [name for name, tensor in pairs.values() if name not in state or not _same(state[name], tensor)]
    if wrong:
        raise CheckpointError(f"{len(wrong)} tensors did not come back as they were: {shortened(wrong)}.")
    return len(pairs)


def _same(ours: Tensor, theirs: Tensor) -> bool:
    """Whether values are equal to the last bit in the type of theirs."""
    if ours.shape != theirs.shape:
        return False
    return torch.equal(_bits(ours.to(theirs.dtype)), _bits(theirs))


def _bits(tensor: Tensor) -> Tensor:
    return tensor.detach().cpu().contiguous().reshape(-1).view(torch.uint8)


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
