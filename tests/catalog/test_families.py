"""The packaged files against the papers' figures and the closed form of the parameter count."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest
import torch

from spikeformers import catalog
from spikeformers.errors import UnknownNameError
from spikeformers.models import create_model

NAMES = catalog.names()
TRUNKS = [name for name in NAMES if catalog.get(name).family.startswith(("spikformer", "spikingformer"))]

# Trainable values of the official code, less those it carries in vain.
COUNTED = {
    "spikformer_4_256.cifar10": 4_155_178,
    "spikformer_4_256.cifar100": 4_178_308,
    "spikformer_2_384.cifar10": 5_765_050,
    "spikformer_2_384.cifar100": 5_799_700,
    "spikformer_4_384.cifar10": 9_324_730,
    "spikformer_4_384.cifar100": 9_359_380,
    "spikformer_8_384.imagenet": 16_816_024,
    "spikformer_6_512.imagenet": 23_373_352,
    "spikformer_8_512.imagenet": 29_689_384,
    "spikformer_10_512.imagenet": 36_005_416,
    "spikformer_8_768.imagenet": 66_338_632,
    "spikformer_2_256.cifar10dvs": 2_566_666,
    "spikformer_2_256.dvs128gesture": 2_566_923,
    "spikingformer_4_256.cifar10": 4_152_106,
    "spikingformer_4_256.cifar100": 4_175_236,
    "spikingformer_2_384.cifar10": 5_762_746,
    "spikingformer_2_384.cifar100": 5_797_396,
    "spikingformer_4_384.cifar10": 9_320_122,
    "spikingformer_4_384.cifar100": 9_354_772,
    "spikingformer_8_384.imagenet": 16_816_024,
    "spikingformer_8_512.imagenet": 29_689_384,
    "spikingformer_8_768.imagenet": 66_338_632,
    "spikingformer_2_256.cifar10dvs": 2_566_666,
    "spikingformer_2_256.dvs128gesture": 2_566_923,
}
# Millions as printed in the papers, some rounded and some cut off.
PRINTED = {
    "4_256.cifar10": 4.15,
    "2_384.cifar10": 5.76,
    "4_384.cifar10": 9.32,
    "8_384.imagenet": 16.81,
    "6_512.imagenet": 23.37,
    "8_512.imagenet": 29.68,
    "10_512.imagenet": 36.01,
    "8_768.imagenet": 66.34,
    "2_256.cifar10dvs": 2.57,
}


def closed_form(record: catalog.Record) -> int:
    c = record.config
    D, r = c["dim"], c["mlp_ratio"]
    stem = 9 * c["in_channels"] * D // 8 + 53 * 9 * D * D // 32 + 23 * D // 4
    block = (4 + 2 * r) * D * D + (12 + 3 * r) * D
    if c.get("projection") == "linear":  # biases on q, k and v
        block += 3 * D
    return stem + c["depth"] * block + (D + 1) * c["num_classes"]


@pytest.mark.parametrize("name", TRUNKS)
def test_the_parameter_count_is_the_closed_form(name: str) -> None:
    record = catalog.get(name)
    assert record.parameters == closed_form(record)


@pytest.mark.parametrize(("name", "parameters"), COUNTED.items())
def test_the_parameter_count_is_the_official_one(name: str, parameters: int) -> None:
    assert catalog.get(name).parameters == parameters
    cml = name.replace("former_", "former_cml_")
    if cml in NAMES:
        assert catalog.get(cml).parameters == parameters


@pytest.mark.parametrize(("size", "millions"), PRINTED.items())
def test_the_parameter_count_is_the_printed_one(size: str, millions: float) -> None:
    names = [name for name in TRUNKS if name.endswith(f"former_{size}") or name.endswith(f"former_cml_{size}")]
    assert names
    for name in names:
        assert abs(catalog.get(name).parameters / 1e6 - millions) < 0.01


@pytest.mark.parametrize("name", NAMES)
def test_the_model_has_the_parameters_of_its_record(name: str) -> None:
    record = catalog.get(name)
    with torch.device("meta"):
        model = create_model(name)
    assert sum(parameter.numel() for parameter in model.parameters()) == record.parameters
    assert set(record.config) <= set(model.config.to_dict())


@pytest.mark.parametrize("name", NAMES)
def test_a_record_says_what_its_name_says(name: str) -> None:
    record = catalog.get(name)
    config = record.config
    model, _, dataset = name.partition(".")
    if {"depth", "dim"} <= set(config):
        assert model == f"{record.family}_{config['depth']}_{config['dim']}"
    assert record.dataset == dataset
    assert record.input == (config["in_channels"], *config["image_size"])
    assert record.time_steps == config["time_steps"]
    assert all(dim % config["heads"] == 0 for dim in config.get("dims", ())[-2:] or [config["dim"]])
    classes = {"cifar100": 100, "imagenet": 1000, "dvs128gesture": 11, "hardvs": 300}
    assert config["num_classes"] == classes.get(dataset, 10)
    ours = dataset in ("digits", "fashion_mnist", "cifar10_jpeg", "nmnist")
    assert ours == (not record.published and record.published_parameters is None)
    assert ours == any("Ours, not from the paper" in note for note in record.notes)
    assert record.paper.title
    assert record.paper.title in record.paper.bibtex


def test_every_published_size_is_there() -> None:
    sizes = {catalog.get(name).family: set() for name in TRUNKS}
    for name in NAMES:
        record = catalog.get(name)
        if name in TRUNKS and record.published:
            sizes[record.family].add(name.removeprefix(record.family + "_"))
    cifar = {f"{size}.{data}" for size in ("4_256", "2_384", "4_384") for data in ("cifar10", "cifar100")}
    events = {"2_256.cifar10dvs", "2_256.dvs128gesture"}
    three = {f"{size}.imagenet" for size in ("8_384", "8_512", "8_768")}
    five = three | {"6_512.imagenet", "10_512.imagenet"}
    assert sizes == {
        "spikformer": cifar | five | events,
        "spikformer_cml": cifar | three | events,
        "spikingformer": cifar | three | events,
        "spikingformer_cml": cifar | three | events,
    }


def test_constants_of_the_released_forms() -> None:
    def words(name: str, *keys: str) -> tuple[object, ...]:
        return tuple(catalog.get(name).config[key] for key in keys)

    assert words("spikformer_2_256.cifar10dvs", "tau", "attention_scale", "heads", "pooling") == (2.0, 0.25, 16, "1111")
    assert words("spikingformer_2_256.dvs128gesture", "tau", "attention_scale", "heads") == (1.5, 0.125, 16)
    assert words("spikingformer_cml_2_256.cifar10dvs", "tau", "pool_before_neuron") == (1.75, True)
    assert words("spikformer_cml_4_384.cifar10", "pool_before_neuron", "projection") == (True, "linear")
    assert words("spikformer_8_512.imagenet", "projection", "heads", "pooling") == ("convolution", 8, "1111")
    assert words("spikingformer_4_384.cifar100", "heads") == (8,)


def test_guessed_heads_are_marked() -> None:
    guessed = {name for name in catalog.names("spikformer_*") if "heads" in catalog.get(name).uncertain}
    assert {"spikformer_4_256.cifar10", "spikformer_8_768.imagenet"} <= guessed
    assert not {"spikformer_4_384.cifar10", "spikformer_8_512.imagenet", "spikformer_2_256.cifar10dvs"} & guessed


def test_patterns_and_unknown_names() -> None:
    assert catalog.names("spikformer_4_*.cifar10") == ["spikformer_4_256.cifar10", "spikformer_4_384.cifar10"]
    assert catalog.names("nothing*") == []
    with pytest.raises(UnknownNameError, match=r"Did you mean 'spikformer_4_384\.cifar10'"):
        catalog.get("spikformer_4_348.cifar10")
    with pytest.raises(UnknownNameError, match=r"'spikformer' has no variant 'imagnet'.*'imagenet'"):
        catalog.variant("spikformer", "imagnet")
    with pytest.raises(UnknownNameError, match=r"No system is called 'spkformer'"):
        catalog.variant("spkformer", "imagenet")


def test_what_a_caller_does_to_a_config_stays_with_the_caller() -> None:
    catalog.get(TRUNKS[0]).config["dim"] = 8
    catalog.variant("spikformer", "cifar").config["tau"] = 9.0
    assert catalog.get(TRUNKS[0]).config["dim"] == 256
    assert catalog.variant("spikformer", "cifar").config["tau"] == 2.0


def test_records_go_into_json() -> None:
    record = json.loads(json.dumps(catalog.get("spikingformer_cml_8_768.imagenet").to_dict()))
    assert record["input"] == [3, 224, 224]
    assert record["published"][1]["image_size"] == [288, 288]
    assert record["published"][0]["image_size"] is None


def test_the_catalogue_needs_no_torch() -> None:
    program = (
        "import sys; from spikeformers import catalog; from spikeformers.catalog import official;"
        "catalog.get(catalog.names()[0]); official.names('spikformer', 'cifar', []);"
        "sys.exit(any(name in sys.modules for name in ('torch', 'numpy', 'rich', 'matplotlib')))"
    )
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
