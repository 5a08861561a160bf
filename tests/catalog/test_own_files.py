"""A catalogue file of the user's own: what it may say, and what is said about its mistakes."""

from __future__ import annotations

from pathlib import Path

import pytest

from spikeformers.catalog.shelf import Shelf
from spikeformers.errors import ConfigError

GOOD = """
family = "toy"
builds = "toy_models:Toy"

[config]
time_steps = 4
in_channels = 1
width = 1

[variants.small]
image_size = [8, 8]
width = 2

[models."toy_1_16.digits"]
variant = "small"
config = { depth = 1, width = 3 }
parameters = 100
published = [{ value = 90, time_steps = 2, source = "nobody" }]
notes = ["A toy."]
uncertain = ["depth"]
"""


def write(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "toy.toml"
    path.write_text(text)
    return path


def test_a_file_of_ones_own(tmp_path: Path) -> None:
    shelf = Shelf()
    shelf.add(write(tmp_path, GOOD))
    assert shelf.names() == ["toy_1_16.digits"]
    assert shelf.families() == ["toy"]
    record = shelf.get("toy_1_16.digits")
    # [config], then the variant, then the model's own words.
    assert record.config == {"time_steps": 4, "in_channels": 1, "width": 3, "image_size": (8, 8), "depth": 1}
    assert shelf.variant("toy", "small").config["width"] == 2
    assert (record.system, record.variant, record.dataset) == ("toy", "small", "digits")
    assert (record.input, record.time_steps, record.parameters) == ((1, 8, 8), 4, 100)
    assert (record.published[0].value, record.published[0].time_steps) == (90.0, 2)
    assert record.published[0].metric == "top-1"
    assert record.paper.bibtex == ""


def test_only_what_is_needed(tmp_path: Path) -> None:
    text = """
        family = "toy"
        builds = "toy_models:Toy"
        [models."toy_1_16.digits"]
        config = { time_steps = 1, in_channels = 1, image_size = [8, 8] }
        parameters = 1
    """
    record = Shelf([write(tmp_path, text)]).get("toy_1_16.digits")
    assert (record.variant, record.published, record.notes, record.licence_note) == ("", (), (), "")


def test_what_new_models_correct(tmp_path: Path) -> None:
    """The form stays as it was released; a model has the corrected word, or its own."""
    own = GOOD.replace("[variants.small]", "[corrected]\nwidth = 5\ntime_steps = 4\n[variants.small]")
    with pytest.raises(ConfigError, match=r"\[corrected\]: no released form has another 'time_steps'"):
        Shelf([write(tmp_path, own)])
    own = own.replace("time_steps = 4\n[variants", "[variants")
    shelf = Shelf([write(tmp_path, own)])
    assert (shelf.variant("toy", "small").config["width"], shelf.variant("toy", "small").corrected) == (2, {"width": 5})
    assert shelf.get("toy_1_16.digits").config["width"] == 3
    path = write(tmp_path, own.replace(", width = 3", ""))
    assert Shelf([path]).get("toy_1_16.digits").config["width"] == 5


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('family = "toy"', 'famly = "toy"', r"unknown key 'famly'. Did you mean 'family'\?"),
        ('family = "toy"', "", r"the key 'family' is missing"),
        ('family = "toy"', "family = 3", r"'family' must be a string, found 3"),
        ('builds = "toy_models:Toy"', 'builds = "toy_models.Toy"', r"'builds' must read 'package.module:Class'"),
        ("parameters = 100", "paramters = 100", r"unknown key 'paramters'. Did you mean 'parameters'"),
        ("parameters = 100", "", r"\[models.'toy_1_16.digits'\]: the key 'parameters' is missing"),
        ("parameters = 100", "parameters = true", r"'parameters' must be a whole number, found True"),
        ("parameters = 100", 'parameters = "100"', r"'parameters' must be a whole number, found '100'"),
        ('variant = "small"', 'variant = "smal"', r"no \[variants.smal\]. Did you mean 'small'\?"),
        ('variant = "small"', "", r"the configuration lacks 'image_size'"),
        ("time_steps = 4", "", r"the configuration lacks 'time_steps'"),
        ("time_steps = 4", 'time_steps = "4"', r"'time_steps' must be a whole number, found '4'"),
        ("image_size = [8, 8]", "image_size = 8", r"'image_size' must be \[height, width\], found 8"),
        ('uncertain = ["depth"]', 'uncertain = ["dpth"]', r"names 'dpth', which is no configuration word"),
        ('notes = ["A toy."]', "notes = [3]", r"expected a list of strings, found 3 in it"),
        ('notes = ["A toy."]', 'notes = "A toy."', r"'notes' must be a list"),
        ('value = 90, time_steps = 2, source = "nobody"', "value = 90", r"the key 'source' is missing"),
        ("value = 90,", 'value = "90",', r"'value' must be a number, found '90'"),
        ("[variants.small]\n", "[variants]\nsmall = 3\n[other]\n", r"unknown key 'other'"),
        ('models."toy_1_16.digits"', 'models."toy_1_16"', r"named toy_<depth>_<width>.<dataset>"),
        ('models."toy_1_16.digits"', 'models."tiny_1_16.digits"', r"named toy_<depth>_<width>.<dataset>"),
        ('models."toy_1_16.digits"', 'models."toy_1_16.Digits"', r"named toy_<depth>_<width>.<dataset>"),
        ("[config]", "[config", r"this is not a TOML file"),
        ("[config]", "[paper]\nyear = 'last'\n[config]", r"\[paper\]: 'year' must be a whole number"),
    ],
)
def test_mistakes(tmp_path: Path, old: str, new: str, message: str) -> None:
    assert GOOD.count(old) == 1
    path = write(tmp_path, GOOD.replace(old, new))
    shelf = Shelf()
    with pytest.raises(ConfigError, match=message) as caught:
        shelf.add(path)
    assert str(path) in str(caught.value)
    assert shelf.names() == []


def test_a_variant_that_is_no_table(tmp_path: Path) -> None:
    text = GOOD.replace("[variants.small]\nimage_size = [8, 8]\nwidth = 2\n", "[variants]\nsmall = 3\n")
    with pytest.raises(ConfigError, match="'small' must be a table of configuration words, found 3"):
        Shelf([write(tmp_path, text)])


def test_a_model_that_is_no_table(tmp_path: Path) -> None:
    text = 'family = "toy"\nbuilds = "toy_models:Toy"\n[models]\n"toy_1_16.digits" = 3\n'
    with pytest.raises(ConfigError, match="expected a table, found 3"):
        Shelf([write(tmp_path, text)])


def test_names_are_taken_once(tmp_path: Path) -> None:
    shelf = Shelf([write(tmp_path, GOOD)])
    with pytest.raises(ConfigError, match=r"already has a model called 'toy_1_16\.digits'"):
        shelf.add(tmp_path / "toy.toml")
    other = write(tmp_path, GOOD.replace("toy_1_16.digits", "toy_2_16.digits"))
    with pytest.raises(ConfigError, match="'toy' already has a variant 'small'"):
        shelf.add(other)
    # What could not be added as a whole is not there in part.
    assert shelf.names() == ["toy_1_16.digits"]


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"absent\.toml: cannot be read \(No such file"):
        Shelf([tmp_path / "absent.toml"])
