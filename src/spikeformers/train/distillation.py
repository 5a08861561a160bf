"""Learning from a teacher's answers on the same batches."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from spikeformers.errors import ConfigError
from spikeformers.train.objective import at_least_float32

Kind = Literal["hard", "soft"]


@dataclass(frozen=True, kw_only=True)
class Distillation:
    """How much of the loss the teacher gives, and which head of the student it teaches.

    Args:
        kind: "hard" teaches the teacher's likeliest class, "soft" its probabilities.
        alpha: weight of the teacher's part; the labels have the rest.
        temperature: divides the logits of both, of soft distillation.
        output: "logits" teaches the classifier itself, "token" the distillation head of models that have one.
    """

    kind: Kind
    alpha: float
    temperature: float
    output: Literal["logits", "token"]

    def loss(self, heads: Mapping[str, Tensor], base: Tensor, teacher: Tensor) -> Tensor:
        """Return (1 - alpha) base + alpha distillation, a scalar.

        Args:
            heads: the student's `forward_heads`: "logits" [B, K], with a distillation head also "distillation" [B, K].
            base: the loss of the labels, a scalar.
            teacher: logits of the teacher on the same batch [B, K].

        Raises:
            ConfigError: the model has no distillation head.
        """
        if self.output == "token" and "distillation" not in heads:
            raise ConfigError(
                f"The model has no distillation head, which distillation with output = 'token' teaches "
                f"(its heads: {', '.join(heads)}). Set output = 'logits', or choose a model that has one: "
                f"Meta-SpikeFormer and E-SpikeFormer were published with a distillation head."
            )
        student = heads["distillation" if self.output == "token" else "logits"]
        taught = distillation_loss(student, teacher, kind=self.kind, temperature=self.temperature)
        return (1.0 - self.alpha) * base + self.alpha * taught


def distillation_loss(student: Tensor, teacher: Tensor, *, kind: Kind, temperature: float) -> Tensor:
    """Return how far the student's logits [B, K] are from the teacher's [B, K], a scalar.

    Hard is the cross-entropy with the teacher's likeliest class; soft is KL(teacher || student) between the softmax of
    logits / temperature, summed, times temperature squared over B K (Touvron et al., "Training data-efficient image
    transformers & distillation through attention", ICML 2021; division by B K is its code's).
    """
    student, teacher = at_least_float32(student), at_least_float32(teacher)
    if kind == "hard":
        return F.cross_entropy(student, teacher.argmax(1))
    divergence = F.kl_div(
        F.log_softmax(student / temperature, 1),
        F.log_softmax(teacher / temperature, 1),
        reduction="sum",
        log_target=True,
    )
    return divergence * temperature**2 / student.numel()


def teacher_logits(teacher: nn.Module, x: Tensor, *, classes: int) -> Tensor:
    """Return the logits [B, K] of any torch module on a batch, in eval mode and without gradients.

    Args:
        teacher: returns logits [B, K], or [T, B, K], which are averaged over time. It is put into eval mode.
        x: the student's batch [B, ...].
        classes: the student's number of classes K.

    Raises:
        ConfigError: the teacher returns something else, or another number of classes.
    """
    teacher.eval()
    with torch.no_grad():
        logits = teacher(x)
    if not isinstance(logits, Tensor) or logits.dim() not in (2, 3) or logits.shape[-2] != x.shape[0]:
        given = list(logits.shape) if isinstance(logits, Tensor) else type(logits).__name__
        raise ConfigError(
            f"The teacher must return logits [B, K] or [T, B, K] of a batch of B = {x.shape[0]}, got {given}. "
            f"Wrap it in a module whose forward returns just the logits."
        )
    if logits.shape[-1] != classes:
        raise ConfigError(
            f"The teacher has {logits.shape[-1]} classes, the model {classes}. "
            f"Distil from a teacher that was trained on the same classes."
        )
    return logits if logits.dim() == 2 else logits.mean(0)
