"""Attacks that follow the gradient: FGSM and PGD in the largest norm, through a model's surrogate gradients.

FGSM is one step of size epsilon from the picture (Goodfellow, Shlens, Szegedy, ICLR 2015); PGD starts anywhere in the
ball of radius epsilon, takes several smaller steps, and is brought back into the ball after each (Madry et al., ICLR
2018). Pixels stay between 0 and 255; they are not rounded.

A spiking network has no gradient of its own: what an attack follows depends on the surrogate it is given, which may
lead nowhere where another would succeed, and is zero where every potential is out of its reach. So accuracy under one
attack is no lower bound of the accuracy under the worst perturbation. Try several surrogates, and take for each picture
the one that does most harm.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from spikeformers.errors import InputError
from spikeformers.measure.disturbances.draws import Streams, uniform
from spikeformers.measure.disturbances.victim import Victim

ATTACKS = ("fgsm", "pgd")


class Attacked(NamedTuple):
    """What an attack made of each picture.

    Attributes:
        pixels: float32 [B, C, H, W], 0..255.
        loss: cross-entropy of each, [B].
        right: whether the model still gives each its label, bool [B].
        blind: whether there was no gradient to follow, zero for every pixel at every step, bool [B].
    """

    pixels: Tensor
    loss: Tensor
    right: Tensor
    blind: Tensor


def fgsm(victim: Victim, images: Tensor, labels: Tensor, epsilon: float) -> Attacked:
    """Move every value by epsilon towards a higher loss.

    Args:
        victim: the model; nothing of it changes, and no gradient is left in its parameters.
        images: uint8 or float [B, C, H, W], 0..255.
        labels: int64 [B].
        epsilon: largest change of a value, in units of 1/255 of the pixel range.
    """
    clean = images.to(victim.device).float()
    gradient, _ = _uphill(victim, clean, labels)
    return _judged(victim, (clean + epsilon * gradient.sign()).clamp(0, 255), labels)._replace(blind=_is_zero(gradient))


def pgd(
    victim: Victim, images: Tensor, labels: Tensor, epsilon: float, *, steps: int, step_size: float, draws: Streams
) -> Attacked:
    """Climb the loss inside the ball of radius epsilon, from a random start; keep the best point of the way.

    The best is one that is misclassified, and among those, or where there is none, that of the highest loss.

    Args:
        victim, images, labels, epsilon: as for `fgsm`.
        steps: how many.
        step_size: of each, in the units of epsilon.
        draws: one generator for each picture, of its start.
    """
    clean = images.to(victim.device).float()
    lowest, highest = (clean - epsilon).clamp(min=0), (clean + epsilon).clamp(max=255)
    start = clean + epsilon * (2 * uniform(draws, clean.shape[1:]).to(clean.device) - 1)
    here, best = start.clamp(lowest, highest), None
    blind = torch.ones(len(clean), dtype=torch.bool, device=clean.device)
    for _ in range(steps):
        gradient, seen = _uphill(victim, here, labels)
        blind &= _is_zero(gradient)
        best = seen if best is None else _worse(best, seen)
        here = (here + step_size * gradient.sign()).clamp(lowest, highest)
    last = _judged(victim, here, labels)
    return (last if best is None else _worse(best, last))._replace(blind=blind)


def _uphill(victim: Victim, pixels: Tensor, labels: Tensor) -> tuple[Tensor, Attacked]:
    """The gradient of each picture's loss, and what the pictures are before the step."""
    with torch.enable_grad():
        x = pixels.detach().requires_grad_()
        logits = victim.logits(x)
        loss = F.cross_entropy(logits, labels.to(logits.device), reduction="none")
        # The sum, not the mean: the gradient of one picture must not depend on how many others there are.
        gradient = torch.autograd.grad(loss.sum(), x, allow_unused=True)[0] if loss.requires_grad else None
    if gradient is None:
        raise InputError(
            "no gradient reaches the pixels of this model, so that no attack can follow one: an encoder that makes "
            "spikes of the pixels, or an unrolled model. Leave attacks out for it."
        )
    return gradient, _attacked(pixels, logits.detach(), loss.detach(), labels)


@torch.no_grad()
def _judged(victim: Victim, pixels: Tensor, labels: Tensor) -> Attacked:
    logits = victim.logits(pixels)
    return _attacked(pixels, logits, F.cross_entropy(logits, labels.to(logits.device), reduction="none"), labels)


def _attacked(pixels: Tensor, logits: Tensor, loss: Tensor, labels: Tensor) -> Attacked:
    right = logits.argmax(1) == labels.to(logits.device)
    return Attacked(pixels, loss, right, torch.zeros_like(right))


def _worse(one: Attacked, other: Attacked) -> Attacked:
    """Of each picture the version that does more harm."""
    first = torch.where(one.right == other.right, one.loss >= other.loss, ~one.right)
    return Attacked(
        torch.where(first[:, None, None, None], one.pixels, other.pixels),
        torch.where(first, one.loss, other.loss),
        torch.where(first, one.right, other.right),
        one.blind & other.blind,
    )


def _is_zero(gradient: Tensor) -> Tensor:
    return ~gradient.flatten(1).any(1)
