"""Compiles the native core: one shared library for each instruction set, by whatever C++ compiler there is.

It needs neither PyTorch nor its headers, so that it can run while the package is installed; `make native` and
`python -m spikeformers.native.build` run it again.
"""

from __future__ import annotations

import os
import platform
import shlex
import shutil
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final

from spikeformers.native.sets import (
    INSTRUCTION_SETS,
    LIBRARIES,
    interface_digest,
    library_name,
    sources,
    sources_digest,
)

COMPILERS: Final = ("g++", "c++", "clang++")
# No contraction: a multiplication and an addition round twice, as they do in PyTorch, so that spikes are the same.
FLAGS: Final = (
    "-std=c++17", "-O3", "-ffp-contract=off", "-fno-math-errno", "-fPIC", "-fvisibility=hidden", "-Wall", "-Wextra",
)  # fmt: skip
_OPENMP = "#include <omp.h>\nint threads() { return omp_get_max_threads(); }\n"
NO_COMPILER: Final = 3  # exit status


class BuildError(Exception):
    """The compiler did not do it; the message is what it said."""


class NoCompilerError(BuildError):
    """There is none."""


def build(directory: Path = LIBRARIES) -> list[Path]:
    """Compile the sources into one library for each instruction set the compiler knows.

    A library replaces its predecessor when all of them are finished; nothing else is left behind.

    Args:
        directory: where the libraries go; made if need be.

    Returns:
        The libraries.

    Raises:
        NoCompilerError: $CXX does not exist or, without it, none of `COMPILERS` does.
        BuildError: the compiler failed; what was in the directory before is untouched.
    """
    compiler = find_compiler()
    directory.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=directory, prefix=".build-") as workshop:
        built = _compile(compiler, _known_sets(compiler), Path(workshop))
        for name in INSTRUCTION_SETS:
            if name in built:
                os.replace(built[name], directory / library_name(name))
            else:  # a compiler that does not know this set has left an old library of it behind
                (directory / library_name(name)).unlink(missing_ok=True)
    return [directory / library_name(name) for name in built]


def find_compiler() -> list[str]:
    """The command that compiles: $CXX, which may carry options, or the first of `COMPILERS` on the path.

    Raises:
        NoCompilerError: there is none.
    """
    wish = shlex.split(os.environ.get("CXX", ""))
    for command in [wish] if wish else [[name] for name in COMPILERS]:
        if shutil.which(command[0]):
            return command
    raise NoCompilerError(
        f"$CXX names {wish[0]!r}, which cannot be run."
        if wish
        else f"there is no C++ compiler: none of {', '.join(COMPILERS)} is on the path, and $CXX is not set."
    )


def _known_sets(compiler: list[str]) -> list[str]:
    """Those the compiler has flags for; the portable one has none, so that it is always tried."""
    if platform.machine().lower() not in ("x86_64", "amd64"):
        return ["portable"]
    return [name for name, flags in INSTRUCTION_SETS.items() if not flags or _takes(compiler, *flags, "-c")]


def _takes(compiler: list[str], *flags: str, source: str = "") -> bool:
    """Whether the compiler makes something of a source with these flags."""
    with tempfile.TemporaryDirectory() as place:
        command = [*compiler, *flags, "-fPIC", "-x", "c++", "-", "-o", str(Path(place) / "out")]
        return subprocess.run(command, input=source, text=True, capture_output=True).returncode == 0


def _compile(compiler: list[str], names: list[str], workshop: Path) -> dict[str, Path]:
    """Libraries in the workshop; each source is compiled for each set on its own, one on every core."""
    # Apple's clang has no OpenMP: the kernels then run on one thread.
    openmp = ["-fopenmp"] if _takes(compiler, "-fopenmp", "-shared", source=_OPENMP) else []
    defined = [f'-DSF_INTERFACE="{interface_digest()}"', f'-DSF_SOURCES="{sources_digest()}"']
    common = [*compiler, *FLAGS, *openmp]

    def object_of(job: tuple[str, Path]) -> Path:
        name, source = job
        result = workshop / f"{source.stem}_{name}.o"
        _run([*common, *INSTRUCTION_SETS[name], *defined, "-c", str(source), "-o", str(result)])
        return result

    units = [path for path in sources() if path.suffix == ".cpp"]
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        objects = list(pool.map(object_of, [(name, source) for name in names for source in units]))
    libraries = {}
    for index, name in enumerate(names):
        libraries[name] = workshop / library_name(name)
        parts = objects[index * len(units) : (index + 1) * len(units)]
        _run([*common, "-shared", *map(str, parts), "-o", str(libraries[name])])
    return libraries


def _run(command: list[str]) -> None:
    done = subprocess.run(command, text=True, capture_output=True)
    said = (done.stderr + done.stdout).strip()
    if done.returncode != 0:
        raise BuildError(f"{shlex.join(command)}\nended with status {done.returncode}: {said or 'it said nothing'}")
    if said:
        print(said, file=sys.stderr)  # warnings


def main() -> int:
    """Build into the directory given, or where the package looks for the libraries."""
    try:
        for library in build(*map(Path, sys.argv[1:2])):
            print(library)
    except BuildError as error:
        print(f"The native core is not built: {error}", file=sys.stderr)
        return NO_COMPILER if isinstance(error, NoCompilerError) else 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
