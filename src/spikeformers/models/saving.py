"""Training passes of a model keep what they save in fewer bytes."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from functools import wraps
from typing import Any, TypeVar, cast

import torch
from torch import Tensor

from spikeformers.ops.backend import choose
from spikeformers.ops.saving import LEAST_BYTES, compact_saving

Method = TypeVar("Method", bound=Callable[..., Any])


def saving_of(model: Any, device: torch.device, *, least_bytes: int = LEAST_BYTES) -> AbstractContextManager[object]:
    """What a pass through the model enters: `ops.saving.compact_saving` in training mode, unless it is turned off."""
    trains = model.training and torch.is_grad_enabled() and not torch.compiler.is_compiling()
    if not trains or choose("saving", device.type).backend == "reference":
        return nullcontext()
    return compact_saving(model.keep_pre_activations, least_bytes=least_bytes)


def saves_compactly(forward: Method) -> Method:
    """Let autograd keep spikes as bits in a method of a model that takes its input first."""

    @wraps(forward)
    def method(self: Any, x: Tensor, *args: Any, **kwargs: Any) -> Any:
        with saving_of(self, x.device):
            return forward(self, x, *args, **kwargs)

    return cast(Method, method)
