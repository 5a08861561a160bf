"""torchvision and timm as oracles; the tests that ask for them skip where they are not installed."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch

WAY_OUT = "pip install -e '.[dev]' -c constraints.txt"


@pytest.fixture(scope="session")
def torchvision() -> ModuleType:
    """torchvision.transforms, also where its C++ part does not fit the installed torch."""
    spec = importlib.util.find_spec("torchvision")
    if spec is None or spec.origin is None:
        pytest.skip(f"torchvision is not installed: {WAY_OUT}")
    _declare_missing_operators(Path(spec.origin).parent)
    import torchvision.transforms

    return torchvision.transforms


@pytest.fixture(scope="session")
def timm(torchvision: ModuleType) -> ModuleType:
    """timm.data."""
    pytest.importorskip("timm", reason=f"timm is not installed: {WAY_OUT}")
    import timm.data.auto_augment
    import timm.data.mixup
    import timm.data.random_erasing

    return timm.data


_declared: list[Any] = []  # the operators vanish with the library object


def _declare_missing_operators(folder: Path) -> None:
    """A torchvision built for CUDA does not load its operators beside a CPU torch, but its import looks for them."""
    try:
        for extension in folder.glob("_C*.so"):
            torch.ops.load_library(str(extension))
    except OSError:
        library = torch.library.Library("torchvision", "DEF")
        for name in ("nms", "qnms"):
            library.define(f"{name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
        _declared.append(library)
