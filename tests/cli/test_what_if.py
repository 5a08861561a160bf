import pytest

from spikeformers.cli.what_if import parse_changes
from spikeformers.errors import ConfigError


def test_numbers_and_flags() -> None:
    words = ("pes=1024", " zero_skip = True", "frequency_mhz=2.5e2", "weights_held=false")
    found = parse_changes(words, ("vesta",))
    assert found == {"pes": 1024, "zero_skip": True, "frequency_mhz": 250.0, "weights_held": False}
    assert [type(value) for value in found.values()] == [int, bool, float, bool]


@pytest.mark.parametrize("word", ["pes", "pes=", "pes=many"])
def test_what_is_no_value_is_named(word: str) -> None:
    with pytest.raises(ConfigError, match=f"--what-if {word}: expected"):
        parse_changes((word,), ("vesta",))


def test_there_must_be_something_to_change() -> None:
    with pytest.raises(ConfigError, match="--accelerator"):
        parse_changes(("pes=1",), ())
