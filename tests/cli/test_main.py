"""What holds for every command: help, exit codes, errors, and what is imported before it is needed."""

from __future__ import annotations

import functools
import importlib
import json
import shlex
import subprocess
import sys

import pytest

from spikeformers import __version__
from spikeformers.catalog import names
from spikeformers.cli.commands import COMMANDS
from spikeformers.errors import DataError

MAIN = "import sys; from spikeformers.cli import main; sys.exit(main())"
MODEL = "spikformer_4_384.cifar10"


def examples(command: str) -> list[str]:
    """The examples that a command's help shows."""
    text = importlib.import_module(f"spikeformers.cli.commands.{command}").__doc__ or ""
    _, _, block = text.partition("Examples:\n")
    return [line.strip() for line in block.splitlines() if line.strip()]


def words_of(command: str) -> list[tuple[str, ...]]:
    """The words that run something: the command, or it with each command of its own."""
    nested = getattr(importlib.import_module(f"spikeformers.cli.commands.{command}"), "COMMANDS", {})
    return [(command, word) for word in nested] or [(command,)]


RUNNABLE = [words for command in COMMANDS for words in words_of(command)]
GROUPS = [command for command in COMMANDS if words_of(command) != [(command,)]]


def test_help_shows_every_command_with_its_line_and_examples(spikeformers):
    answer = spikeformers("--help")
    assert answer.code == 0
    for command in COMMANDS:
        module = importlib.import_module(f"spikeformers.cli.commands.{command}")
        assert f"{module.__doc__.splitlines()[0].removesuffix('.')}" in answer.out
        assert f"\n  {command} " in answer.out
    assert "Examples\n  spikeformers demo" in answer.out
    assert spikeformers().out == answer.out == spikeformers("-h").out


@pytest.mark.parametrize("command", COMMANDS)
def test_help_of_a_command_has_description_and_examples(spikeformers, command):
    answer = spikeformers(command, "--help")
    assert answer.code == 0
    assert f"usage: spikeformers {command} " in answer.out
    assert len(examples(command)) >= 2
    for line in examples(command):
        assert line in answer.out


@pytest.mark.parametrize("words", RUNNABLE, ids=" ".join)
def test_whatever_runs_offers_json_and_says_so(spikeformers, words):
    answer = spikeformers(*words, "--help")
    assert answer.code == 0
    assert f"usage: spikeformers {' '.join(words)} " in answer.out
    assert "--json" in answer.out


@pytest.mark.parametrize("group", GROUPS)
def test_a_command_with_commands_of_its_own_lists_them(spikeformers, group):
    answer = spikeformers(group)
    assert answer.code == 0
    assert answer.out == spikeformers(group, "--help").out == spikeformers(group, "-h").out
    for name, run in importlib.import_module(f"spikeformers.cli.commands.{group}").COMMANDS.items():
        first_line = run.__doc__.splitlines()[0].removesuffix(".")
        assert [name, first_line] in [line.strip().split(maxsplit=1) for line in answer.out.splitlines()]


def test_an_unknown_command_of_a_command_offers_the_nearest(spikeformers):
    answer = spikeformers("recipes", "lst")
    assert (answer.code, answer.out) == (2, "")
    assert "spikeformers recipes has no command 'lst'. Did you mean 'list'?" in answer.err


@pytest.mark.parametrize("line", [line for command in COMMANDS for line in examples(command)])
def test_every_example_is_a_command_line_that_is_understood(spikeformers, monkeypatch, line):
    words = shlex.split(line.partition(" > ")[0])
    assert words[0] == "spikeformers"
    module = importlib.import_module(f"spikeformers.cli.commands.{words[1]}")
    nested = getattr(module, "COMMANDS", None)
    calls = []

    @functools.wraps(nested[words[2]] if nested else module.run)
    def record(*args, **kwargs):
        calls.append((args, kwargs))

    if nested:
        monkeypatch.setitem(nested, words[2], record)
    else:
        monkeypatch.setattr(module, "run", record)
    answer = spikeformers(*words[1:])
    assert answer.code == 0, answer.err
    assert len(calls) == 1


def test_version(spikeformers):
    assert spikeformers("--version").out.strip() == __version__


def test_an_unknown_command_offers_the_nearest(spikeformers):
    answer = spikeformers("trian")
    assert answer.code == 2
    assert "'trian'" in answer.err
    assert "'train'" in answer.err
    assert answer.out == ""


@pytest.mark.parametrize("words", [("list", "--jsn"), ("train",), ("demo", "--epochs", "many"), ("info", "a", "b")])
def test_words_a_command_does_not_understand_end_it_with_2(spikeformers, words):
    answer = spikeformers(*words)
    assert answer.code == 2
    assert answer.out == ""
    assert answer.err


