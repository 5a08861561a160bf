"""Reading `--what-if pes=1024`."""

from __future__ import annotations

from collections.abc import Sequence

from spikeformers.errors import ConfigError


def parse_changes(words: Sequence[str], accelerators: Sequence[str]) -> dict[str, bool | int | float]:
    """Return the parameters that are asked for; which there are is for the accelerator to say.

    Raises:
        ConfigError: a word without value, a value that is no number, true or false, or no accelerator to change.
    """
    if words and not accelerators:
        raise ConfigError("--what-if changes accelerators, but none is named. Name one, such as --accelerator vesta.")
    changes: dict[str, bool | int | float] = {}
    for word in words:
        name, _, text = word.partition("=")
        changes[name.strip()] = _value(word, text.strip())
    return changes


def _value(word: str, text: str) -> bool | int | float:
    if text.lower() in ("true", "false"):
        return text.lower() == "true"
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    raise ConfigError(f"--what-if {word}: expected a parameter and its value, such as pes=1024 or zero_skip=true.")
