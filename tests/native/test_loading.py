"""Loading the native core: the best that was built and that this processor runs, or a reason."""

from __future__ import annotations

import ctypes
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from spikeformers import native
from spikeformers.errors import ConfigError
from spikeformers.native import library, status
from spikeformers.native.build import build
from spikeformers.native.sets import INSTRUCTION_SETS, LIBRARIES, library_name


def say_that_the_best_is(instruction_set: str, sources: Path) -> None:
    """Of the processor, in a library to be compiled."""
    text = (sources / "version.cpp").read_text()
    assert text.count('return "avx512";') == 1
    beginning = "SF_API const char* sf_best_instruction_set() {\n"
    assert beginning in text
    (sources / "version.cpp").write_text(text.replace(beginning, f'{beginning}return "{instruction_set}";\n'))


def test_what_was_not_built_is_said(libraries: Path) -> None:
    assert library() is None
    assert status().instruction_set is None
    assert "libspikeformers_portable.so is not built" in status().reason
    assert "python -m spikeformers.native.build" in status().reason


def test_a_forced_set_that_was_not_built_is_an_error(libraries: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(native.VARIABLE, "portable")
    with pytest.raises(ConfigError, match=r"ISA=portable, but .* is not built: .*native\.build"):
        library()


def test_a_damaged_library_is_not_loaded(libraries: Path) -> None:
    (libraries / library_name("portable")).write_bytes(b"\x7fELF, but not for long")
    assert library() is None
    assert "cannot be loaded" in status().reason


def test_a_library_with_another_interface_is_not_loaded(compiler, small_sources: Path, libraries: Path) -> None:
    build(libraries)
    with (small_sources / "more.cpp").open("w") as file:
        file.write("SF_API void sf_more(int32_t) {}\n")
    assert library() is None
    assert "was built from other sources" in status().reason


def test_a_library_older_than_its_sources_is_loaded_and_called_so(
    compiler, small_sources: Path, libraries: Path
) -> None:
    build(libraries)
    assert library() is not None
    assert "older" not in status().reason
    (small_sources / "answer.cpp").write_text((small_sources / "answer.cpp").read_text() + "// a remark\n")
    native._load.cache_clear()
    assert library() is not None
    assert "older than its sources: `python -m spikeformers.native.build`" in status().reason


def test_what_the_processor_cannot_run_is_not_loaded(
    compiler, small_sources: Path, libraries: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    say_that_the_best_is("portable", small_sources)
    build(libraries)
    found = library()
    assert found is not None
    assert found.sf_answer(1) == 2
    assert (status().instruction_set, status().reason) == ("portable", "the best this processor runs")
    assert status().openmp
    assert re.match(r"(g\+\+|clang) \d", status().compiler)
    native._load.cache_clear()
    monkeypatch.setenv(native.VARIABLE, "avx2")
    with pytest.raises(ConfigError, match=r"avx2, but this processor does not run it, only portable\. Unset"):
        library()


def test_where_the_best_was_not_built_the_next_is_taken(compiler, small_sources: Path, libraries: Path) -> None:
    say_that_the_best_is("avx2", small_sources)
    build(libraries)
    (libraries / library_name("avx2")).unlink(missing_ok=True)
    assert status().instruction_set == "portable"
    assert "libspikeformers_avx2.so is not built" in status().reason


def test_an_unknown_set_offers_the_nearest(
    compiler, small_sources: Path, libraries: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    build(libraries)
    monkeypatch.setenv(native.VARIABLE, "avx51")
    with pytest.raises(ConfigError, match=r"'avx51' is no instruction set\. Did you mean 'avx512'.*portable"):
        library()


BUILT = [name for name in INSTRUCTION_SETS if (LIBRARIES / library_name(name)).exists()]
needs_the_core = pytest.mark.skipif(not BUILT, reason="the native core is not built (`make native`)")


def run_python(code: str, **environment: str) -> str:
    environment = {key: value for key, value in os.environ.items() if key != native.VARIABLE} | environment
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment)
    assert done.returncode == 0, done.stderr
    return done.stdout


@needs_the_core
def test_this_checkouts_core_is_loaded_without_torch() -> None:
    code = "import sys; from spikeformers import native; print(native.status().instruction_set, 'torch' in sys.modules)"
    best, torch = run_python(code).split()
    assert best in BUILT
    assert torch == "False"
    forced = run_python(code, **{native.VARIABLE: "portable"}).split()
    assert forced == ["portable", "False"]


@needs_the_core
@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc/self/maps")
@pytest.mark.parametrize("order", [("import torch", "native.library()"), ("native.library()", "import torch")])
def test_one_openmp_runtime_serves_torch_and_the_core(order: tuple[str, str]) -> None:
    code = "\n".join(
        (
            "from spikeformers import native",
            *order,
            "assert native.status().openmp",
            "import torch; torch.set_num_threads(2); torch.zeros(10**6).add_(1).sum()",
            "print(open('/proc/self/maps').read())",
        )
    )
    mapped = {line.split()[-1] for line in run_python(code).splitlines() if ".so" in line}
    assert any("libspikeformers" in path for path in mapped)
    runtimes = {path for path in mapped if re.search(r"lib(gomp|omp|iomp5)\b", path)}
    assert len(runtimes) == 1, runtimes


@needs_the_core
def test_nothing_but_the_interface_is_visible() -> None:
    """Names of the C++ library may be shared with PyTorch, ours may not clash with anyone's."""
    table = subprocess.run(
        ["nm", "-D", "--defined-only", str(LIBRARIES / library_name("portable"))], capture_output=True, text=True
    )
    if table.returncode:
        pytest.skip("there is no nm")
    names = {line.split()[-1] for line in table.stdout.splitlines()}
    assert {"sf_version", "sf_best_instruction_set"} <= names
    assert {name for name in names if not name.startswith(("sf_", "_ZS", "_ZNS", "_ZNKS"))} == set()
    assert ctypes.CDLL(str(LIBRARIES / library_name("portable"))).sf_version
