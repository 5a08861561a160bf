"""The state of the global random numbers of a run: initial weights, dropped paths, spikes drawn by encoders."""

from __future__ import annotations

import torch


def random_states() -> list[torch.Tensor]:
    """Return the state of torch's global generators: the CPU's, then those of the CUDA devices."""
    gpus = torch.cuda.get_rng_state_all() if torch.cuda.is_available() else []
    return [torch.get_rng_state(), *gpus]


def restore_random_states(states: list[torch.Tensor]) -> None:
    """Bring the global generators back to where `random_states` found them; GPUs that are not there are left out."""
    torch.set_rng_state(states[0])
    for device, state in enumerate(states[1 : 1 + torch.cuda.device_count()]):
        torch.cuda.set_rng_state(state, device)
