"""Hooks of every kind are noticed while they are there, on the modules asked about."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from torch import nn
from torch.nn.modules import module as torch_module
from torch.utils.hooks import RemovableHandle

from spikeformers.layers.watched import watched

OWN = ["register_forward_hook", "register_forward_pre_hook", "register_full_backward_hook"]
OWN += ["register_full_backward_pre_hook"]
OF_ALL = ["register_module_forward_hook", "register_module_forward_pre_hook", "register_module_full_backward_hook"]
OF_ALL += ["register_module_full_backward_pre_hook"]


def nothing(*_: object) -> None:
    """A hook that looks at nothing."""


@pytest.mark.parametrize("register", OWN)
def test_a_modules_own_hook_is_noticed(register: str) -> None:
    first, second = nn.Identity(), nn.Identity()
    assert not watched(first, second)
    handle: RemovableHandle = getattr(second, register)(nothing)
    assert watched(first, second)
    assert watched(second)
    assert not watched(first)
    handle.remove()
    assert not watched(first, second)


def test_a_forward_put_in_the_place_of_its_own_is_noticed() -> None:
    module = nn.Identity()
    module.forward = lambda x: x  # type: ignore[method-assign]
    assert watched(module)
    assert not watched(nn.Identity())


@pytest.mark.parametrize("register", OF_ALL)
def test_a_hook_on_all_modules_is_noticed(register: str) -> None:
    hook: Callable[..., RemovableHandle] = getattr(torch_module, register)
    handle = hook(nothing)
    try:
        assert watched(nn.Identity())
    finally:
        handle.remove()
    assert not watched(nn.Identity())
