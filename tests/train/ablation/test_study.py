"""Study files: what is written is what is read, and every slip is told."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spikeformers.errors import ConfigError, UnknownNameError
from spikeformers.train.ablation.study import BASE, read_study, study_names
from spikeformers.train.overrides import tables
from spikeformers.train.recipe import flat, load_recipe, recipe_names

LEAST = """
recipe = "digits_spikformer"
seeds = [0]
[factors.neuron]
"PLIF" = { "model.config.neuron" = "plif" }
"""

words = st.text("abcdefgh_", min_size=1, max_size=6).filter(lambda word: word != "seed")
labels = st.text(st.characters(codec="ascii", exclude_categories=["Cc"]), min_size=1, max_size=8).filter(
    lambda label: label != BASE and bool(label.strip())
)
values = st.one_of(
    st.integers(-99, 99), st.booleans(), st.floats(-9, 9), labels, st.lists(st.integers(0, 9), max_size=3)
)
changes = st.dictionaries(words.map(lambda word: f"model.config.{word}"), values, min_size=1, max_size=3)
factors = st.dictionaries(labels, st.dictionaries(labels, changes, min_size=1, max_size=3), min_size=1, max_size=3)
seeds = st.lists(st.integers(0, 2**31), min_size=1, max_size=4, unique=True)


def toml(table: Mapping[str, Any]) -> str:
    """A table on one line; numbers, truths, lists and quoted texts are written in TOML as in JSON."""
    pairs = (
        f"{json.dumps(key)} = {toml(each) if isinstance(each, Mapping) else json.dumps(each)}"
        for key, each in table.items()
    )
    return f"{{ {', '.join(pairs)} }}"


def write(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8")
    return path


@given(factors=factors, seeds=seeds, base=changes)
def test_what_is_written_is_read(
    factors: dict[str, Any], seeds: list[int], base: dict[str, Any], tmp_path_factory: pytest.TempPathFactory
) -> None:
    text = f'recipe = "digits_sdt"\nseeds = {seeds}\nset = {toml(base)}\nfactors = {toml(factors)}\n'
    study = read_study(write(tmp_path_factory.mktemp("study") / "mine.toml", text))
    assert (study.name, study.recipe, list(study.seeds)) == ("mine", "digits_sdt", seeds)
    assert study.set == base
    assert study.factors == factors
    assert {study.label_of_base(factor) for factor in factors} == {BASE}


@given(text=st.text(max_size=60), after=st.booleans())
def test_a_slip_anywhere_is_an_error_of_the_file(
    text: str, after: bool, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.mktemp("study") / "mine.toml"
    path.write_bytes((LEAST + text if after else text + LEAST).encode("utf-8", "surrogatepass"))
    try:
        study = read_study(path)
    except ConfigError as error:
        told = str(error)
    else:
        told = "mine.toml" if study.factors["neuron"]["PLIF"] == {"model.config.neuron": "plif"} else ""
    assert "mine.toml" in told


@given(changes=changes)
def test_dotted_keys_and_nested_tables_are_the_same(changes: dict[str, Any]) -> None:
    nested = tables(changes.items())
    assert set(nested) == {"model"}
    assert flat(nested) == flat(changes)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (('seeds = [0]', 'seedz = [0]'), r"unknown key 'seedz'\. Did you mean 'seeds'"),
        (('seeds = [0]', ''), "the key 'seeds' is missing"),
        (('seeds = [0]', 'seeds = []'), "different whole numbers"),
        (('seeds = [0]', 'seeds = [1, 1]'), "different whole numbers"),
        (('seeds = [0]', 'seeds = [-1]'), "different whole numbers"),
        (('seeds = [0]', 'seeds = [0.5]'), r"seeds\[0\] must be a whole number"),
        (('seeds = [0]', 'seeds = [0]\nmax_parameters = -1'), "max_parameters must be 0"),
        (('seeds = [0]', 'seeds = [0]\nset = { seed = 1 }'), "set sets the seed"),
        (('seeds = [0]', 'seeds = [0]\nbase = { neurons = "a" }'), r"factor 'neurons'\. Did you mean 'neuron'"),
        (('seeds = [0]', 'seeds = [0]\nbase = { neuron = 3 }'), "base.neuron must be a text"),
        (('seeds = [0]', 'seeds = [0]\nbase = { neuron = "PLIF" }'), "has the label of the base's own value"),
        (('{ "model.config.neuron" = "plif" }', '{ "seed" = 3 }'), "sets the seed"),
        (('{ "model.config.neuron" = "plif" }', '{}'), "'PLIF' must be a table of words to change"),
        (('{ "model.config.neuron" = "plif" }', '"plif"'), "'PLIF' must be a table of words to change"),
        (('"PLIF" = { "model.config.neuron" = "plif" }', ''), r"factors\.neuron must be a table"),
        (('[factors.neuron]\n"PLIF" = { "model.config.neuron" = "plif" }', '[factors]'), "There is no factor"),
    ],
)  # fmt: skip
def test_slips_are_named(change: tuple[str, str], message: str, tmp_path: Path) -> None:
    assert change[0] in LEAST
    with pytest.raises(ConfigError, match=message):
        read_study(write(tmp_path / "mine.toml", LEAST.replace(*change)))


@pytest.mark.parametrize("words", ['"dataset" = "mnist"', '"validation" = 0.2', '"folds" = 5', '"fold" = 1'])
def test_a_factor_leaves_the_data_alone_and_the_base_may_choose_them(words: str, tmp_path: Path) -> None:
    path = write(tmp_path / "mine.toml", LEAST.replace('"model.config.neuron" = "plif"', words))
    word, _, value = words.replace('"', "").partition(" = ")
    with pytest.raises(ConfigError, match=rf"factors\.neuron\.'PLIF' sets {word}: .* Set {word} under \[set\]"):
        read_study(path)
    assert str(read_study(write(path, f"set = {{ {words} }}\n{LEAST}")).set[word]) == value


@pytest.mark.parametrize("recipe", ["digits_spikfomer", "digits_spikfomer.toml"])
def test_a_misspelt_recipe_offers_the_nearest_and_no_list(recipe: str, tmp_path: Path) -> None:
    study = read_study(write(tmp_path / "mine.toml", LEAST.replace("digits_spikformer", recipe)))
    with pytest.raises(
        UnknownNameError, match=r"Did you mean 'digits_spikformer'.*`spikeformers recipes` lists"
    ) as told:
        load_recipe(study.recipe)
    assert sum(name in str(told.value).replace(str(tmp_path), "") for name in recipe_names()) <= 3


def test_a_recipe_lies_beside_its_study(tmp_path: Path) -> None:
    text = LEAST.replace("digits_spikformer", "mine/recipe.toml")
    assert read_study(write(tmp_path / "study.toml", text)).recipe == str(tmp_path / "mine" / "recipe.toml")
    absolute = LEAST.replace("digits_spikformer", "/elsewhere/recipe.json")
    assert read_study(write(tmp_path / "study.toml", absolute)).recipe == "/elsewhere/recipe.json"


def test_studies_that_are_not_there(tmp_path: Path) -> None:
    with pytest.raises(UnknownNameError, match=r"no study 'digit'\. Did you mean 'digits'"):
        read_study("digit")
    with pytest.raises(UnknownNameError, match="no study file"):
        read_study(tmp_path / "none.toml")
    (tmp_path / "folder.toml").mkdir()
    with pytest.raises(ConfigError, match="cannot be read"):
        read_study(tmp_path / "folder.toml")


@pytest.mark.parametrize("name", study_names())
def test_packaged_studies_have_names(name: str) -> None:
    study = read_study(name)
    assert study.name == name
    assert study.title


@pytest.mark.parametrize("name", ["../../evil", "..", ".", "", "a/b", r"a\\b", r"a\nb"])
def test_a_name_that_leads_elsewhere_is_refused(name: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="name of a study is that of its directory"):
        read_study(write(tmp_path / "mine.toml", f'name = "{name}"\n{LEAST}'))


@pytest.mark.parametrize("label", ["", "  ", r"two\nlines", r"bell\u0007"])
def test_a_label_that_breaks_a_table_is_refused(label: str, tmp_path: Path) -> None:
    value, factor = LEAST.replace('"PLIF"', f'"{label}"'), LEAST.replace("factors.neuron", f'factors."{label}"')
    for text in (value, factor, f'base = {{ neuron = "{label}" }}\n{LEAST}'):
        with pytest.raises(ConfigError, match="must be a text on one line"):
            read_study(write(tmp_path / "mine.toml", text))