def test_an_error_of_ours_is_one_message_without_traceback(spikeformers, stand_in):
    def fail(*, json: bool = False) -> None:
        raise DataError("The file [a] is gone. Fetch it again.")

    stand_in(fail)
    answer = spikeformers("doctor", "--json")
    assert (answer.code, answer.out, answer.err) == (1, "", "Error: The file [a] is gone. Fetch it again.\n")


def test_a_file_that_cannot_be_written_is_an_error_too(spikeformers, tmp_path):
    (tmp_path / "file").touch()
    answer = spikeformers("demo", "--out", tmp_path / "file")
    assert answer.code == 1
    assert answer.err.startswith("Error: ")
    assert str(tmp_path / "file") in answer.err


def test_debugging_shows_the_traceback(spikeformers, stand_in, monkeypatch):
    def fail(*, json: bool = False) -> None:
        raise DataError("gone")

    stand_in(fail)
    monkeypatch.setenv("SPIKEFORMERS_DEBUG", "1")
    with pytest.raises(DataError, match="gone"):
        spikeformers("doctor")


def test_a_programming_error_keeps_its_traceback(spikeformers, stand_in):
    def fail(*, json: bool = False) -> None:
        raise ZeroDivisionError

    stand_in(fail)
    with pytest.raises(ZeroDivisionError):
        spikeformers("doctor")


def test_ctrl_c_ends_calmly(spikeformers, stand_in):
    def interrupted(*, json: bool = False) -> None:
        raise KeyboardInterrupt

    stand_in(interrupted)
    answer = spikeformers("doctor")
    assert (answer.code, answer.out) == (130, "")
    assert answer.err.startswith("Stopped.")
    assert "Traceback" not in answer.err


@pytest.mark.parametrize(
    "words",
    [
        "--help",
        "list",
        "list *cifar10 --json",
        f"info {MODEL}",
        f"info {MODEL} --cite",
        "train --help",
        "nonsense",
        "recipes",
        "recipes list",
    ],
)
def test_looking_up_imports_nothing_heavy(in_process, words):
    code = (
        "import sys; from spikeformers.cli import main; main(sys.argv[1:])\n"
        "print([name for name in ('torch', 'matplotlib', 'numpy') if name in sys.modules], file=sys.stderr)"
    )
    answer = in_process(code, *words.split())
    assert answer.returncode == 0
    assert answer.stderr.endswith("[]\n"), answer.stderr


def test_a_reader_that_has_had_enough_is_no_error(in_process):
    # The pipe's end is closed before the command writes, as `head` would do in the middle.
    code = "import os, sys; r, w = os.pipe(); os.dup2(w, 1); os.close(w); os.close(r)\n" + MAIN
    for words in (["list"], ["list", "--json"], ["--help"]):
        answer = in_process(code, *words)
        assert (answer.returncode, answer.stderr) == (141, "")


@pytest.mark.parametrize("words", ["list", "list --json", "--help", "train --help", "list nosuch", "list --jsn"])
def test_a_stream_the_shell_closed_is_no_error(in_process, words):
    # Closed before Python starts, as `>&-` does: the process closes it and becomes a new one.
    for stream in (1, 2):
        code = f"import os, sys; os.close({stream}); os.execv(sys.executable, [sys.executable, '-c', *sys.argv[1:]])"
        answer = in_process(code, MAIN, *words.split())
        assert answer.returncode == {"nosuch": 1, "--jsn": 2}.get(words.split()[-1], 0)
        assert "Traceback" not in answer.stderr
        assert "Exception" not in answer.stderr


def test_names_reach_a_pipe_whole(in_process):
    answer = in_process(MAIN, "list")
    lines = answer.stdout.splitlines()
    assert answer.returncode == 0
    for name in names():
        assert sum(line.split()[0] == name for line in lines if line.strip()) == 1


@pytest.mark.parametrize("words", ["--help", "list", f"info {MODEL}", f"info {MODEL} --json", "train"])
def test_a_terminal_that_knows_only_ascii_is_no_error(in_process, words):
    answer = in_process(MAIN, *words.split(), PYTHONIOENCODING="ascii")
    assert answer.returncode == (2 if words == "train" else 0)
    assert "Traceback" not in answer.stderr
    if words.endswith("--json"):
        assert json.loads(answer.stdout)["name"] == MODEL


def test_the_module_runs_as_the_command_does():
    answer = subprocess.run(
        [sys.executable, "-m", "spikeformers", "--version"], capture_output=True, text=True, check=False
    )
    assert (answer.returncode, answer.stdout.strip()) == (0, __version__)
