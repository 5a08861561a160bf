"""What `doctor` finds out about this machine, each thing by trying it."""

from __future__ import annotations

import os
import platform
import re
from collections.abc import Iterator
from importlib import metadata

import torch

from spikeformers import native
from spikeformers.data import dataset_names, load_dataset, shape_of
from spikeformers.errors import SpikeformersError
from spikeformers.ops import backend
from spikeformers.report.results import Fact
from spikeformers.report.samples import noun_of
from spikeformers.report.text import count, size
from spikeformers.version import __version__


def examine() -> list[Fact]:
    """Return all facts, topic by topic."""
    return [*_versions(), *_processor(), *_accelerators(), *_native(), *_backends(), *_datasets(), *_extras()]


def _versions() -> Iterator[Fact]:
    yield Fact(topic="Versions", name="spikeformers", value=__version__)
    yield Fact(topic="Versions", name="torch", value=str(torch.__version__))
    yield Fact(topic="Versions", name="Python", value=platform.python_version(), reason=platform.platform())


def _processor() -> Iterator[Fact]:
    yield Fact(topic="Processor", name="cores", value=str(os.cpu_count()))
    threads = torch.get_num_threads()
    yield Fact(topic="Processor", name="threads", value=str(threads), reason="of torch; OMP_NUM_THREADS sets them")
    yield Fact(topic="Processor", name="instructions", value=torch.backends.cpu.get_cpu_capability())


def _accelerators() -> Iterator[Fact]:
    if not torch.cuda.is_available():
        built = torch.version.cuda or torch.version.hip
        reason = f"torch is built for {built} but finds none" if built else "this torch is built for CPUs only"
        yield Fact(topic="Accelerators", name="GPU", value="none", reason=reason, present=False)
    for index in range(torch.cuda.device_count()):
        name = torch.cuda.get_device_name(index)
        yield Fact(topic="Accelerators", name=f"cuda:{index}", value=name, present=True)
    if torch.backends.mps.is_available():
        yield Fact(topic="Accelerators", name="mps", value="Apple GPU", present=True)
    there = _installed("triton")
    triton = metadata.version("triton") if there else "not installed"
    yield Fact(topic="Accelerators", name="Triton", value=triton, reason="compiles kernels for GPUs", present=there)


def _native() -> Iterator[Fact]:
    topic = "Native core"
    try:
        found = native.status()
    except SpikeformersError as error:  # a wrong SPIKEFORMERS_NATIVE_ISA is a finding, too
        yield Fact(topic=topic, name=native.VARIABLE, value="not usable", reason=str(error), present=False)
        return
    there = found.instruction_set is not None
    yield Fact(
        topic=topic, name="instructions", value=found.instruction_set or "none", reason=found.reason, present=there
    )
    if there:
        threads, reason = (torch.get_num_threads(), "those of torch") if found.openmp else (1, "built without OpenMP")
        yield Fact(topic=topic, name="threads", value=str(threads), reason=reason)
        yield Fact(topic=topic, name="compiler", value=found.compiler)


def _backends() -> Iterator[Fact]:
    for device in ("cpu", "cuda") if torch.cuda.is_available() else ("cpu",):
        try:
            for choice in backend.describe(device):
                name = choice.operation if device == "cpu" else f"{choice.operation} on {device}"
                yield Fact(topic="Backends", name=name, value=choice.backend, reason=_scope(choice))
        except SpikeformersError as error:  # a wrong SPIKEFORMERS_BACKEND is a finding, too
            yield Fact(topic="Backends", name=backend.VARIABLE, value="not usable", reason=str(error), present=False)


def _scope(choice: backend.Choice) -> str:
    """Why this one runs, and what it leaves to the reference."""
    left = backend.OPERATIONS[choice.operation].left
    return choice.reason if choice.backend == "reference" or not left else f"{choice.reason}; reference for {left}"


def _datasets() -> Iterator[Fact]:
    for name in dataset_names():
        try:
            data = load_dataset(name)
        except SpikeformersError as error:
            yield Fact(topic="Data sets", name=name, value="not found", reason=str(error), present=False)
        else:
            samples = f"{count(len(data.train))} + {count(len(data.test))} {noun_of(name).many}"
            shape = size(shape_of(data.train))
            value = f"{samples}, {shape}, {len(data.classes)} classes"
            yield Fact(topic="Data sets", name=name, value=value, present=True)


def _extras() -> Iterator[Fact]:
    """Read from the package's own metadata, so that the list cannot fall behind."""
    extras: dict[str, list[str]] = {}
    for requirement in _requirements():
        if match := re.match(r"([\w.-]+).*extra == ['\"]([\w-]+)['\"]", requirement):
            extras.setdefault(match[2], []).append(match[1])
    for extra, packages in extras.items():
        missing = [package for package in packages if not _installed(package)]
        yield Fact(
            topic="Optional packages",
            name=extra,
            value=f"{', '.join(missing)} missing" if missing else f"{', '.join(packages)} installed",
            reason=f"pip install 'spikeformers[{extra}]'" if missing else "",
            present=not missing,
        )


def _requirements() -> list[str]:
    try:
        return metadata.requires("spikeformers") or []
    except metadata.PackageNotFoundError:  # run from a source tree that was not installed
        return []


def _installed(package: str) -> bool:
    try:
        metadata.version(package)
    except metadata.PackageNotFoundError:
        return False
    return True
