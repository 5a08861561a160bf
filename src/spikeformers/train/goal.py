"""What one forward pass is trained for: labels, teacher and penalties together."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from spikeformers.models import SpikingModel
from spikeformers.train.distillation import Distillation, teacher_logits
from spikeformers.train.objective import cross_entropy, tet
from spikeformers.train.penalty import SpikePenalty
from spikeformers.train.words import LossWords

DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}


@dataclass(frozen=True, kw_only=True)
class Goal:
    """The loss of a recipe.

    Attributes:
        words: the recipe's words of its loss.
        dtype: of autocast; float32 is none.
        distillation, teacher: how the teacher's answers count, and the module that gives them; both or neither.
    """

    words: LossWords
    dtype: torch.dtype = torch.float32
    distillation: Distillation | None = None
    teacher: nn.Module | None = None

    def __call__(self, model: SpikingModel, x: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
        """Return the loss, a scalar, and the logits [B, K].

        Args:
            x: inputs as the model takes them.
            targets: labels [B], or shares of the classes [B, K].
        """
        words = self.words
        with torch.autocast(x.device.type, self.dtype, enabled=self.dtype != torch.float32):
            if not (words.rate_weight or words.operations_weight or words.steps_weight):
                return self._from_heads(self._heads(model, x), x, targets)
            with SpikePenalty(
                model,
                rate_weight=words.rate_weight,
                rate_target=words.rate_target,
                operations_weight=words.operations_weight,
                steps_weight=words.steps_weight,
                steps_budget=words.steps_budget,
            ) as penalty:
                heads = self._heads(model, x)
            loss, logits = self._from_heads(heads, x, targets)
            return loss + penalty.loss(), logits

    def _heads(self, model: SpikingModel, x: Tensor) -> dict[str, Tensor]:
        if self.words.tet is None and (self.distillation is None or self.distillation.output == "logits"):
            return {"logits": model(x)}
        return model.forward_heads(x)

    def _from_heads(self, heads: dict[str, Tensor], x: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
        words, logits = self.words, heads["logits"]
        if words.tet is None:
            loss = cross_entropy(logits, targets, label_smoothing=words.label_smoothing)
        else:
            loss = tet(
                heads["steps"],
                targets,
                weight=words.tet,
                means=words.tet_means,
                label_smoothing=words.label_smoothing,
            )
        if self.distillation is not None and self.teacher is not None:
            loss = self.distillation.loss(heads, loss, teacher_logits(self.teacher, x, classes=logits.shape[1]))
        return loss, logits
