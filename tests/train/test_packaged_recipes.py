"""The packaged recipes say what the papers say, name models that exist, and call a paper's figure the paper's."""

from __future__ import annotations

from typing import Any

import pytest

from spikeformers import catalog
from spikeformers.train.recipe import Recipe, load_recipe, recipe_names

PAPERS = [name for name in recipe_names() if load_recipe(name).paper is not None]
OURS = {
    "cifar10_jpeg",
    "digits_spikformer",
    "digits_spikingformer",
    "fashion_mnist",
    "fashion_mnist_distilled",
    "fashion_mnist_teacher",
    "finetune",
}
FAMILIES = ("spikformer", "spikformer_cml", "spikingformer", "spikingformer_cml")
DATASETS = ("cifar10", "cifar100", "imagenet", "cifar10dvs", "dvs128_gesture")

# What the papers' released code sets, typed from our notes on it and not from the recipes: one table for each of its
# configurations. Words that it does not have are typed as switched off.
EVERYWHERE = {
    "validation": 0.0,
    "accumulate": 1,
    "precision": "float16",
    "ema": 0.0,
    "freeze": (),
    "distillation": None,
    "images.crop_pct": 1.0,
    "augment.crop_padding": 0,
    "augment.color_jitter": 0.0,
    "augment.hflip": 0.5,
    "augment.erasing_mode": "const",
    "optimizer.name": "adamw",
    "optimizer.lr_batch_size": 0,
    "optimizer.betas": (0.9, 0.999),
    "optimizer.eps": 1e-8,
    "optimizer.layer_decay": 1.0,
    "optimizer.clip_norm": 0.0,
    "schedule.min_lr": 1e-5,
    "schedule.cooldown_epochs": 10,
    "schedule.per_epoch": True,
    "schedule.warmup_is_prefix": False,
    "loss.label_smoothing": 0.1,
    "loss.tet": None,
    "loss.rate_weight": 0.0,
    "loss.operations_weight": 0.0,
}
SPIKFORMER_CIFAR = EVERYWHERE | {
    "time_steps": 4,
    "batch_size": 128,
    "seed": 42,
    "images.normalise": True,
    "augment.resized_crop": None,
    "augment.policy": "rand-m9-n1-mstd0.4-inc1",
    "augment.policy_operations": "reduced",
    "augment.mixup": 0.5,
    "augment.cutmix": 0.0,
    "augment.mixing_probability": 1.0,
    "augment.mixing_off_epoch": 200,
    "augment.erasing": 0.25,
    "optimizer.lr": 5e-4,
    "optimizer.weight_decay": 0.06,
    "schedule.epochs": 300,
    "schedule.warmup_epochs": 20,
    "schedule.warmup_lr": 1e-5,
}
SPIKINGFORMER_CIFAR = SPIKFORMER_CIFAR | {"batch_size": 64, "augment.policy_operations": "full"}
SPIKFORMER_IMAGENET = EVERYWHERE | {
    "time_steps": 4,
    "batch_size": 8 * 24,
    "seed": 42,
    "images.normalise": True,
    "augment.resized_crop": (1.0, 1.0),
    "augment.resized_ratio": (3 / 4, 4 / 3),
    "augment.policy": "rand-m9-mstd0.5-inc1",
    "augment.policy_operations": "full",
    "augment.mixup": 0.8,
    "augment.cutmix": 1.0,
    "augment.mixing_probability": 1.0,
    "augment.mixing_switch": 0.5,
    "augment.mixing_off_epoch": 0,
    "augment.erasing": 0.25,
    "optimizer.lr": 5e-4,
    "optimizer.weight_decay": 0.05,
    "schedule.epochs": 300,
    "schedule.warmup_epochs": 20,
    "schedule.warmup_lr": 1e-6,
}
SPIKINGFORMER_IMAGENET_512 = SPIKFORMER_IMAGENET | {"batch_size": 8 * 36, "augment.resized_ratio": (1.0, 1.0)}
SPIKINGFORMER_IMAGENET_768 = SPIKINGFORMER_IMAGENET_512 | {"batch_size": 8 * 24}
FINE_TUNED_IMAGENET = SPIKINGFORMER_IMAGENET_768 | {  # epochs 307 to 319 of a run, at one rate
    "batch_size": 8 * 20,
    "optimizer.lr": 5e-7,
    "schedule.epochs": 13,
    "schedule.warmup_epochs": 0,
    "schedule.warmup_lr": 1e-5,
    "schedule.min_lr": 5e-7,
    "schedule.cooldown_epochs": 0,
    "schedule.per_epoch": False,
    "schedule.warmup_is_prefix": True,
}
CIFAR10DVS = EVERYWHERE | {
    "time_steps": 16,
    "batch_size": 16,
    "seed": 2021,
    "images.normalise": False,
    "augment.resized_crop": None,
    "augment.policy": "dvs",
    "augment.mixup": 0.5,
    "augment.cutmix": 0.0,
    "augment.mixing_probability": 0.5,
    "augment.mixing_off_epoch": 75,
    "augment.erasing": 0.0,
    "optimizer.lr": 1e-3,
    "optimizer.weight_decay": 0.06,
    "schedule.epochs": 96,
    "schedule.warmup_epochs": 10,
    "schedule.warmup_lr": 1e-5,
}
GESTURE = CIFAR10DVS | {"schedule.epochs": 192}

