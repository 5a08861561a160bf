"""torchvision and timm as fixtures; the tests that ask for them skip where they are not installed."""

from __future__ import annotations

from types import ModuleType
from typing import Any

import pytest

from tests.oracles import library


@pytest.fixture(scope="session")
def torchvision() -> Any:
    """torchvision.transforms."""
    return library("torchvision.transforms")


@pytest.fixture(scope="session")
def timm(torchvision: ModuleType) -> Any:
    """timm.data, with the modules it does not import by itself."""
    for name in ("auto_augment", "mixup", "random_erasing"):
        library(f"timm.data.{name}")
    return library("timm.data")
