"""The packaged recipes say what the papers say, name models that exist, and call a paper's figure the paper's."""

from __future__ import annotations

from typing import Any

import pytest

from spikeformers import catalog
from spikeformers.train.recipe import Recipe, load_recipe, recipe_names
from spikeformers.train.words import DistillationWords

PAPERS = [name for name in recipe_names() if load_recipe(name).paper is not None]
OURS = {
    "cifar10_jpeg",
    "digits_e_spikeformer",
    "digits_meta_spikeformer",
    "digits_qkformer",
    "digits_sdt",
    "digits_spikeformer",
    "digits_spikformer",
    "digits_spikingformer",
    "fashion_mnist",
    "fashion_mnist_distilled",
    "fashion_mnist_teacher",
    "finetune",
    "nmnist",
}
EVENTS = ("cifar10dvs", "dvs128_gesture")
DATASETS = {
    **dict.fromkeys(
        ("spikformer", "spikformer_cml", "spikingformer", "spikingformer_cml", "sdt"),
        ("cifar10", "cifar100", "imagenet", *EVENTS),
    ),
    "meta_spikeformer": ("imagenet",),
    "e_spikeformer": ("imagenet",),
    "spikeformer": ("imagenet", *EVENTS),
    "qkformer": ("cifar10", "cifar100", "imagenet", *EVENTS),
    "tim": ("cifar10dvs",),
    "sglformer": ("cifar10", "cifar100", "imagenet", *EVENTS),
}

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
    "augment.roll": 0,
    "augment.cutout": 0,
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