WORDS_OF = {
    "spikformer_cifar10": SPIKFORMER_CIFAR,
    "spikformer_cifar100": SPIKFORMER_CIFAR,
    "spikformer_imagenet": SPIKFORMER_IMAGENET,
    "spikformer_cifar10dvs": CIFAR10DVS,
    "spikformer_dvs128_gesture": GESTURE,
    "spikformer_cml_cifar10": SPIKINGFORMER_CIFAR,
    "spikformer_cml_cifar100": SPIKINGFORMER_CIFAR,
    "spikformer_cml_imagenet_8_512": SPIKINGFORMER_IMAGENET_512,
    "spikformer_cml_imagenet_8_768": SPIKINGFORMER_IMAGENET_768,
    "spikformer_cml_cifar10dvs": CIFAR10DVS,
    "spikformer_cml_dvs128_gesture": GESTURE,
    "spikingformer_cifar10": SPIKINGFORMER_CIFAR,
    "spikingformer_cifar100": SPIKINGFORMER_CIFAR,
    "spikingformer_imagenet_8_512": SPIKINGFORMER_IMAGENET_512,
    "spikingformer_imagenet_8_768": SPIKINGFORMER_IMAGENET_768,
    "spikingformer_cifar10dvs": CIFAR10DVS,
    "spikingformer_dvs128_gesture": GESTURE,
    "spikingformer_cml_cifar10": SPIKINGFORMER_CIFAR,
    "spikingformer_cml_cifar100": SPIKINGFORMER_CIFAR,
    "spikingformer_cml_imagenet_8_512": SPIKINGFORMER_IMAGENET_512,
    "spikingformer_cml_imagenet_8_768": SPIKINGFORMER_IMAGENET_768,
    "spikingformer_cml_imagenet_8_768_288": FINE_TUNED_IMAGENET,
    "spikingformer_cml_cifar10dvs": CIFAR10DVS,
    "spikingformer_cml_dvs128_gesture": GESTURE,
}


def word(recipe: Recipe, key: str) -> Any:
    if key == "time_steps":
        return {**catalog.get(recipe.model.name).config, **recipe.model.config}[key]
    value: Any = recipe
    for part in key.split("."):
        value = getattr(value, part)
    return value


def family(recipe: Recipe) -> str:
    return catalog.get(recipe.model.name).family


@pytest.mark.parametrize("name", WORDS_OF)
def test_every_word_is_that_of_the_released_code(name: str) -> None:
    recipe = load_recipe(name)
    assert {key: word(recipe, key) for key in WORDS_OF[name]} == WORDS_OF[name]
    assert recipe.peak_lr == recipe.optimizer.lr  # never scaled by the batch size


def test_a_recipe_is_a_papers_or_ours() -> None:
    assert set(PAPERS) == set(WORDS_OF)
    assert set(recipe_names()) - set(PAPERS) == OURS


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


@pytest.mark.parametrize("name", PAPERS)
def test_the_notes_say_in_what_the_authors_evaluate(name: str) -> None:
    paper = load_recipe(name).paper
    assert paper is not None
    there = "float32." if "dvs" in name else "float16, too; evaluation is in float32 here."
    assert f"The authors evaluate in {there}" in paper.notes
