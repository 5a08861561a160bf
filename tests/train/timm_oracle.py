"""timm, the image library whose optimizers, schedules and losses the papers' scripts use."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import torch


def timm_module(name: str) -> Any:
    """Import a module of timm, or skip the test where timm is absent."""
    with torchvision_operators():
        return pytest.importorskip(name, reason="timm is not installed", exc_type=ImportError)


@contextmanager
def torchvision_operators() -> Iterator[None]:
    """Declare two operators that torchvision's import looks for and its compiled part, built for CUDA, cannot bring.

    They go again at the end, so that nobody who declares them too is in the way.
    """
    if torch._C._jit_get_schemas_for_operator("torchvision::nms"):
        yield
        return
    with torch.library._scoped_library("torchvision", "FRAGMENT") as library:
        for operator in ("nms", "qnms"):
            library.define(f"{operator}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
        yield
