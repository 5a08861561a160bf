"""What holds for every test: no deadline, no setting of the user's shell, one thread."""

from __future__ import annotations

import os

import pytest
from hypothesis import settings

# Before anything imports torch: a test's result must not depend on how many cores happen to be free.
os.environ.setdefault("OMP_NUM_THREADS", "1")

# A busy machine is not a bug: no test fails because an example took long.
settings.register_profile("house", deadline=None)
settings.load_profile("house")


@pytest.fixture(autouse=True)
def _settings_of_the_user(monkeypatch: pytest.MonkeyPatch) -> None:
    """Hide SPIKEFORMERS_* variables, so that a forced backend or a data directory does not change a test."""
    for name in [name for name in os.environ if name.startswith("SPIKEFORMERS_")]:
        monkeypatch.delenv(name)
