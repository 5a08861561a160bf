"""A small native core that compiles at once: the sources without kernels."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from spikeformers import native
from spikeformers.native import sets
from spikeformers.native.build import NoCompilerError, find_compiler


@pytest.fixture
def compiler(monkeypatch: pytest.MonkeyPatch) -> str:
    """The path of a C++ compiler."""
    monkeypatch.delenv("CXX", raising=False)
    try:
        return str(shutil.which(find_compiler()[0]))
    except NoCompilerError as error:
        pytest.skip(str(error))


@pytest.fixture
def small_sources(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """What the loader asks for, and a kernel of one line."""
    place = tmp_path / "src"
    place.mkdir()
    for name in ("common.hpp", "version.cpp"):
        shutil.copy(sets.SOURCES / name, place)
    (place / "answer.cpp").write_text(
        '#include "common.hpp"\nSF_API int32_t sf_answer(int32_t a) {\n  return a + 1;\n}\n'
    )
    monkeypatch.setattr(sets, "SOURCES", place)
    return place


Wrapper = Callable[[str], None]


@pytest.fixture
def wrapped(compiler: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Wrapper:
    """Call it with lines of shell to run before the compiler does, which sees the same arguments."""

    def wrap(before: str) -> None:
        script = tmp_path / "c++"
        script.write_text(f'#!/bin/sh\n{before}\nexec {compiler} "$@"\n')
        script.chmod(0o755)
        monkeypatch.setenv("CXX", str(script))

    return wrap


@pytest.fixture
def libraries(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Where the loader looks for libraries, anew: an empty place."""
    place = tmp_path / "lib"
    place.mkdir()
    monkeypatch.setattr(native, "LIBRARIES", place)
    monkeypatch.delenv(native.VARIABLE, raising=False)
    native._load.cache_clear()
    yield place
    native._load.cache_clear()
