"""Options that take several values: "2,4,8"."""

from __future__ import annotations

from spikeformers.errors import InputError


def parse_words(text: str) -> tuple[str, ...]:
    """Return the words between commas, in their order; none of an empty text.

    >>> parse_words("fgsm, pgd")
    ('fgsm', 'pgd')
    """
    return tuple(word for part in text.split(",") if (word := part.strip()))


def parse_numbers(option: str, text: str) -> tuple[float, ...]:
    """Return the numbers between commas, in their order.

    >>> parse_numbers("--epsilons", "2,4.5")
    (2.0, 4.5)

    Raises:
        InputError: something there is no number.
    """
    try:
        return tuple(map(float, parse_words(text)))
    except ValueError as error:
        raise InputError(
            f"{option} {text!r} cannot be read. Write a number, or several between commas: 2,4,8."
        ) from error


def parse_whole(option: str, text: str) -> tuple[int, ...]:
    """Return the whole numbers between commas, in their order.

    Raises:
        InputError: something there is none.
    """
    numbers = parse_numbers(option, text)
    if not all(number.is_integer() for number in numbers):
        raise InputError(f"{option} {text!r}: expected whole numbers.")
    return tuple(map(int, numbers))
