"""Whether anyone looks at what a module is given or gives.

Several modules may run as one operation only where nobody wants to see what passes between them: measuring, drawing and
penalties look through hooks, and must find every module called.
"""

from __future__ import annotations

from torch import nn
from torch.nn.modules import module as hooks_of_all

_OWN = ("_forward_pre_hooks", "_forward_hooks", "_backward_pre_hooks", "_backward_hooks")
_GLOBAL = tuple(f"_global{name}" for name in (*_OWN, "_forward_hooks_always_called"))


def watched(*modules: nn.Module) -> bool:
    """Whether any of these modules must be called itself.

    It has a hook on its call, before or behind, forward or backward, or all modules have, or somebody put another
    `forward` in the place of its own.
    """
    return any(getattr(hooks_of_all, name) for name in _GLOBAL) or any(
        "forward" in vars(module) or any(getattr(module, name) for name in _OWN) for module in modules
    )
