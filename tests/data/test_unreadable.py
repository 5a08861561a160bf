from __future__ import annotations

import pytest

from spikeformers.data import refuse_many
from spikeformers.errors import DataError


@pytest.mark.parametrize(("unreadable", "total"), [(0, 0), (0, 5), (1, 2), (1, 99), (1, 100), (5, 500), (599, 59_999)])
def test_few_are_borne(unreadable: int, total: int) -> None:
    refuse_many([f"{index}.png: no" for index in range(unreadable)], total, "here")


@pytest.mark.parametrize(("unreadable", "total"), [(1, 1), (2, 2), (2, 199), (6, 500), (600, 59_999)])
def test_many_are_not(unreadable: int, total: int) -> None:
    with pytest.raises(DataError, match=rf"^here: {unreadable} of {total} pictures cannot be read; at most 1 %"):
        refuse_many([f"{index}.png: no" for index in range(unreadable)], total, "here")


def test_the_first_five_are_named() -> None:
    with pytest.raises(DataError, match=r"0: no\. 1: no\. 2: no\. 3: no\. 4: no\. \.\.\. and 4 more\. Replace"):
        refuse_many([f"{index}: no." for index in range(9)], 9, "here")
    with pytest.raises(DataError, match=r"0: no\. 1: no\. Replace or remove them"):
        refuse_many(["0: no.", "1: no."], 9, "here")
