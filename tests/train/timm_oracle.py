"""timm, the image library whose optimizers, schedules and losses the papers' scripts use."""

from __future__ import annotations

from typing import Any

import pytest
import torch


def timm_module(name: str) -> Any:
    """Import a module of timm, or skip the test where timm is absent."""
    # torchvision's compiled part needs a CUDA build of torch; its Python part only needs these two operators declared.
    if not torch._C._jit_get_schemas_for_operator("torchvision::nms"):
        library = torch.library.Library("torchvision", "FRAGMENT")
        for operator in ("nms", "qnms"):
            library.define(f"{operator}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
        _LIBRARIES.append(library)
    return pytest.importorskip(name, reason="timm is not installed", exc_type=ImportError)


_LIBRARIES: list[torch.library.Library] = []  # a library that is collected takes its operators with it
