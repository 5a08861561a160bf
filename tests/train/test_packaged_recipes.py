"""The packaged recipes say what the papers say, name models that exist, and call a paper's figure the paper's."""

from __future__ import annotations

import pytest

from spikeformers import catalog
from spikeformers.train.recipe import Recipe, load_recipe, recipe_names

OURS = ("cifar10_jpeg", "digits_spikformer", "digits_spikingformer", "fashion_mnist", "finetune")
PAPERS = [name for name in recipe_names() if name not in OURS]
FAMILIES = ("spikformer", "spikformer_cml", "spikingformer", "spikingformer_cml")
DATASETS = ("cifar10", "cifar100", "imagenet", "cifar10dvs", "dvs128_gesture")


def family(recipe: Recipe) -> str:
    return catalog.get(recipe.model.name).family


def test_there_is_a_recipe_for_every_paper_and_data_set() -> None:
    there = {(family(recipe), recipe.dataset) for recipe in map(load_recipe, PAPERS)}
    assert there == {(name, dataset) for name in FAMILIES for dataset in DATASETS}


@pytest.mark.parametrize("name", PAPERS)
def test_a_paper_recipe_is_named_after_family_data_set_and_size(name: str) -> None:
    recipe = load_recipe(name)
    record = catalog.get(recipe.model.name)
    assert recipe.dataset.replace("_", "") == record.dataset
    size = recipe.model.name.removeprefix(f"{record.family}_").removesuffix(f".{record.dataset}")
    start = f"{record.family}_{recipe.dataset}"
    assert name in (start, f"{start}_{size}", f"{start}_{size}_288")


@pytest.mark.parametrize("name", PAPERS)
def test_the_accuracy_is_one_the_catalogue_knows_for_this_model(name: str) -> None:
    recipe = load_recipe(name)
    assert recipe.paper is not None
    record = catalog.get(recipe.model.name)
    config = {**record.config, **recipe.model.config}
    known = {
        (result.value, result.source)
        for result in record.published
        if result.time_steps == config["time_steps"]
        and (result.image_size or record.input[1:]) == tuple(config["image_size"])
    }
    assert (recipe.paper.accuracy, recipe.paper.source) in known


@pytest.mark.parametrize("name", OURS)
def test_our_recipes_quote_no_paper(name: str) -> None:
    assert load_recipe(name).paper is None


@pytest.mark.parametrize("name", PAPERS)
def test_what_all_papers_share(name: str) -> None:
    recipe = load_recipe(name)
    assert recipe.validation == 0.0
    assert recipe.precision == "float16"
    assert recipe.peak_lr == recipe.optimizer.lr  # never scaled by the batch size
    assert (recipe.optimizer.name, recipe.optimizer.betas, recipe.optimizer.eps) == ("adamw", (0.9, 0.999), 1e-8)
    assert recipe.optimizer.clip_norm == recipe.ema == 0.0
    assert recipe.loss.label_smoothing == 0.1
    assert recipe.augment.hflip == 0.5
    assert recipe.augment.crop_padding == 0
    if name.endswith("_288"):
        assert recipe.optimizer.lr == recipe.schedule.min_lr == 5e-7
    else:
        assert (recipe.schedule.per_epoch, recipe.schedule.warmup_is_prefix) == (True, False)
        assert recipe.schedule.cooldown_epochs == 10


@pytest.mark.parametrize("name", [name for name in PAPERS if "dvs" not in name and "imagenet" not in name])
def test_cifar_recipes(name: str) -> None:
    recipe = load_recipe(name)
    first = family(recipe) == "spikformer"
    assert recipe.batch_size == (128 if first else 64)
    assert recipe.augment.policy_operations == ("reduced" if first else "full")
    assert (recipe.augment.mixup, recipe.augment.cutmix, recipe.augment.mixing_off_epoch) == (0.5, 0.0, 200)
    assert (recipe.peak_lr, recipe.optimizer.weight_decay, recipe.schedule.warmup_lr) == (5e-4, 0.06, 1e-5)
    assert (recipe.schedule.epochs, recipe.schedule.warmup_epochs, recipe.seed) == (300, 20, 42)


@pytest.mark.parametrize(
    ("name", "batch_size"),
    [
        ("spikformer_imagenet", 8 * 24),
        ("spikingformer_imagenet_8_512", 8 * 36),
        ("spikingformer_imagenet_8_768", 8 * 24),
        ("spikformer_cml_imagenet_8_512", 8 * 36),
        ("spikingformer_cml_imagenet_8_768", 8 * 24),
        ("spikingformer_cml_imagenet_8_768_288", 8 * 20),
    ],
)
def test_imagenet_recipes(name: str, batch_size: int) -> None:
    recipe = load_recipe(name)
    assert recipe.batch_size == batch_size
    assert recipe.augment.resized_crop == (1.0, 1.0)
    assert recipe.augment.resized_ratio == pytest.approx((3 / 4, 4 / 3) if family(recipe) == "spikformer" else (1, 1))
    assert (recipe.augment.mixup, recipe.augment.cutmix, recipe.augment.mixing_off_epoch) == (0.8, 1.0, 0)
    assert recipe.optimizer.weight_decay == 0.05


@pytest.mark.parametrize("name", [name for name in PAPERS if "dvs" in name])
def test_event_recipes(name: str) -> None:
    recipe = load_recipe(name)
    assert recipe.schedule.epochs == (96 if recipe.dataset == "cifar10dvs" else 192)
    assert (recipe.batch_size, recipe.seed, recipe.peak_lr, recipe.schedule.min_lr) == (16, 2021, 1e-3, 1e-5)
    assert (recipe.augment.policy, recipe.augment.mixup, recipe.augment.mixing_probability) == ("dvs", 0.5, 0.5)
    assert recipe.augment.mixing_off_epoch == 75
    assert not recipe.images.normalise
    assert recipe.augment.erasing == 0.0
