"""torchvision and timm, whose transforms, optimizers, schedules and losses the papers' scripts use, as oracles."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import torch
from torch import library as operators

WAY_OUT = "pip install -e '.[dev]' -c constraints.txt"


def library(module: str) -> Any:
    """Import a module of timm or torchvision, or skip the test where it is not installed."""
    with _torchvision_operators():
        return pytest.importorskip(module, reason=f"{module} is not installed: {WAY_OUT}", exc_type=ImportError)


@contextmanager
def _torchvision_operators() -> Iterator[None]:
    """Declare two operators that torchvision's import looks for and its compiled part, built for CUDA, cannot bring.

    They go again at the end, so that nobody who declares them too is in the way.
    """
    if torch._C._jit_get_schemas_for_operator("torchvision::nms"):
        yield
        return
    with operators._scoped_library("torchvision", "FRAGMENT") as declared:
        for operator in ("nms", "qnms"):
            declared.define(f"{operator}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
        yield
