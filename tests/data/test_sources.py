from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from spikeformers.data import Images, Pictures, Source, Subset, evenly_spaced, in_memory, names_of, shape_of
from spikeformers.errors import DataError


def numbered(count: int = 6, names: tuple[str, ...] = ()) -> Images:
    """Image k is filled with k and has the label k."""
    pixels = torch.arange(count, dtype=torch.uint8).view(-1, 1, 1, 1).repeat(1, 3, 4, 5)
    return Images(pixels, torch.arange(count), names)


class Unnamed:
    """The least a source can be."""

    labels = torch.tensor([1, 0])

    def __len__(self) -> int:
        return 2

    def read(self, indices: torch.Tensor, generator: torch.Generator | None = None) -> Pictures:
        return Pictures(torch.zeros(len(indices), 2, 7, 9, dtype=torch.uint8), self.labels[indices])


def test_images_are_read_by_index() -> None:
    images = numbered()
    read = images.read(torch.tensor([4, 0, 4]))
    assert read.labels.tolist() == [4, 0, 4]
    assert read.images[:, 2, 3, 4].tolist() == [4, 0, 4]
    assert read.unreadable == ()
    read.images.zero_()
    assert images.images[4, 0, 0, 0] == 4, "reading copies"


def test_memory_mapped_images_are_read_too(tmp_path) -> None:
    pixels = np.lib.format.open_memmap(tmp_path / "a.npy", mode="w+", dtype=np.uint8, shape=(5, 1, 2, 2))
    pixels[:] = np.arange(5)[:, None, None, None]
    images = Images(torch.from_numpy(pixels), torch.arange(5))
    assert Subset(images, torch.tensor([3, 1])).read(torch.tensor([0])).images.unique().tolist() == [3]


def test_a_subset_of_a_subset_reads_what_both_choose() -> None:
    odd = Subset(numbered(names=tuple("abcdef")), torch.tensor([5, 3, 1]))
    last = Subset(odd, torch.tensor([2, 0]))
    assert (len(odd), odd.labels.tolist(), list(names_of(odd))) == (3, [5, 3, 1], ["f", "d", "b"])
    assert (len(last), last.labels.tolist(), list(names_of(last))) == (2, [1, 5], ["b", "f"])
    assert last.read(torch.tensor([1, 1, 0])).images[:, 0, 0, 0].tolist() == [5, 5, 1]
    assert shape_of(last) == (3, 4, 5)


def test_what_a_source_does_not_tell_is_found_out() -> None:
    assert shape_of(Unnamed()) == (2, 7, 9)
    assert list(names_of(Unnamed())) == ["0", "1"]
    assert list(names_of(numbered(3))) == ["0", "1", "2"]


def test_only_ready_pixels_are_in_memory() -> None:
    source: Source = Unnamed()
    assert in_memory(numbered())
    assert in_memory(Subset(Subset(numbered(), torch.arange(3)), torch.arange(2)))
    assert not in_memory(source)
    assert not in_memory(Subset(source, torch.arange(2)))


def test_names_must_fit() -> None:
    with pytest.raises(DataError, match="3 images but 2 names"):
        numbered(3, ("a", "b"))


def test_without_stand_ins_only_what_was_read_is_left() -> None:
    images = torch.arange(4, dtype=torch.uint8).view(4, 1, 1, 1)
    read = Pictures(images, torch.arange(4), ("2: damaged.",), torch.tensor([False, False, True, False]))
    bare = read.without_stand_ins()
    assert (bare.images.flatten().tolist(), bare.labels.tolist()) == ([0, 1, 3], [0, 1, 3])
    assert (bare.unreadable, bare.stand_ins) == (("2: damaged.",), None)
    assert bare.without_stand_ins() is bare


@given(total=st.integers(0, 10**6), most=st.integers(1, 300))
def test_evenly_spaced_indices_reach_from_end_to_end(total: int, most: int) -> None:
    found = evenly_spaced(total, most).tolist()
    assert len(found) == min(total, most)
    if found:
        steps = {after - before for before, after in pairwise([*found, total])}
        assert found[0] == 0
        assert max(steps) - min(steps) <= 1
        assert min(steps) >= 1