UNCUT = {"schedule.cosine_epochs": 0, "schedule.rates": ()}
LAMB = {"optimizer.name": "lamb", "optimizer.eps": 1e-6, "optimizer.clip_norm": 1.0, "optimizer.trust_clip": False}
SDT_EVERYWHERE = EVERYWHERE | UNCUT | {"seed": 42, "augment.erasing": 0.0, "images.normalise": True}
SDT_IMAGENET = (
    SDT_EVERYWHERE
    | LAMB
    | {
        "time_steps": 4,
        "batch_size": 8 * 48,
        "images.crop_pct": 0.95,
        "images.interpolation": "bicubic",
        "augment.resized_crop": (0.2, 1.0),
        "augment.policy": "rand-m5-mstd0.5-inc1",
        "augment.mixup": 0.2,
        "augment.cutmix": 1.0,
        "augment.mixing_switch": 0.5,
        "augment.mixing_probability": 0.6,
        "augment.mixing_off_epoch": 0,
        "optimizer.lr": 1.5e-3,
        "optimizer.weight_decay": 0.01,
        "schedule.epochs": 300,
        "schedule.warmup_epochs": 20,
        "schedule.warmup_lr": 1e-5,
        "schedule.min_lr": 1.5e-5,
    }
)
SDT_SLOWER = SDT_IMAGENET | {
    "augment.policy": "rand-m7-mstd0.5-inc1",
    "optimizer.lr": 1e-3,
    "schedule.min_lr": 2e-5,
}
SDT_CIFAR = SDT_EVERYWHERE | {
    "time_steps": 4,
    "batch_size": 64,
    "precision": "float32",
    "augment.resized_crop": None,
    "augment.policy": "rand-m9-n1-mstd0.4-inc1",
    "augment.policy_operations": "full",
    "augment.mixup": 0.5,
    "augment.cutmix": 0.0,
    "augment.mixing_probability": 1.0,
    "augment.mixing_off_epoch": 200,
    "optimizer.lr": 3e-4,
    "optimizer.weight_decay": 0.06,
    "schedule.epochs": 300,
    "schedule.warmup_epochs": 20,
    "schedule.warmup_lr": 1e-6,
    "schedule.min_lr": 1e-5,
}
SDT_EVENTS = SDT_EVERYWHERE | {
    "time_steps": 16,
    "images.normalise": False,
    "augment.hflip": 0.0,
    "augment.resized_crop": None,
    "augment.policy": "",
    "augment.mixup": 0.0,
    "augment.cutmix": 0.0,
    "schedule.epochs": 200,
    "schedule.warmup_epochs": 10,
}
SDT_CIFAR10DVS = SDT_EVENTS | {
    "batch_size": 32,
    "loss.tet": 1e-3,
    "loss.tet_means": 1.0,
    "optimizer.lr": 7.5e-3,
    "optimizer.weight_decay": 1e-4,
    "schedule.warmup_lr": 1e-3,
    "schedule.min_lr": 3e-4,
}
SDT_GESTURE = (
    SDT_EVENTS
    | LAMB
    | {
        "batch_size": 16,
        "loss.label_smoothing": 0.0,
        "optimizer.lr": 3e-4,
        "optimizer.weight_decay": 0.06,
        "schedule.warmup_lr": 1e-6,
    }
)
META_IMAGENET = (
    EVERYWHERE
    | UNCUT
    | LAMB
    | {
        "time_steps": 1,
        "batch_size": 8 * 128,
        "images.normalise": True,
        "images.crop_pct": 224 / 256,
        "images.interpolation": "bicubic",
        "augment.resized_crop": (0.08, 1.0),
        "augment.resized_ratio": (3 / 4, 4 / 3),
        "augment.policy": "rand-m9-mstd0.5-inc1",
        "augment.policy_operations": "full",
        "augment.mixup": 0.0,
        "augment.cutmix": 0.0,
        "augment.erasing": 0.25,
        "augment.erasing_mode": "pixel",
        "optimizer.lr": 6e-4,
        "optimizer.lr_batch_size": 256,
        "optimizer.weight_decay": 0.05,
        "optimizer.trust_clip": True,
        "schedule.epochs": 200,
        "schedule.warmup_epochs": 10,
        "schedule.warmup_lr": 0.0,
        "schedule.min_lr": 1e-6,
        "schedule.cooldown_epochs": 0,
        "schedule.per_epoch": False,
        "schedule.warmup_is_prefix": True,
    }
)
META_FINE_TUNED = META_IMAGENET | {
    "init": "runs/meta_spikeformer_55m",
    "time_steps": 4,
    "distillation_head": True,
    "batch_size": 8 * 32,
    "optimizer.lr": 1e-5,
    "optimizer.lr_batch_size": 0,
    "schedule.epochs": 20,
    "schedule.warmup_epochs": 2,
    "distillation": DistillationWords(teacher="teachers:caformer_b36", kind="hard", alpha=0.5, output="token"),
}
E_IMAGENET = META_IMAGENET | {
    "max_spike": 4,
    "batch_size": 8 * 256,
    "images.crop_pct": 224 / 232,
    "schedule.warmup_epochs": 5,
}
SPIKEFORMER_EVERYWHERE = EVERYWHERE | {
    "seed": 2020,
    "drop_path": 0.1,
    "augment.policy": "",
    "augment.mixup": 0.0,
    "augment.cutmix": 0.0,
    "augment.erasing": 0.0,
    "schedule.cooldown_epochs": 0,
    "schedule.warmup_is_prefix": True,
    "schedule.warmup_lr": 0.0,
}
SPIKEFORMER_IMAGENET = SPIKEFORMER_EVERYWHERE | {
    "time_steps": 4,
    "neuron": "pliaf",
    "batch_size": 20 * 8,
    "images.normalise": True,
    "images.crop_pct": 224 / 256,
    "augment.policy": "autoaugment-imagenet",
    "augment.erasing": 0.25,
    "optimizer.name": "sgd",
    "optimizer.lr": 0.01,
    "optimizer.momentum": 0.9,
    "optimizer.eps": 0.0,
    "optimizer.weight_decay": 1e-4,
    "schedule.epochs": 131,
    "schedule.cosine_epochs": 320,
    "schedule.warmup_epochs": 5,
    "schedule.warmup_lr": 0.01 * 0.01,
    "schedule.min_lr": 0.0,
    "schedule.rates": ((94, 1e-3), (115, 1e-4), (118, 1e-5)),
}
SPIKEFORMER_EVENTS = SPIKEFORMER_EVERYWHERE | {
    "neuron": "plif",
    "images.normalise": False,
    "optimizer.name": "adam",
    "optimizer.lr": 1e-3,
    "schedule.min_lr": 1e-3,
    "schedule.cosine_epochs": 0,
}
SPIKEFORMER_CIFAR10DVS = SPIKEFORMER_EVENTS | {
    "augment.roll": 5,
    "augment.cutout": 16,
    "time_steps": 4,
    "batch_size": 32,
    "loss.label_smoothing": 0.14,
    "optimizer.weight_decay": 1e-4,
    "schedule.epochs": 600,
    "schedule.warmup_epochs": 25,
    "schedule.rates": ((192, 1e-4), (384, 1e-5), (576, 1e-6)),
}
SPIKEFORMER_GESTURE = SPIKEFORMER_EVENTS | {
    "time_steps": 16,
    "batch_size": 16,
    "precision": "float32",
    "augment.hflip": 0.0,
    "loss.label_smoothing": 0.0,
    "optimizer.weight_decay": 1.5e-4,
    "schedule.epochs": 150,
    "schedule.warmup_epochs": 20,
    "schedule.rates": (),
}
QKFORMER_CIFAR = SPIKINGFORMER_CIFAR | {"optimizer.lr": 1e-3, "schedule.epochs": 400}
QKFORMER_IMAGENET = META_IMAGENET | {
    "time_steps": 4,
    "batch_size": 8 * 32 * 2,
    "accumulate": 2,
    "optimizer.name": "adamw",
    "optimizer.eps": 1e-8,
    "optimizer.clip_norm": 0.0,
    "optimizer.trust_clip": False,
    "schedule.warmup_epochs": 5,
}
QKFORMER_CIFAR10DVS = CIFAR10DVS | {"mlp_ratio": 1, "optimizer.lr": 5e-3}
QKFORMER_GESTURE = GESTURE | {"mlp_ratio": 4, "schedule.min_lr": 2e-5}
# Less is known of it.
TIM_CIFAR10DVS = {
    "time_steps": 10,
    "image_size": (64, 64),
    "attention_v_threshold": 1.0,
    "interaction": "tim(alpha=0.5, threshold_in=1.0, threshold_out=1.0)",
    "detach_membrane": True,
    "batch_size": 16,
    "images.normalise": False,
    "optimizer.name": "adamw",
    "optimizer.lr": 5e-3,
    "optimizer.weight_decay": 1e-4,
    "schedule.epochs": 500,
    "schedule.rates": (),  # a cosine
    "loss.label_smoothing": 0.1,
}
SGLFORMER_CIFAR = {
    "time_steps": 4,
    "batch_size": 64,
    "augment.mixup": 0.5,
    "optimizer.name": "adamw",
    "optimizer.lr": 1e-3,
    "optimizer.weight_decay": 0.06,
    "schedule.epochs": 400,
    "schedule.warmup_epochs": 20,
    "schedule.rates": (),
}
SGLFORMER_IMAGENET = {
    "time_steps": 4,
    "batch_size": 32 * 8 * 2,
    "accumulate": 2,
    "augment.policy": "rand-m9-mstd0.5-inc1",
    "augment.erasing": 0.25,
    "optimizer.name": "adamw",
    "optimizer.lr": 6e-4,
    "optimizer.lr_batch_size": 256,
    "optimizer.weight_decay": 0.05,
    "schedule.epochs": 200,
    "schedule.warmup_epochs": 5,
    "loss.label_smoothing": 0.1,
}
SGLFORMER_CIFAR10DVS = {
    "time_steps": 10,
    "batch_size": 16,
    "images.normalise": False,
    "optimizer.name": "adamw",
    "optimizer.lr": 5e-3,
    "optimizer.weight_decay": 0.06,
    "schedule.epochs": 96,
}
SGLFORMER_GESTURE = SGLFORMER_CIFAR10DVS | {"time_steps": 16, "schedule.epochs": 192}

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
    "sdt_imagenet_8_512": SDT_IMAGENET,
    "sdt_imagenet_6_512": SDT_SLOWER | {"augment.resized_crop": (0.08, 1.0)},
    "sdt_imagenet_10_512": SDT_SLOWER | {"batch_size": 8 * 36, "augment.mixing_probability": 0.75},
    "sdt_imagenet_8_768": SDT_SLOWER
    | {"batch_size": 8 * 36, "augment.resized_crop": (0.08, 1.0), "augment.mixing_probability": 1.0},
    "sdt_cifar10": SDT_CIFAR,
    "sdt_cifar100": SDT_CIFAR,
    "sdt_cifar10dvs": SDT_CIFAR10DVS,
    "sdt_dvs128_gesture": SDT_GESTURE,
    "meta_spikeformer_imagenet": META_IMAGENET,
    "meta_spikeformer_imagenet_55m_t4_kd": META_FINE_TUNED,
    "e_spikeformer_imagenet": E_IMAGENET,
    "spikeformer_imagenet": SPIKEFORMER_IMAGENET,
    "spikeformer_cifar10dvs": SPIKEFORMER_CIFAR10DVS,
    "spikeformer_dvs128_gesture": SPIKEFORMER_GESTURE,
    "qkformer_cifar10": QKFORMER_CIFAR,
    "qkformer_cifar100": QKFORMER_CIFAR,
    "qkformer_imagenet": QKFORMER_IMAGENET,
    "qkformer_imagenet_10_768": QKFORMER_IMAGENET | {"batch_size": 8 * 24 * 3, "accumulate": 3},
    "qkformer_cifar10dvs": QKFORMER_CIFAR10DVS,
    "qkformer_dvs128_gesture": QKFORMER_GESTURE,
    "tim_cifar10dvs": TIM_CIFAR10DVS,
    "sglformer_cifar10": SGLFORMER_CIFAR,
    "sglformer_cifar100": SGLFORMER_CIFAR,
    "sglformer_imagenet": SGLFORMER_IMAGENET,
    "sglformer_cifar10dvs": SGLFORMER_CIFAR10DVS,
    "sglformer_dvs128_gesture": SGLFORMER_GESTURE,
}


