from pathlib import Path

import pytest
import torch
from PIL import Image

from spikeformers.cli.measuring import expect_files, open_subjects
from spikeformers.data import load_dataset, normalise, read_all
from spikeformers.errors import ConfigError, DataError, InputError


@pytest.fixture(scope="module")
def digits():
    return load_dataset("digits")


def test_a_run_is_opened_with_its_test_images(trained: Path, digits) -> None:
    (subject,) = open_subjects([str(trained)], limit=50)
    assert not subject.model.training
    assert subject.on == "50 test images of digits"
    x = torch.cat([x for x, _ in subject.batches(7)])
    pixels = torch.cat([x for x, _ in subject.raw(32)])
    labels = torch.cat([y for _, y in subject.raw(32)])
    chosen = torch.arange(50) * len(digits.test) // 50  # spread over the whole part, whatever its order
    assert torch.equal(pixels, read_all(digits.test).images[chosen])
    assert torch.equal(labels, digits.test.labels[chosen])
    assert torch.equal(x, normalise(pixels, digits.mean, digits.std))


def test_without_a_limit_all_are_looked_at(trained: Path, digits) -> None:
    (subject,) = open_subjects([str(trained)])
    assert subject.samples == len(digits.test)
    assert subject.on.startswith("all 360 ")


def test_labels_tell_models_apart(trained: Path) -> None:
    file = trained / "last.safetensors"
    subjects = open_subjects([str(trained), str(file)], limit=1)
    assert [subject.label for subject in subjects] == [trained.name, f"{trained.name}/last"]


def test_a_plain_torch_module_stands_beside_them(trained: Path) -> None:
    subjects = open_subjects([str(trained), "torch.nn:Flatten"], dataset="digits", limit=3)
    assert subjects[1].label == "torch.nn:Flatten"
    assert subjects[1].name == "Flatten"
    x, _ = next(iter(subjects[1].batches(2)))
    assert x.shape == (2, 1, 8, 8)


def test_a_plain_torch_module_needs_a_data_set() -> None:
    with pytest.raises(ConfigError, match="--dataset"):
        open_subjects(["torch.nn:Flatten"])


@pytest.mark.parametrize(("models", "limit", "message"), [((), None, "No model"), (("a", "a"), None, "twice")])
def test_what_cannot_be_is_refused(models, limit, message) -> None:
    with pytest.raises(InputError, match=message):
        open_subjects(models, limit=limit)


def test_one_model_under_two_names_is_refused(trained: Path, tmp_path: Path) -> None:
    link = tmp_path / "link"
    link.symlink_to(trained)
    with pytest.raises(InputError, match=r"was named twice \(.* is the same\)"):
        open_subjects([str(trained), str(link)], limit=1)


def test_where_nothing_can_be_written_is_said_before_measuring(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    expect_files(None, tmp_path / "new" / "table.csv", tmp_path / "file")
    with pytest.raises(InputError, match="is a directory"):
        expect_files(tmp_path / "table.csv", tmp_path)
    with pytest.raises(InputError, match="file is no directory"):
        expect_files(tmp_path / "file" / "new" / "table.csv")


def test_a_limit_is_at_least_one(trained: Path) -> None:
    with pytest.raises(InputError, match="--limit is 0"):
        open_subjects([str(trained)], limit=0)


@pytest.fixture
def folder(tmp_path: Path, digits, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A hundred digits to train on and 120 to test on, as files that are decoded as they are read."""
    monkeypatch.setattr("spikeformers.data.pictures.opening.BUDGET", 0)
    for part, source, number in (("train", digits.train, 100), ("test", digits.test, 120)):
        pictures = read_all(source)
        for index in range(number):
            place = tmp_path / part / digits.classes[int(pictures.labels[index])]
            place.mkdir(parents=True, exist_ok=True)
            Image.fromarray(pictures.images[index, 0].numpy()).save(place / f"{index}.png")
    return tmp_path


def test_an_unreadable_picture_is_named_once(trained: Path, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    damaged = next((folder / "test" / "3").iterdir())
    damaged.write_bytes(b"no picture")
    (subject,) = open_subjects([str(trained)], dataset="image_folder", data_dir=folder)
    for _ in range(2):
        assert sum(len(x) for x, _ in subject.batches(7)) == 119
    told = capsys.readouterr().err
    assert told.startswith("1 image cannot be read and is left out:\n")
    assert told.count(str(damaged)) == 1


def test_many_unreadable_pictures_are_refused(trained: Path, folder: Path) -> None:
    for damaged in (folder / "test" / "3").iterdir():
        damaged.write_bytes(b"no picture")
    (subject,) = open_subjects([str(trained)], dataset="image_folder", data_dir=folder)
    with pytest.raises(DataError, match="at most 1 % may be so"):
        list(subject.batches(7))
