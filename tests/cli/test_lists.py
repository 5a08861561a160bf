"""Options that take several values."""

import pytest

from spikeformers.cli.lists import parse_numbers, parse_whole, parse_words
from spikeformers.errors import InputError


@pytest.mark.parametrize(
    ("text", "words"), [("a", ("a",)), (" a, b ,c", ("a", "b", "c")), ("", ()), ("a,,b,", ("a", "b"))]
)
def test_words_between_commas(text: str, words: tuple[str, ...]) -> None:
    assert parse_words(text) == words


def test_numbers_between_commas() -> None:
    assert parse_numbers("--epsilons", "2, 0.5,1e-3") == (2.0, 0.5, 0.001)
    assert parse_whole("--severities", "1,5") == (1, 5)
    assert all(type(number) is int for number in parse_whole("--severities", "1,5"))


@pytest.mark.parametrize("text", ["2;4", "two", "1..5"])
def test_what_is_no_number_is_explained(text: str) -> None:
    with pytest.raises(InputError, match=r"--epsilons .* cannot be read"):
        parse_numbers("--epsilons", text)


@pytest.mark.parametrize("text", ["1.5", "inf", "nan"])
def test_what_is_not_whole_is_explained(text: str) -> None:
    with pytest.raises(InputError, match="expected whole numbers"):
        parse_whole("--severities", text)