def word(recipe: Recipe, key: str) -> Any:
    config = {**catalog.get(recipe.model.name).config, **recipe.model.config}
    if key in config:
        return config[key]
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
    # Of the published code, that of these alone scales the rate with the batch.
    peaks = {
        "meta_spikeformer_imagenet": 2.4e-3,
        "e_spikeformer_imagenet": 4.8e-3,
        "qkformer_imagenet": 1.2e-3,
        "qkformer_imagenet_10_768": 1.35e-3,
        "sglformer_imagenet": 1.2e-3,
    }
    assert recipe.peak_lr == pytest.approx(peaks.get(name, recipe.optimizer.lr))


def test_a_recipe_is_a_papers_or_ours() -> None:
    assert set(PAPERS) == set(WORDS_OF)
    assert set(recipe_names()) - set(PAPERS) == OURS


def test_there_is_a_recipe_for_every_paper_and_data_set() -> None:
    there = {(family(recipe), recipe.dataset) for recipe in map(load_recipe, PAPERS)}
    assert there == {(name, dataset) for name, datasets in DATASETS.items() for dataset in datasets}


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
def test_lamb_shortens_long_gradients_as_timms_does_by_itself(name: str) -> None:
    words = load_recipe(name).optimizer
    assert words.clip_norm == (1.0 if words.name == "lamb" else 0.0)


@pytest.mark.parametrize("name", [name for name in PAPERS if name.startswith(("spikformer", "spikingformer"))])
def test_the_notes_say_in_what_the_authors_evaluate(name: str) -> None:
    paper = load_recipe(name).paper
    assert paper is not None
    there = "float32." if "dvs" in name else "float16, too; evaluation is in float32 here."
    assert f"The authors evaluate in {there}" in paper.notes
