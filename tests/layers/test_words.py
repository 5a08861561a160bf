"""Words with options: what is written, what is meant, and what a user is told."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from spikeformers.errors import ConfigError, UnknownNameError
from spikeformers.layers.words import build_from_word, checked_word, meaning, parse_word, write_word

NAMES = st.from_regex(r"[A-Za-z_][A-Za-z0-9_]{0,8}", fullmatch=True)
# Texts are bare words, numbers what TOML can hold.
VALUES = st.one_of(
    st.booleans(),
    st.integers(-(2**60), 2**60),
    st.floats(allow_nan=False),
    NAMES.filter(lambda name: name not in ("true", "false", "inf", "nan")),
)


@given(NAMES, st.dictionaries(NAMES, VALUES, max_size=4))
@example("word", {"level": float("inf"), "other": -float("inf")})
def test_what_is_written_is_read(name: str, options: dict[str, object]) -> None:
    read = parse_word(write_word(name, options))
    assert read == (name, options)
    assert {option: type(value) for option, value in read[1].items()} == {o: type(v) for o, v in options.items()}


def read_or_refused(text: str) -> tuple[str, dict[str, object]] | str:
    """What a text means, or the message of the error."""
    try:
        return parse_word(text)
    except ConfigError as error:
        return str(error)


@given(st.text(max_size=30))
def test_any_text_is_a_word_or_a_clear_error(text: str) -> None:
    found = read_or_refused(text)
    assert repr(text) in found if isinstance(found, str) else parse_word(write_word(*found)) == found


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("lif", ("lif", {})),
        (" lif ( ) ", ("lif", {})),
        ("statten( chunk = 2 )", ("statten", {"chunk": 2})),
        ("ssa(order=qk, deep=true, x=0.5)", ("ssa", {"order": "qk", "deep": True, "x": 0.5})),
        ('a(b="c d")', ("a", {"b": "c d"})),
    ],
)
def test_spellings(text: str, meant: tuple[str, dict[str, object]]) -> None:
    assert parse_word(text) == meant


@pytest.mark.parametrize(
    "text", ["", "4", "lif(", "lif)", "lif(levels)", "lif(levels=)", "lif(a=1 b=2)", "lif(a=1,a=2)"]
)
def test_what_is_no_word(text: str) -> None:
    with pytest.raises(ConfigError):
        parse_word(text)


@pytest.mark.parametrize("value", ["[1]", "{}", "1979-05-27"])
def test_options_are_plain_values(value: str) -> None:
    with pytest.raises(ConfigError, match="numbers, true, false or words"):
        parse_word(f"lif(a={value})")


class Part:
    def __init__(self, given: int, *, levels: int = 4, share: float = 0.5, name: str = "x", on: bool = False) -> None:
        self.options = (given, levels, share, name, on)


REGISTRY = {"part": Part, "plain": lambda given: given}


def test_options_reach_the_constructor() -> None:
    word = "part(levels=8, share=1, name=y, on=true)"
    assert build_from_word(word, REGISTRY, "part", 3).options == (3, 8, 1, "y", True)
    assert build_from_word("part", REGISTRY, "part", 3).options == (3, 4, 0.5, "x", False)


@pytest.mark.parametrize(
    ("word", "message"),
    [
        ("part(level=8)", r"the part 'part' has no option 'level'\. Did you mean 'levels'\? Known: levels, share"),
        ("part(given=8)", "has no option 'given'"),
        ("plain(a=1)", "It has none"),
        ("part(levels=1.5)", r"levels in 'part\(levels=1\.5\)' must be int, such as 4; got 1\.5"),
        ("part(levels=true)", "must be int"),
        ("part(on=1)", "must be bool"),
        ("part(share=much)", "must be float"),
    ],
)
def test_options_that_are_not(word: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        build_from_word(word, REGISTRY, "part", 3)


def test_words_the_caller_gives_are_no_options() -> None:
    with pytest.raises(ConfigError, match="has no option 'levels'"):
        build_from_word("part(levels=8)", REGISTRY, "part", 3, levels=2)


def test_a_name_nobody_knows() -> None:
    with pytest.raises(UnknownNameError, match=r"no part 'pert'\. Did you mean 'part'"):
        checked_word("pert(levels=8)", REGISTRY, "part")


def test_words_that_say_the_same_mean_the_same() -> None:
    """However they are spelled, and by whichever name of a part; each option counts."""
    registry = {**REGISTRY, "alias": Part}
    same = ("part", "alias", "part(levels=4)", "part(name=x, share=0.5)", "part(on=false, levels=4.0)")
    assert all(meaning(text, registry) == meaning("part", registry) for text in same)
    other = ("plain", "part(levels=5)", "part(share=0.25)", "part(name=y)", "part(on=true)")
    assert not any(meaning(text, registry) == meaning("part", registry) for text in other)
