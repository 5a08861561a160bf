"""Where the Triton kernels can run: on a GPU, or interpreted on the CPU in a process that was started for it."""

from __future__ import annotations

import os
from importlib.util import find_spec

import pytest
import torch

DEVICE = "cuda" if torch.cuda.is_available() else "cpu"


def require_triton() -> None:
    """Skip the test file that says so at its top where its kernels cannot run."""
    if find_spec("triton") is None:
        pytest.skip("Triton is not installed", allow_module_level=True)
    # Kernels become one or the other while they are imported: the variable must be there before Triton is.
    if DEVICE == "cpu" and os.environ.get("TRITON_INTERPRET") != "1":
        pytest.skip("no GPU, and TRITON_INTERPRET=1 is not set: `make test-triton`", allow_module_level=True)
