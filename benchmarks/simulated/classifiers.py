"""Two small classifiers of count frames, neither of them spiking: an MLP and a convolutional network."""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

BATCH = 64


def mlp(inputs: int = 6 * 2) -> nn.Module:
    return nn.Sequential(nn.Flatten(), nn.Linear(inputs * 34 * 34, 128), nn.ReLU(), nn.Dropout(0.2), nn.Linear(128, 10))


def cnn(inputs: int = 6 * 2) -> nn.Module:
    layers: list[nn.Module] = [nn.Flatten(1, 2)]
    for channels, width, kernel in ((inputs, 32, 5), (32, 64, 3), (64, 64, 3)):
        layers += [nn.Conv2d(channels, width, kernel, 2, kernel // 2), nn.BatchNorm2d(width), nn.ReLU()]
    return nn.Sequential(*layers, nn.Flatten(), nn.Dropout(0.2), nn.Linear(64 * 25, 10))


NETWORKS: dict[str, Callable[[], nn.Module]] = {"MLP": mlp, "CNN": cnn}


def train(
    make: Callable[[], nn.Module], frames: Tensor, labels: Tensor, *, epochs: int, shift: int, seed: int = 0
) -> nn.Module:
    """Train with AdamW and OneCycle; each batch is moved by up to `shift` pixels."""
    torch.manual_seed(seed)
    model = make()
    optimizer = torch.optim.AdamW(model.parameters(), 2e-3, weight_decay=0.02)
    steps = epochs * (len(frames) // BATCH)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 2e-3, total_steps=steps)
    for _ in range(epochs):
        order = torch.randperm(len(frames))[: len(frames) // BATCH * BATCH]
        for batch in order.view(-1, BATCH):
            down, right = torch.randint(-shift, shift + 1, (2,)).tolist()
            x = torch.roll(_scaled(frames[batch]), (down, right), (-2, -1))
            optimizer.zero_grad()
            F.cross_entropy(model(x), labels[batch]).backward()
            optimizer.step()
            schedule.step()
    return model.eval()


@torch.no_grad()
def hits(model: nn.Module, frames: Tensor, labels: Tensor) -> Tensor:
    """Return which samples are classified rightly, bool `[N]`."""
    found = torch.cat([model(_scaled(part)).argmax(1) for part in frames.split(500)])
    return found == labels


def _scaled(frames: Tensor) -> Tensor:
    return torch.log1p(frames.float())
