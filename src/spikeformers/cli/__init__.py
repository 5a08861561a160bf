"""The `spikeformers` command: every command is a typed function in a file of its own under `commands/`.

Nothing heavy is imported before a command is known to need it: help, `list` and `info` answer without torch.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from io import TextIOWrapper

from spikeformers.errors import SpikeformersError

INTERRUPTED = 130  # 128 + SIGINT and 128 + SIGPIPE: what a shell reports for a program that died of the signal
BROKEN_PIPE = 141


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code; this is the `spikeformers` entry point.

    Args:
        argv: Words after the program's name; those of the process by default.

    Returns:
        0 when the command did its work, 1 after an error the user can act on, 2 after a word that is not understood,
        130 after Ctrl-C.
    """
    from spikeformers.cli.dispatch import dispatch

    _replace_closed_streams()
    _write_any_text()
    try:
        code = dispatch(sys.argv[1:] if argv is None else list(argv))
        sys.stdout.flush()  # a closed pipe shows up here, not in the interpreter's shutdown
        return code
    except BrokenPipeError:
        # Whoever read our output has had enough (`| head`). Python would complain again when it flushes at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return BROKEN_PIPE
    except (SpikeformersError, OSError) as error:  # of the system's errors, the user can act on those about files
        if os.environ.get("SPIKEFORMERS_DEBUG") == "1":
            raise
        _complain("Error: ", str(error), "red")
        return 1
    except KeyboardInterrupt:
        _complain("Stopped. ", "What was saved before is complete and stays.", "yellow")
        return INTERRUPTED


def _replace_closed_streams() -> None:
    """Write to nowhere where the shell closed a stream (`>&-`).

    Python has None in its place then, and the next file opened would get the stream's number.
    """
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:
            nowhere = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115 - it lasts as long as the process
            setattr(sys, name, nowhere)
            setattr(sys, f"__{name}__", nowhere)


def _write_any_text() -> None:
    """Let a terminal or pipe that cannot write "×" or "█" get a question mark instead of a crash."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="replace")


def _complain(label: str, message: str, style: str) -> None:
    from rich.text import Text

    from spikeformers.cli.output import error_console

    error_console().print(Text.assemble((label, f"bold {style}"), (message, style)), soft_wrap=True)
