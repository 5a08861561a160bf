"""The package as a whole: one version everywhere, import rules that can fail, names without torch."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import pytest

import spikeformers

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "src" / "spikeformers"

# Packages that cost a tenth of a second or more to import; what only looks up names does without them.
HEAVY = ("torch", "numpy", "matplotlib", "PIL", "safetensors", "tyro")


def test_the_version_is_the_same_everywhere() -> None:
    version = spikeformers.__version__
    assert metadata.version("spikeformers") == version
    assert re.search(rf"^version: {re.escape(version)}$", (ROOT / "CITATION.cff").read_text(), re.MULTILINE)
    assert re.search(rf"^## \[{re.escape(version)}\]", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)


@pytest.mark.parametrize("name", ["adapt", "create_model", "freeze", "fuse", "list_models", "load", "save", "unroll"])
def test_the_face_offers_what_makes_and_keeps_models(name: str) -> None:
    assert name in spikeformers.__all__
    assert name in dir(spikeformers)
    assert getattr(spikeformers, name) is getattr(spikeformers.models, name)


def test_the_package_is_typed_and_licensed() -> None:
    assert (PACKAGE / "py.typed").exists()
    assert metadata.metadata("spikeformers")["License-Expression"] == "Apache-2.0"
    assert "CC BY 4.0" in (ROOT / "NOTICE").read_text()


def lint_imports(directory: Path) -> subprocess.CompletedProcess[str]:
    """Run the import rules over the package that lies in `directory`."""
    return subprocess.run(
        [sys.executable, "-c", "from importlinter.cli import lint_imports_command as run; run()", "--no-cache"],
        cwd=directory, capture_output=True, text=True, check=False,
    )  # fmt: skip


@pytest.fixture
def copied_house(tmp_path: Path) -> Path:
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    shutil.copytree(PACKAGE, tmp_path / "spikeformers", ignore=shutil.ignore_patterns("__pycache__"))
    return tmp_path


def test_the_import_rules_hold(copied_house: Path) -> None:
    answer = lint_imports(copied_house)
    assert answer.returncode == 0, answer.stdout


@pytest.mark.parametrize(
    ("room", "statement"),
    [
        ("errors", "from spikeformers import files"),
        ("catalog", "import torch"),
        ("catalog", "from spikeformers import ops"),
        ("ops", "from spikeformers import layers"),
        ("layers", "from spikeformers.models import create_model"),
        ("layers", "from spikeformers import create_model"),
        ("models", "from spikeformers import data"),
        ("measure", "from spikeformers import train"),
        ("convert", "from spikeformers import measure"),
        ("train", "def late():\n    from spikeformers import report"),
        ("report", "from spikeformers import cli"),
        ("attic", "x = 1"),
    ],
)
def test_the_import_rules_catch_a_trespass(copied_house: Path, room: str, statement: str) -> None:
    package = copied_house / "spikeformers"
    if (package / f"{room}.py").exists():
        trespasser = package / f"{room}.py"
    else:
        trespasser = package / room / "trespasser.py"
        trespasser.parent.mkdir(exist_ok=True)
        (trespasser.parent / "__init__.py").touch()
    with trespasser.open("a") as file:
        file.write(f"\n{statement}\n")
    answer = lint_imports(copied_house)
    assert answer.returncode == 1, answer.stdout + answer.stderr
    assert "BROKEN" in answer.stdout
    assert f"spikeformers.{room}" in answer.stdout


@pytest.mark.parametrize(
    "statement",
    [
        "import spikeformers",
        "import spikeformers.errors, spikeformers.files",
        "from spikeformers import catalog; catalog.get(catalog.names()[0])",
        "import spikeformers.cli",
    ],
)
def test_names_are_looked_up_without_heavy_imports(statement: str) -> None:
    code = f"import sys; {statement}; print([name for name in {HEAVY!r} if name in sys.modules])"
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert answer.stdout.strip() == "[]"
