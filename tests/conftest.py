"""What holds for every test: no deadline, no debugging switch of the shell, Ctrl-C heard, one thread, its own cache."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator
from unittest import mock

import pytest
from hypothesis import settings

# Before anything imports torch: a test's result must not depend on how many cores happen to be free.
os.environ.setdefault("OMP_NUM_THREADS", "1")
# With it, errors a user can act on would be tracebacks.
os.environ.pop("SPIKEFORMERS_DEBUG", None)
# A shell starts what it runs in the background with Ctrl-C ignored, which the tests of stopping would inherit.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

# A busy machine is not a bug: no test fails because an example took long.
settings.register_profile("house", deadline=None)
settings.load_profile("house")


@pytest.fixture(autouse=True)
def _own_cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """Pictures are decoded into a directory that ends with the tests."""
    monkeypatch.setenv("SPIKEFORMERS_CACHE", str(tmp_path_factory.getbasetemp() / "cache"))


@pytest.fixture(autouse=True)
def _own_words() -> Iterator[None]:
    """What a test registers ends with it. Tests that never loaded the layers do not load them for this."""
    layers = sys.modules.get("spikeformers.layers")
    if layers is None:
        yield
        return
    registries = (layers.ATTENTIONS, layers.ENCODERS, layers.NEURONS, layers.NORMS)
    patches = [mock.patch.dict(registry) for registry in registries]
    for patch in patches:
        patch.start()
    yield
    for patch in patches:
        patch.stop()
