"""`spikeformers recipes`: lists, files as they are, and differences."""

from __future__ import annotations

import io
import json

import pytest
from rich.console import Console

from spikeformers.report import recipes as report
from spikeformers.train.recipe import load_recipe, recipe_names


def test_list_has_a_line_per_recipe(spikeformers):
    answer = spikeformers("recipes", "list")
    assert answer.code == 0
    lines = {line.split()[0]: line for line in answer.out.splitlines() if line.strip()}
    assert set(recipe_names()) <= set(lines)
    assert lines["spikformer_cifar10"].split()[1:] == ["cifar10", "9,324,730", "310", "95.19"]
    assert "as the recipe's source reports it, not measured here" in answer.out
    assert {name for name in recipe_names() if "* " in lines[name]} == {
        name for name in recipe_names() if "dvs" in name or name == "nmnist"
    }
    assert lines["fashion_mnist_teacher"].split()[1:] == ["fashion_mnist", "6"]  # wider than the catalogue's
    assert "* recordings of an event camera" in answer.out


def test_list_takes_a_pattern_and_speaks_of_the_paper_only_where_there_is_one(spikeformers):
    answer = spikeformers("recipes", "list", "digits*")
    assert "digits_spikformer" in answer.out
    assert "cifar" not in answer.out
    assert "the paper" not in answer.out
    assert "event camera" not in answer.out
    nothing = spikeformers("recipes", "list", "*digit_spikformer*")
    assert (nothing.code, nothing.out) == (1, "")
    assert "'digits_spikformer'" in nothing.err


def test_list_fits_80_columns(spikeformers, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    lines = spikeformers("recipes", "list").out.splitlines()
    assert max(map(len, lines)) <= 80
    assert len(lines) == len(recipe_names()) + 6  # header, rule, two footnotes after empty lines: no name is broken


def test_list_as_json_reads_back(spikeformers, tmp_path):
    (first, *_) = json.loads(spikeformers("recipes", "list", "spikformer_cifar10", "--json").out)
    (tmp_path / "copy.json").write_text(json.dumps(first))
    assert load_recipe(tmp_path / "copy.json") == load_recipe("spikformer_cifar10")


@pytest.mark.parametrize("name", ["spikformer_cifar10", "digits_spikformer"])
def test_what_show_prints_into_a_file_is_the_recipe_again(spikeformers, name, tmp_path):
    answer = spikeformers("recipes", "show", name)
    assert answer.code == 0
    (tmp_path / f"{name}.toml").write_text(answer.out)
    assert load_recipe(tmp_path / f"{name}.toml") == load_recipe(name)
    assert answer.out.startswith("# ")  # with its comments
    assert f"# peak learning rate: {load_recipe(name).peak_lr:g}\n" in answer.out
    assert ("reported by the paper, not measured here" in answer.out) == (name == "spikformer_cifar10")


def test_show_in_a_terminal_has_colours_and_the_same_words():
    console = Console(color_system="standard", force_terminal=True, width=80, record=True, file=io.StringIO())
    recipe = load_recipe("spikformer_cifar10")
    console.print(report.recipe_page(recipe, '# why\ndataset = "cifar10"', "toml"))
    plain = console.export_text(clear=False)
    assert plain.startswith('# why\ndataset = "cifar10"\n')
    assert "310 (300 and 10 of cooldown)" in plain
    assert "not measured here" in " ".join(plain.split())
    assert "\x1b[" in console.export_text(styles=True)


def test_show_as_json(spikeformers):
    shown = json.loads(spikeformers("recipes", "show", "spikformer_cifar10", "--json").out)
    assert shown["recipe"]["paper"]["accuracy"] == 95.19
    assert (shown["peak_lr"], shown["total_epochs"]) == (5e-4, 310)


def test_show_and_diff_take_paths_and_run_directories(spikeformers, tmp_path):
    changed = load_recipe("digits_spikformer", schedule={"epochs": 3})
    run = tmp_path / "run"
    run.mkdir()
    (run / "recipe.json").write_text(json.dumps(changed.to_dict()))
    assert json.loads(spikeformers("recipes", "show", run).out) == json.loads(json.dumps(changed.to_dict()))
    for other in (run, run / "recipe.json"):
        answer = spikeformers("recipes", "diff", "digits_spikformer", other, "--json")
        assert json.loads(answer.out)["differences"] == [{"key": "schedule.epochs", "first": 8, "second": 3}]


def test_diff_shows_the_words_that_differ_and_no_others(spikeformers):
    answer = spikeformers("recipes", "diff", "spikformer_cifar10", "spikingformer_cifar10")
    keys = [line.split()[0] for line in answer.out.splitlines()[2:]]
    assert keys == ["model.name", "augment.policy_operations", "batch_size"]
    assert "reduced" in answer.out
    assert "do not differ" in spikeformers("recipes", "diff", "digits_spikformer", "digits_spikformer").out


def test_prose_decides_nothing(spikeformers, tmp_path):
    told = {**load_recipe("spikformer_cifar10").to_dict(), "name": "mine", "description": "other words", "paper": None}
    (tmp_path / "mine.json").write_text(json.dumps({key: value for key, value in told.items() if value is not None}))
    assert "do not differ" in spikeformers("recipes", "diff", "spikformer_cifar10", tmp_path / "mine.json").out


def test_unknown_names_are_explained(spikeformers, tmp_path):
    for words in (("show", "digit_spikformer"), ("diff", "digits_spikformer", "digit_spikformer")):
        answer = spikeformers("recipes", *words)
        assert (answer.code, answer.out) == (1, "")
        assert "'digits_spikformer'" in answer.err
    (tmp_path / "empty").mkdir()
    assert "recipe.json" in spikeformers("recipes", "show", tmp_path / "empty").err
