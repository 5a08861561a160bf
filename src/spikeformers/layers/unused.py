"""What released models carry and never use."""

from __future__ import annotations

import torch
from torch import nn


class Unused(nn.Module):
    """Parameters of the authors' code that take no part in its output.

    They are kept so that their files are taken and given back whole, and so that the number of parameters is the
    published one. They get no gradient.

    Args:
        shapes: shape of each parameter by its name.
    """

    def __init__(self, **shapes: tuple[int, ...]) -> None:
        super().__init__()
        for name, shape in shapes.items():
            self.register_parameter(name, nn.Parameter(torch.zeros(shape)))

    @classmethod
    def like(cls, module: nn.Module) -> Unused:
        """The parameters of a module that is never called."""
        return cls(**{name: tuple(parameter.shape) for name, parameter in module.named_parameters()})


class Constants(Unused):
    """Constants that the authors' code keeps beside its weights: they repeat the config, which alone counts here.

    A file whose constants are others belongs to another config (see `convert.load_official`).

    Args:
        values: value of each constant by its name.
    """

    def __init__(self, **values: float) -> None:
        super().__init__(**dict.fromkeys(values, ()))
        for name, value in values.items():
            nn.init.constant_(self.get_parameter(name), value)
