"""Two runs exclude each other; a dead one excludes nobody."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from spikeformers.train.errors import TrainingError
from spikeformers.train.lock import locked

HOLD = """
import os, sys, time
from pathlib import Path
from spikeformers.train.lock import locked
with locked(Path(sys.argv[1])):
    if os.fork() == 0:  # a worker that outlives the run
        os.close(1)
        time.sleep(60)
    print("locked", flush=True)
    time.sleep(60)
"""


def test_a_second_run_of_the_process_is_refused(tmp_path: Path) -> None:
    with locked(tmp_path / ".lock"):
        with pytest.raises(TrainingError, match="Another run is writing to"):
            with locked(tmp_path / "." / ".lock"):
                pass
        # The refusal has not opened the door to others: a record lock ends when any handle of the file is closed.
        code = "import sys; from pathlib import Path; from spikeformers.train.lock import locked\n"
        code += "with locked(Path(sys.argv[1])): print('got in')"
        other = subprocess.run([sys.executable, "-c", code, str(tmp_path / ".lock")], capture_output=True, text=True)
        assert "got in" not in other.stdout
        assert "Another run is writing to" in other.stderr
    with locked(tmp_path / ".lock"):
        pass


@pytest.mark.skipif(sys.platform == "win32", reason="the holder forks, which Windows cannot")
def test_another_process_is_refused_until_it_is_dead_even_if_its_worker_lives(tmp_path: Path) -> None:
    path = tmp_path / ".lock"
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(path)], stdout=subprocess.PIPE, text=True, start_new_session=True
    )
    try:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "locked\n"
        with pytest.raises(TrainingError, match=r"stop it, or choose another directory"), locked(path):
            pass
        holder.kill()
        holder.wait()
        with locked(path):
            pass
    finally:
        import os
        import signal

        os.killpg(holder.pid, signal.SIGKILL)
        holder.wait()
        if holder.stdout is not None:
            holder.stdout.close()
