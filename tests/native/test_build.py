"""Compiling the native core: all of it or nothing, with the compiler there is."""

from __future__ import annotations

import ctypes
import json
import platform
from pathlib import Path

import pytest

from spikeformers.native import build as module
from spikeformers.native.build import NO_COMPILER, BuildError, NoCompilerError, build, main
from spikeformers.native.sets import INSTRUCTION_SETS, interface_digest, library_name, sources_digest

pytestmark = pytest.mark.usefixtures("small_sources")

ON_X86 = platform.machine().lower() in ("x86_64", "amd64")


def about(library: Path) -> dict[str, object]:
    loaded = ctypes.CDLL(str(library))
    loaded.sf_version.restype = ctypes.c_char_p
    return json.loads(loaded.sf_version())


def test_a_library_for_each_instruction_set_and_nothing_else(compiler: str, tmp_path: Path) -> None:
    place = tmp_path / "new" / "lib"
    built = build(place)
    assert sorted(place.iterdir()) == sorted(built)
    if ON_X86:
        assert [path.name for path in built] == [library_name(name) for name in INSTRUCTION_SETS]
    found = about(place / library_name("portable"))  # which runs everywhere
    assert (found["interface"], found["sources"]) == (interface_digest(), sources_digest())
    assert ctypes.CDLL(str(place / library_name("portable"))).sf_answer(41) == 42


def test_the_interface_is_signatures_not_bodies(small_sources: Path) -> None:
    before, sources = interface_digest(), sources_digest()
    kernel = small_sources / "answer.cpp"
    kernel.write_text(kernel.read_text().replace("a + 1;", "1 + a;  // SF_API"))
    assert interface_digest() == before
    assert sources_digest() != sources
    kernel.write_text(kernel.read_text().replace("int32_t a", "int64_t a"))
    changed = interface_digest()
    assert changed != before
    (small_sources / "more.hpp").write_text("struct SfMore {\n  int32_t a;\n};\n")
    assert interface_digest() != changed


@pytest.mark.parametrize("failing", ["exit 1", 'case "$*" in *-shared*portable*) echo no room >&2; exit 1;; esac'])
def test_a_compiler_that_fails_leaves_everything_as_it_was(failing: str, wrapped, tmp_path: Path) -> None:
    (tmp_path / "lib").mkdir()
    old = tmp_path / "lib" / library_name("portable")
    old.write_text("old")
    wrapped(failing)
    with pytest.raises(BuildError, match=r"ended with status 1: (it said nothing|no room)"):
        build(tmp_path / "lib")
    assert [path.read_text() for path in (tmp_path / "lib").iterdir()] == ["old"]


def test_an_error_in_a_source_is_shown(compiler: str, small_sources: Path, tmp_path: Path, capsys) -> None:
    (small_sources / "broken.cpp").write_text("int broken( {}\n")
    with pytest.raises(BuildError, match=r"broken\.cpp.*error") as caught:
        build(tmp_path / "lib")
    assert not isinstance(caught.value, NoCompilerError)
    assert list((tmp_path / "lib").iterdir()) == []


@pytest.mark.skipif(not ON_X86, reason="other processors have the portable set only")
def test_a_set_the_compiler_does_not_know_is_left_out(wrapped, tmp_path: Path) -> None:
    wrapped('case "$*" in *-mavx512vbmi*) echo what is vbmi >&2; exit 1;; esac')
    (tmp_path / "lib").mkdir()
    (tmp_path / "lib" / library_name("avx512")).write_text("of an earlier compiler")
    build(tmp_path / "lib")
    left = sorted(path.name for path in (tmp_path / "lib").iterdir())
    assert left == sorted([library_name("avx2"), library_name("portable")])


def test_without_openmp_there_is_one_thread(wrapped, tmp_path: Path) -> None:
    wrapped('case "$*" in *-fopenmp*) echo unsupported >&2; exit 1;; esac')
    build(tmp_path / "lib")
    assert about(tmp_path / "lib" / library_name("portable"))["openmp"] is False


def test_a_machine_without_a_compiler(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys) -> None:
    monkeypatch.setattr(module.sys, "argv", ["build", str(tmp_path / "lib")])
    monkeypatch.setenv("CXX", "no-such-compiler -O2")
    with pytest.raises(NoCompilerError, match="'no-such-compiler', which cannot be run"):
        build(tmp_path / "lib")
    assert main() == NO_COMPILER
    monkeypatch.delenv("CXX")
    monkeypatch.setenv("PATH", str(tmp_path))
    assert main() == NO_COMPILER
    assert "none of g++, c++, clang++ is on the path" in capsys.readouterr().err
    assert not (tmp_path / "lib").exists()


def test_the_command_says_what_it_built_and_what_failed(
    compiler: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys
) -> None:
    monkeypatch.setattr(module.sys, "argv", ["build", str(tmp_path / "lib")])
    assert main() == 0
    assert sorted(capsys.readouterr().out.split()) == sorted(map(str, (tmp_path / "lib").iterdir()))
    monkeypatch.setenv("CXX", "/bin/false")
    assert main() == 1
    assert "The native core is not built: /bin/false" in capsys.readouterr().err
