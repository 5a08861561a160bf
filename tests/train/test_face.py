"""The public names of `spikeformers.train`."""

from __future__ import annotations

import importlib
import pkgutil
from types import ModuleType

import pytest

from spikeformers import train

FILES = [file.name for file in pkgutil.iter_modules(train.__path__)]


@pytest.fixture(scope="module", autouse=True)
def everything_imported() -> None:
    for file in FILES:
        importlib.import_module(f"spikeformers.train.{file}")


@pytest.mark.parametrize("name", train.__all__)
def test_every_public_name_is_there_and_no_file_hides_it(name: str) -> None:
    assert name not in FILES
    assert not isinstance(getattr(train, name), ModuleType)
    assert name in dir(train)


def test_everything_that_watch_may_be_called_with_is_public() -> None:
    assert {kind.__name__ for kind in train.Event.__args__} <= set(train.__all__)


def test_other_names_are_no_attributes() -> None:
    with pytest.raises(AttributeError, match="no attribute 'evaluat'"):
        _ = train.evaluat  # type: ignore[attr-defined]
