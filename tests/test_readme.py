"""What README and CONTRIBUTING say is true: their code runs, their commands, options, targets and models exist."""

from __future__ import annotations

import fnmatch
import re
import shlex
from itertools import groupby
from pathlib import Path

import pytest

from spikeformers import catalog
from spikeformers.catalog import Record
from spikeformers.cli import main
from spikeformers.cli.commands import COMMANDS, module
from spikeformers.train import recipe_names

ROOT = Path(__file__).parent.parent
README, CONTRIBUTING, MODELS = ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "docs" / "models.md"
PAGES = [README, CONTRIBUTING, *sorted((ROOT / "docs").glob("*.md"))]


def blocks(page: Path, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", page.read_text(), re.MULTILINE | re.DOTALL)


def commands(page: Path) -> list[list[str]]:
    """The words of every `spikeformers ...` line in shell blocks and inline code."""
    text = "\n".join(blocks(page, "sh")) + "\n" + "\n".join(re.findall(r"`(spikeformers [^`]+)`", page.read_text()))
    return [shlex.split(line, comments=True) for line in text.splitlines() if line.startswith("spikeformers ")]


def test_the_python_of_the_readme_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (code,) = blocks(README, "python")
    names: dict[str, object] = {}
    exec(compile(code, str(README), "exec"), names)
    assert (tmp_path / "model.safetensors").exists()
    published, same = names["published"].state_dict(), names["same"].state_dict()  # type: ignore[attr-defined]
    assert all((published[name] == same[name]).all() for name in published)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_the_commands_of_the_pages_exist(page: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for _, command, *words in commands(page):
        assert command in COMMANDS, command
        nested = getattr(module(command), "COMMANDS", {})
        if words and nested:
            assert words[0] in nested, f"{command} {words[0]}"
            command, words = f"{command} {words[0]}", words[1:]
        assert main([*command.split(), "--help"]) == 0
        explained = capsys.readouterr().out
        for option in filter(lambda word: word.startswith("--"), words):
            assert option in explained, f"{command} {option}"
        names = {"train": recipe_names(), "info": catalog.names(), "list": catalog.names()}.get(command)
        if names and words and not words[0].startswith("--") and words[0] not in ("NAME", "RECIPE"):
            assert fnmatch.filter(names, words[0]), f"{command} {words[0]}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_the_make_targets_of_the_pages_exist(page: Path) -> None:
    targets = re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
    named = re.findall(r"(?:^|`)make ([a-z-]+)", page.read_text(), re.MULTILINE)
    assert [name for name in named if name not in targets] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_the_links_of_the_pages_lead_somewhere(page: Path) -> None:
    links = re.findall(r"\]\((?!https?:)([^)#]+)\)", page.read_text())
    assert [link for link in links if not (page.parent / link).exists()] == []


def models_table() -> str:
    """The models of the catalogue, one line for each family and data set."""
    lines = ["| family | data set | `depth_width` | parameters | T | input |", "|---|---|---|---|---|---|"]
    for (family, dataset), group in groupby(map(catalog.get, catalog.names()), key=lambda r: (r.family, r.dataset)):
        records = list(group)
        sizes = ", ".join(name_of_size(record) for record in records)
        parameters = ", ".join(f"{record.parameters / 1e6:.2f} M" for record in records)
        steps = ", ".join(map(str, sorted({record.time_steps for record in records})))
        shapes = ", ".join(sorted({"×".join(map(str, record.input)) for record in records}))
        lines.append(f"| {family} | {dataset} | {sizes} | {parameters} | {steps} | {shapes} |")
    return "\n".join(lines)


def name_of_size(record: Record) -> str:
    return record.name.removeprefix(f"{record.family}_").removesuffix(f".{record.dataset}")


def test_the_models_of_the_page_are_those_of_the_catalogue() -> None:
    table = re.search(r"<!-- models.*?-->\n(.*?)\n?<!-- end of models -->", MODELS.read_text(), re.DOTALL)
    assert table is not None
    assert table[1].strip() == models_table(), "paste this into docs/models.md:\n" + models_table()


def test_the_readme_names_every_family() -> None:
    assert [family for family in catalog.families() if f"`{family}`" not in README.read_text()] == []


def test_the_python_of_the_models_page_runs() -> None:
    for code in blocks(MODELS, "python"):
        exec(compile(code, str(MODELS), "exec"), {})


def test_the_citation_file_names_every_paper_of_the_catalogue() -> None:
    cited = (ROOT / "CITATION.cff").read_text()
    titles = {catalog.get(name).paper.title for name in catalog.names()}
    assert [title for title in titles if title not in cited] == []
