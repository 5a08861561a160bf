"""One catalogue file: a TOML file that describes the models of one family.

    family = "spikformer"                # every model's name starts with it
    builds = "package.module:Class"      # a class whose `Config` takes the words of `config`
    system = "spikformer"                # optional: the word of `convert.load_official`; the family if absent
    licence_note = "..."                 # optional

    [paper]                              # optional: title, authors, venue, year, arxiv, url, bibtex
    [config]                             # optional: configuration words all models share
    [corrected]                          # optional: what new models have in place of words of a released form
    [variants.cifar]                     # optional: words all models of one released form share

    [models."spikformer_4_384.cifar10"]  # the data set follows the dot
    variant = "cifar"                    # optional: the form this model starts from
    config = { dim = 384, depth = 4 }    # its own words
    parameters = 9_324_730               # trainable values
    published_parameters = 9_324_730     # optional: the same of the authors' code, to the digit
    published = [{ value = 95.19, source = "paper, table" }]   # optional; also metric, time_steps, image_size
    notes = ["..."]                      # optional
    uncertain = ["heads"]                # optional: words nobody published

A released form is [config], then its variant; a model is its form, then [corrected], then its own `config`; where two
give a word, the later wins. A form that does not say a word has nothing to correct there.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from typing import Any

from spikeformers.catalog.records import Paper, Record, Result, Variant
from spikeformers.catalog.tables import checked, read_toml, strings
from spikeformers.errors import ConfigError, suggest

_NAME = re.compile(r"[a-z0-9_]+\.[a-z0-9_]+")
_BUILDS = re.compile(r"[A-Za-z_][\w.]*:[A-Za-z_]\w*")
_INPUT_WORDS = ("time_steps", "in_channels", "image_size")


@dataclass(frozen=True, kw_only=True)
class Family:
    """The content of one catalogue file."""

    records: tuple[Record, ...]
    variants: tuple[Variant, ...]


def read_family(path: str | os.PathLike[str]) -> Family:
    """Read one catalogue file.

    Raises:
        ConfigError: naming file, table and key, and what was expected there.
    """
    table = checked(
        read_toml(path),
        str(path),
        required={"family": str, "builds": str, "models": dict},
        optional={"system": str, "licence_note": str}
        | dict.fromkeys(("paper", "config", "corrected", "variants"), dict),
    )
    if not _BUILDS.fullmatch(table["builds"]):
        raise ConfigError(f"{path}: 'builds' must read 'package.module:Class', found {table['builds']!r}.")
    variants = {name: _variant(name, words, table, path) for name, words in table.get("variants", {}).items()}
    for word in table.get("corrected", {}):
        if not any(word in variant.corrected for variant in variants.values()):
            raise ConfigError(f"{path} [corrected]: no released form has another {word!r}.")
    paper = _paper(table.get("paper", {}), f"{path} [paper]")
    records = tuple(
        _record(name, entry, table, variants, paper, f"{path} [models.{name!r}]")
        for name, entry in table["models"].items()
    )
    return Family(records=records, variants=tuple(variants.values()))


def _variant(name: str, words: object, table: dict[str, Any], path: str | os.PathLike[str]) -> Variant:
    if not isinstance(words, dict):
        raise ConfigError(f"{path} [variants]: {name!r} must be a table of configuration words, found {words!r}.")
    config = _plain({**table.get("config", {}), **words})
    corrected = _plain(table.get("corrected", {}))
    return Variant(
        system=table.get("system", table["family"]),
        name=name,
        builds=table["builds"],
        config=config,
        corrected={word: value for word, value in corrected.items() if config.get(word, value) != value},
    )


def _record(
    name: str, entry: object, table: dict[str, Any], variants: dict[str, Variant], paper: Paper, where: str
) -> Record:
    fields = checked(
        entry,
        where,
        required={"config": dict, "parameters": int},
        optional={
            "variant": str,
            "published_parameters": int,
            "published": list,
            "notes": list,
            "uncertain": list,
        },
    )
    if not (_NAME.fullmatch(name) and name.startswith(table["family"] + "_")):
        raise ConfigError(
            f"{where}: a model is named {table['family']}_<depth>_<width>.<dataset>, in small letters and digits."
        )
    variant = fields.get("variant", "")
    if variant and variant not in variants:
        raise ConfigError(f"{where}: the file has no [variants.{variant}].{suggest(variant, variants)}")
    form = variants.get(variant)
    start = {**form.config, **form.corrected} if form else table.get("config", {})
    config = _plain({**start, **fields["config"]})
    _check_input_words(config, where)
    uncertain = strings(fields.get("uncertain", []), f"{where} uncertain")
    for word in uncertain:
        if word not in config:
            raise ConfigError(f"{where}: 'uncertain' names {word!r}, which is no configuration word of this model.")
    return Record(
        name=name,
        family=table["family"],
        system=table.get("system", table["family"]),
        variant=variant,
        builds=table["builds"],
        config=config,
        parameters=fields["parameters"],
        published_parameters=fields.get("published_parameters"),
        time_steps=config["time_steps"],
        input=(config["in_channels"], *config["image_size"]),
        dataset=name.partition(".")[2],
        published=tuple(_result(item, config, f"{where} published") for item in fields.get("published", [])),
        paper=paper,
        licence_note=table.get("licence_note", ""),
        notes=strings(fields.get("notes", []), f"{where} notes"),
        uncertain=uncertain,
    )


def _check_input_words(config: dict[str, Any], where: str) -> None:
    for word in _INPUT_WORDS:
        if word not in config:
            raise ConfigError(f"{where}: the configuration lacks {word!r}, which every model needs.")
    checked(
        {"time_steps": config["time_steps"], "in_channels": config["in_channels"]},
        f"{where} config",
        required={"time_steps": int, "in_channels": int},
        optional={},
    )
    _size(config["image_size"], f"{where} config")


def _result(item: object, config: dict[str, Any], where: str) -> Result:
    fields = checked(
        item,
        where,
        required={"value": float, "source": str},
        optional={"metric": str, "time_steps": int, "image_size": list},
    )
    return Result(
        metric=fields.get("metric", "top-1"),
        value=float(fields["value"]),
        time_steps=fields.get("time_steps", config["time_steps"]),
        image_size=_size(fields["image_size"], where) if "image_size" in fields else None,
        source=fields["source"],
    )


def _paper(table: object, where: str) -> Paper:
    text = dict.fromkeys(("title", "authors", "venue", "arxiv", "url", "bibtex"), str)
    fields = checked(table, where, required={}, optional={**text, "year": int})
    return Paper(**{key: value.strip() if key in text else value for key, value in fields.items()})


def _size(value: object, where: str) -> tuple[int, int]:
    if isinstance(value, (list, tuple)) and len(value) == 2 and all(type(side) is int for side in value):
        return value[0], value[1]
    raise ConfigError(f"{where}: 'image_size' must be [height, width], found {value!r}.")


def _plain(config: dict[str, Any]) -> dict[str, Any]:
    """Return the words with tuples for lists, so that a record cannot be changed through them."""
    return {word: tuple(value) if isinstance(value, list) else value for word, value in config.items()}
