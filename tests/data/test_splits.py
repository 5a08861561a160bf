from __future__ import annotations

import hashlib
import itertools

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from spikeformers.data import Images, count_held_out, hold_out, load_dataset
from spikeformers.data.splits import divide, fold_of, held_out
from spikeformers.errors import ConfigError, DataError

CLASSES = st.lists(st.integers(0, 4), min_size=1, max_size=80)


def names_of(count: int) -> list[str]:
    return [f"picture {index}.png" for index in range(count)]


@given(labels=CLASSES, share=st.floats(0.01, 0.99))
def test_every_class_gives_its_share(labels: list[int], share: float) -> None:
    held = held_out(torch.tensor(labels), share, "toy", names_of(len(labels)))
    for label in set(labels):
        members = labels.count(label)
        given_away = int(held[torch.tensor(labels) == label].sum())
        if members == 1:
            assert given_away == 0
        else:
            assert 1 <= given_away <= members - 1
            assert abs(given_away - share * members) <= 0.5 or given_away in (1, members - 1)


@given(labels=CLASSES, seed=st.integers(0, 99))
def test_the_order_of_the_pictures_does_not_matter(labels: list[int], seed: int) -> None:
    names = names_of(len(labels))
    order = torch.randperm(len(labels), generator=torch.Generator().manual_seed(seed))
    held = held_out(torch.tensor(labels), 0.3, "toy", names)
    shuffled = held_out(torch.tensor(labels)[order], 0.3, "toy", [names[index] for index in order])
    assert torch.equal(held[order], shuffled)


def test_the_smallest_hashes_are_held_out_for_ever() -> None:
    names = names_of(40)
    smallest = sorted(names, key=lambda name: hashlib.sha256(b"toy\0" + name.encode()).digest())[:8]
    held = held_out(torch.zeros(40, dtype=torch.int64), 0.2, "toy", names)
    assert {name for name, is_held in zip(names, held, strict=True) if is_held} == set(smallest)
    # Written down once: another choice would change what published figures were measured on.
    expected = [2, 4, 21, 24, 27, 28, 33, 38]
    assert torch.nonzero(held).flatten().tolist() == expected


def test_added_pictures_move_few_others() -> None:
    labels = torch.zeros(1100, dtype=torch.int64)
    before = held_out(labels[:1000], 0.1, "toy", names_of(1000))
    after = held_out(labels, 0.1, "toy", names_of(1100))[:1000]
    assert int((before != after).sum()) <= 20


def test_the_name_of_the_set_decides_too() -> None:
    labels = torch.zeros(50, dtype=torch.int64)
    one, other = (held_out(labels, 0.2, key, names_of(50)) for key in ("one", "other"))
    assert not torch.equal(one, other)


def test_names_are_compared_by_what_they_spell() -> None:
    labels = torch.zeros(30, dtype=torch.int64)
    composed = [f"\u00e4 {index}" for index in range(30)]
    decomposed = [f"a\u0308 {index}" for index in range(30)]
    assert torch.equal(held_out(labels, 0.3, "toy", composed), held_out(labels, 0.3, "toy", decomposed))
    assert held_out(labels, 0.3, "toy", [f"\udcff{index}" for index in range(30)]).sum() == 9  # a name that is no UTF-8


def test_rest_and_held_out_keep_their_order_and_share_nothing() -> None:
    images = Images(torch.arange(30, dtype=torch.uint8).view(-1, 1, 1, 1), torch.arange(30) % 3)
    rest, held = hold_out(images, 0.2, "toy", names_of(30))
    assert (len(rest), len(held)) == (24, 6)
    together = torch.cat([rest.indices, held.indices])
    assert together.sort().values.tolist() == list(range(30))
    assert torch.equal(rest.indices, rest.indices.sort().values)
    assert held.labels.bincount().tolist() == [2, 2, 2]
    assert held.read(torch.arange(6)).images.flatten().tolist() == held.indices.tolist()


def test_the_split_of_the_digits_is_fixed() -> None:
    digits = load_dataset("digits").with_validation(0.1)
    assert digits.validation is not None
    assert (len(digits.train), len(digits.validation), len(digits.test)) == (1292, 145, 360)
    assert digits.validation.indices[:5].tolist() == [6, 8, 11, 28, 41]


@pytest.mark.parametrize(
    ("n", "share", "held"),
    [(5000, 0.1, 500), (10, 0.25, 3), (10, 0.04, 1), (2, 0.99, 1), (3, 0.9, 2), (1, 0.5, 0), (0, 0.5, 0), (9, 0.0, 0)],
)
def test_the_share_of_a_class_is_rounded_between_one_and_all_but_one(n: int, share: float, held: int) -> None:
    assert count_held_out(n, share) == held


@pytest.mark.parametrize("share", [-0.1, 1.0, float("nan")])
def test_a_share_outside_its_range_is_refused(share: float) -> None:
    with pytest.raises(ConfigError, match=r"share to hold out is .*; it must be 0 or more and below 1"):
        held_out(torch.zeros(3), share, "toy", names_of(3))
    with pytest.raises(ConfigError, match=r"share to hold out is"):
        count_held_out(3, share)


@given(names=st.lists(st.text(max_size=12), min_size=1, max_size=60), folds=st.integers(2, 10))
def test_every_name_belongs_to_one_fold(names: list[str], folds: int) -> None:
    assert all(0 <= fold_of(name, folds) < folds for name in names)
    assert [fold_of(name, folds) for name in names] == [fold_of(name, folds) for name in names]


@pytest.mark.parametrize(
    ("name", "folds", "fold"),
    [("Train/7/00042.bin", 10, 2), ("3/00040.bin", 10, 0), ("41", 10, 1), ("class_3", 2, 1), ("a12b7.png", 5, 2)],
)
def test_the_last_number_in_a_name_decides_its_fold(name: str, folds: int, fold: int) -> None:
    assert fold_of(name, folds) == fold


def test_names_without_numbers_are_spread_over_the_folds() -> None:
    names = ["".join(letters) for letters in itertools.product("abcde", repeat=4)]
    counts = [sum(fold_of(name, 5) == fold for name in names) for fold in range(5)]
    # 625 names, 125 a fold on average with a standard deviation of 10.
    assert all(85 <= count <= 165 for count in counts)


def test_folds_divide_a_source_and_keep_its_order() -> None:
    source = Images(torch.zeros(10, 1, 2, 2, dtype=torch.uint8), torch.arange(10) % 3)
    for fold in range(3):
        rest, mine = divide(source, fold, 3)
        assert mine.indices.tolist() == [index for index in range(10) if index % 3 == fold]
        assert rest.indices.tolist() == [index for index in range(10) if index % 3 != fold]


@pytest.mark.parametrize(("fold", "folds"), [(0, 1), (3, 3), (-1, 3)])
def test_a_fold_that_cannot_be_is_refused(fold: int, folds: int) -> None:
    source = Images(torch.zeros(4, 1, 2, 2, dtype=torch.uint8), torch.zeros(4).long())
    with pytest.raises(ConfigError, match=f"Fold {fold} of {folds}"):
        divide(source, fold, folds)


def test_an_empty_fold_is_refused() -> None:
    source = Images(torch.zeros(2, 1, 2, 2, dtype=torch.uint8), torch.zeros(2).long())
    with pytest.raises(DataError, match="0 belong to fold 5 of 7"):
        divide(source, 5, 7)
