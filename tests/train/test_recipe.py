"""Recipes: the packaged files, a user's own, and what is wrong with a broken one."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spikeformers.errors import ConfigError, UnknownNameError
from spikeformers.train.recipe import Recipe, differences, load_recipe, recipe_names

MINIMAL = """
dataset = "digits"
batch_size = 32
[model]
name = "spikformer_2_64.digits"
[optimizer]
lr = 1e-3
[schedule]
epochs = 4
"""


def write(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8")
    return path


@pytest.mark.parametrize("name", recipe_names())
def test_packaged_recipe_loads_and_survives_json(name: str, tmp_path: Path) -> None:
    recipe = load_recipe(name)
    assert recipe.name == name
    assert recipe.description
    copy = write(tmp_path / "recipe.json", json.dumps(recipe.to_dict()))
    assert load_recipe(copy) == recipe


def test_the_promised_recipes_are_packaged() -> None:
    assert {"digits_spikformer", "digits_spikingformer", "fashion_mnist"} <= set(recipe_names())


def test_own_file_takes_its_name_from_the_path_and_defaults_for_the_rest(tmp_path: Path) -> None:
    recipe = load_recipe(write(tmp_path / "mine.toml", MINIMAL))
    assert (recipe.name, recipe.batch_size, recipe.schedule.epochs, recipe.seed) == ("mine", 32, 4, 0)
    assert recipe.optimizer.betas == (0.9, 0.999)
    assert recipe.augment.crop_padding == 0


def test_overrides_reach_into_the_tables(tmp_path: Path) -> None:
    path = write(tmp_path / "mine.toml", MINIMAL)
    recipe = load_recipe(path, seed=7, schedule={"warmup_epochs": 1}, model={"config": {"time_steps": 2}})
    assert recipe.seed == 7
    assert (recipe.schedule.epochs, recipe.schedule.warmup_epochs) == (4, 1.0)
    assert recipe.model.name == "spikformer_2_64.digits"
    assert recipe.model.config == {"time_steps": 2}
    with pytest.raises(ConfigError, match=r"mine\.toml \(with seeed overridden\): unknown key 'seeed'.*'seed'"):
        load_recipe(path, seeed=1)


@pytest.mark.parametrize(
    ("line", "replacement", "message"),
    [
        ("lr = 1e-3", "lerning_rate = 1e-3", r"\[optimizer\]: unknown key 'lerning_rate'.*Known keys: name, lr"),
        ("epochs = 4", "epochs = 4\nwarmup_epoch = 1", r"\[schedule\]: unknown key 'warmup_epoch'.*'warmup_epochs'"),
        ("batch_size = 32", "batchsize = 32", r"unknown key 'batchsize'. Did you mean 'batch_size'"),
        ("batch_size = 32", "", r"the key 'batch_size' is missing"),
        ("batch_size = 32", "batch_size = 32.0", r"batch_size must be a whole number, got 32.0"),
        ("batch_size = 32", "batch_size = true", r"batch_size must be a whole number, got True"),
        ("batch_size = 32", "batch_size = 0", r"batch_size must be >= 1, got 0"),
        ("batch_size = 32", "batch_size = 32\nseed = -1", r"seed must be >= 0"),
        ("batch_size = 32", "batch_size = 32\nlabel_smoothing = 1.0", r"unknown key 'label_smoothing'"),
        ("batch_size = 32", "batch_size = 32\naccumulate = 5", r"accumulate must be .* divisor of batch_size \(32\)"),
        ("batch_size = 32", 'batch_size = 32\nprecision = "fp16"', r"one of 'float32'.* got 'fp16'.*'float16'"),
        ("batch_size = 32", "batch_size = 32\nvalidation = 1", r"validation must be a share"),
        ("batch_size = 32", "batch_size = 32\nema = 1.0", r"ema must be in \[0, 1\)"),
        ("batch_size = 32", 'batch_size = 32\nfreeze = "head"', r"freeze must be a list, got 'head'"),
        ("batch_size = 32", "batch_size = 32\nloss = {label_smoothing = 1.0}", r"label_smoothing must be in \[0, 1\)"),
        ("batch_size = 32", "batch_size = 32\nloss = {tet = 2}", r"\[loss\]: tet must be 0 to 1"),
        ("batch_size = 32", "batch_size = 32\naugment = {resized_crop = [0.9, 0.1]}", r"resized_crop must be two"),
        ("batch_size = 32", "batch_size = 32\ndistillation = {alpha = 1}", r"the key 'teacher' is missing"),
        ("batch_size = 32", "batch_size = 32\npaper = {accuracy = 0.9551}", r"the key 'source' is missing"),
        ('name = "spikformer_2_64.digits"', "", r"name a model under \[model\], or start from a checkpoint"),
        ("batch_size = 32", "batch_size = 32\naugment = 3", r"augment must be a table, got 3"),
        ("lr = 1e-3", 'lr = "fast"', r"optimizer.lr must be a finite number, got 'fast'"),
        ("lr = 1e-3", "lr = nan", r"optimizer.lr must be a finite number"),
        ("lr = 1e-3", "lr = -1", r"\[optimizer\]: lr must be > 0"),
        ("lr = 1e-3", "lr = 1\nbetas = [0.9]", r"optimizer.betas must be a list of 2 values"),
        ("lr = 1e-3", "lr = 1\nbetas = [0.9, 'x']", r"optimizer.betas\[1\] must be a finite number"),
        ("lr = 1e-3", "lr = 1\nbetas = [0.9, 1.0]", r"betas must be two numbers"),
        ("epochs = 4", "epochs = 4\nwarmup_epochs = 4", r"warmup_epochs must be >= 0 and below epochs \(4\)"),
        ("epochs = 4", "epochs = 0", r"epochs must be >= 1"),
        ('name = "spikformer_2_64.digits"', "name = 3", r"model.name must be a text in quotes, got 3"),
        ('name = "spikformer_2_64.digits"', 'name = "x"\nconfig = 3', r"model.config must be a table"),
        ("epochs = 4", "epochs = ", r"cannot be parsed: .*line 9"),
    ],
)
def test_a_broken_recipe_is_an_error_that_names_file_and_key(
    line: str, replacement: str, message: str, tmp_path: Path
) -> None:
    path = write(tmp_path / "broken.toml", MINIMAL.replace(line, replacement))
    with pytest.raises(ConfigError, match=r"(?s)broken\.toml.*" + message):
        load_recipe(path)


def test_unknown_recipes_offer_the_nearest(tmp_path: Path) -> None:
    with pytest.raises(UnknownNameError, match="Did you mean 'digits_spikformer'"):
        load_recipe("digit_spikformer")
    with pytest.raises(UnknownNameError, match="There is no recipe file"):
        load_recipe(tmp_path / "absent.toml")


def test_unreadable_files_are_errors(tmp_path: Path) -> None:
    folder = tmp_path / "folder.toml"
    folder.mkdir()
    with pytest.raises(ConfigError, match="cannot be read"):
        load_recipe(folder)
    (tmp_path / "binary.toml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ConfigError, match="cannot be read"):
        load_recipe(tmp_path / "binary.toml")
    with pytest.raises(ConfigError, match="must hold one table"):
        load_recipe(write(tmp_path / "list.json", "[1]"))


def test_fewer_epochs_shrink_what_is_counted_in_epochs_and_more_keep_it() -> None:
    recipe = load_recipe(
        "digits_spikformer",
        schedule={"epochs": 20, "warmup_epochs": 2, "cooldown_epochs": 5},
        augment={"mixup": 0.5, "mixing_off_epoch": 15},
    )
    short = recipe.adjusted(epochs=5)
    assert short.schedule.total_epochs == 5
    assert (short.schedule.epochs, short.schedule.cooldown_epochs, short.schedule.warmup_epochs) == (4, 1, 0.4)
    assert short.augment.mixing_off_epoch == 3
    long = recipe.adjusted(epochs=50)
    assert (long.schedule.total_epochs, long.schedule.cooldown_epochs, long.schedule.warmup_epochs) == (50, 5, 2)
    assert long.augment.mixing_off_epoch == 15
    assert recipe.adjusted(epochs=25) == recipe
    with pytest.raises(ConfigError, match="epochs must be >= 1, got 0"):
        recipe.adjusted(epochs=0)


def test_rates_set_by_hand_and_a_cosine_cut_short_shrink_with_the_run() -> None:
    words = {"epochs": 20, "cosine_epochs": 50, "rates": [[4, 1e-3], [10, 1e-4], [11, 1e-5]]}
    recipe = load_recipe("digits_spikformer", schedule=words)
    assert recipe.schedule.rates == ((4, 1e-3), (10, 1e-4), (11, 1e-5))
    short, long = recipe.adjusted(epochs=2).schedule, recipe.adjusted(epochs=40).schedule
    assert (short.epochs, short.cosine_epochs, short.rates) == (2, 5, ((1, 1e-4), (2, 1e-5)))
    assert (long.epochs, long.cosine_epochs, long.rates) == (40, 100, recipe.schedule.rates)
    assert differences(json.loads(json.dumps(recipe.to_dict())), recipe.to_dict()) == []


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ({"rates": [[3, 1e-3], [3, 1e-4]]}, r"rates must be pairs \[epoch, rate\] in the order of the epochs"),
        ({"rates": [[4, 1e-3], [3, 1e-4]]}, "in the order of the epochs"),
        ({"rates": [[3, -1e-3]]}, "none below 0"),
        ({"rates": [[2.5, 1e-3]]}, r"rates\[0\]\[0\] must be a whole number"),
        ({"cosine_epochs": 7}, r"cosine_epochs must be 0, or at least epochs \(8\) and without a cooldown, got 7"),
        ({"cosine_epochs": 20, "cooldown_epochs": 1}, "without a cooldown, got 20"),
    ],
)
def test_rates_out_of_order_and_a_cosine_that_ends_too_early_are_refused(words: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        load_recipe("digits_spikformer", schedule=words)


@given(
    epochs=st.integers(1, 400),
    cooldown=st.integers(0, 20),
    warmup=st.floats(0, 0.99),
    off=st.integers(0, 400),
    total=st.integers(1, 500),
)
def test_any_number_of_epochs_gives_a_recipe_of_that_length(
    epochs: int, cooldown: int, warmup: float, off: int, total: int
) -> None:
    recipe = load_recipe(
        "digits_spikformer",
        schedule={"epochs": epochs, "warmup_epochs": warmup * epochs, "cooldown_epochs": cooldown},
        augment={"mixing_off_epoch": off},
    ).adjusted(epochs=total)
    assert recipe.schedule.total_epochs == total
    assert bool(recipe.augment.mixing_off_epoch) == bool(off)  # 0 would mean that mixing never ends


def test_the_learning_rate_follows_the_batch_size_where_the_recipe_says_so() -> None:
    assert load_recipe("digits_spikformer", optimizer={"lr": 1e-3}).peak_lr == 1e-3
    scaled = load_recipe("digits_spikformer", batch_size=512, optimizer={"lr": 1e-3, "lr_batch_size": 256})
    assert scaled.peak_lr == 2e-3


def test_differences_name_keys_and_both_values() -> None:
    recipe = load_recipe("digits_spikformer", augment={"resized_crop": [0.2, 1.0]})
    there = json.loads(json.dumps(recipe.to_dict()))
    assert differences(there, recipe.to_dict()) == []
    there["schedule"]["epochs"] = 9
    del there["freeze"]
    assert differences(there, recipe.to_dict()) == [("schedule.epochs", 9, 8), ("freeze", None, [])]


def test_a_recipe_is_frozen() -> None:
    recipe: Recipe = load_recipe("digits_spikformer")
    with pytest.raises(AttributeError):
        recipe.seed = 3  # type: ignore[misc]
