"""Every kernel is watched by sanitizers, and these would notice."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path
from types import ModuleType

import pytest

from spikeformers import native
from spikeformers.native.sets import SOURCES

PLACE = Path(__file__).parent


def load_sanitize() -> ModuleType:
    spec = importlib.util.spec_from_file_location("sanitize", PLACE / "sanitize.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


sanitize = load_sanitize()
CHECKS = sorted(sanitize.CHECKS.glob("*.cpp"))
needs_the_core = pytest.mark.skipif(native.library() is None, reason=native.status().reason)


def test_every_kernel_is_called() -> None:
    exported = {
        (source.name, name)
        for source in SOURCES.glob("*.cpp")
        for name in re.findall(r"^SF_API [^({]*?(sf_\w+)\(", source.read_text(), re.MULTILINE)
    }
    assert ("version.cpp", "sf_version") in exported
    called = {(check.name, name) for check in CHECKS for name in re.findall(r"\b(sf_\w+)\(", check.read_text())}
    assert exported <= called, f"without a check: {sorted(exported - called)}"


@pytest.mark.slow
@needs_the_core
@pytest.mark.parametrize("sanitizer", sanitize.SANITIZERS)
@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.stem)
def test_the_kernels_are_clean(check: Path, sanitizer: str) -> None:
    for instruction_set in sanitize.instruction_sets():
        assert "sf_" in sanitize.compile_and_run(check, sanitizer, instruction_set)


WRONG = {
    "reads past the end": ("address,undefined", "heap-buffer-overflow", "sum += x[i + 1];"),
    "overflows": ("address,undefined", "signed integer overflow", "sum += x[i] + 0x7fffffff;"),
    "shares a sum": ("thread", "data race", "sum += x[i];"),
}


@pytest.mark.slow
@needs_the_core
@pytest.mark.parametrize("what", WRONG)
def test_what_is_wrong_is_found(what: str, tmp_path: Path) -> None:
    sanitizer, said, body = WRONG[what]
    (tmp_path / "wrong.cpp").write_text(
        f"""
        #include "check.hpp"
        int main() {{
          std::vector<int> x(1000, 1);
          int sum = 0;
          sf::parallel(x.size(), 1, 2, [&](size_t begin, size_t end) {{
            for (size_t i = begin; i < end; ++i) {body}
          }});
          std::printf("sf_ %d", sum);
        }}
        """
    )
    with pytest.raises(sanitize.Finding, match=said):
        sanitize.compile_and_run(tmp_path / "wrong.cpp", sanitizer, "portable")
