"""Runs the kernels under sanitizers: `check/*.cpp` call every one of them on random odd shapes.

Threads come from the standard library here (SF_THREADS in common.hpp): a thread sanitizer reports races that are none
where the OpenMP runtime was not compiled for it, as that of gcc is not.
"""

from __future__ import annotations

import itertools
import os
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from spikeformers import native
from spikeformers.native.build import BuildError, find_compiler
from spikeformers.native.sets import INSTRUCTION_SETS, SOURCES

CHECKS = Path(__file__).parent / "check"
SANITIZERS = ("address,undefined", "thread")
FLAGS = (
    "-std=c++17", "-O1", "-g", "-Wall", "-Wextra", "-ffp-contract=off", "-fno-math-errno", "-fno-omit-frame-pointer",
    "-fno-sanitize-recover=all", "-pthread", "-DSF_THREADS", "-DSF_LARGE=512", f"-I{SOURCES}", f"-I{CHECKS}",
)  # fmt: skip


class Finding(Exception):
    """What a sanitizer or a check says."""


def compile_and_run(check: Path, sanitizer: str, instruction_set: str) -> str:
    """What a check printed.

    Raises:
        BuildError: it does not compile.
        Finding: it ended otherwise than well.
    """
    with tempfile.TemporaryDirectory() as place:
        program = str(Path(place) / check.stem)
        flags = [*FLAGS, f"-fsanitize={sanitizer}", *INSTRUCTION_SETS[instruction_set]]
        compiled = subprocess.run([*find_compiler(), *flags, str(check), "-o", program], text=True, capture_output=True)
        if compiled.returncode:
            raise BuildError(f"{check.name} does not compile: {compiled.stderr}")
        done = subprocess.run([program], text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        if done.returncode:
            raise Finding(f"{check.name}, {sanitizer}, {instruction_set}: {done.stdout}")
        return done.stdout


def instruction_sets() -> list[str]:
    """The widest vectors this processor has, and the narrowest."""
    best = native.status().instruction_set
    if best is None:
        raise SystemExit(f"There is no native core to check: {native.status().reason}")
    return list(dict.fromkeys([best, "portable"]))


def main() -> None:
    """Everything, as many at once as there are cores."""
    jobs = list(itertools.product(sorted(CHECKS.glob("*.cpp")), SANITIZERS, instruction_sets()))
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        try:
            for job, said in zip(jobs, pool.map(lambda job: compile_and_run(*job), jobs), strict=True):
                print(f"== {job[0].name}, {job[1]}, {job[2]}\n{said}", end="", flush=True)
        except (BuildError, Finding) as error:
            pool.shutdown(cancel_futures=True)
            sys.exit(str(error))


if __name__ == "__main__":
    main()
