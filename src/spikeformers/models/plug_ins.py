"""Words of what plugs into the blocks of any family: delayed skips between them, and running them on chosen tokens."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise

from spikeformers.layers import Skip, Skips
from spikeformers.models.config import ModelConfig, require


@dataclass(frozen=True, kw_only=True)
class SkipWords(ModelConfig):
    """Words of models with blocks.

    Args:
        skips: delayed skips, each (from block, to block, delay): what the one puts out joins the stream in front of the
            other, a later one, `delay` >= 1 time steps later (see `layers.skips`). Blocks are counted from 0 in the
            order they run, and both are in one stage.
    """

    skips: tuple[tuple[int, int, int], ...] = ()

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.skips:
            require(self.ann == "none", "skips are delayed in time, which an ANN twin has not; leave them out.")
            require(
                getattr(self, "shortcut", "membrane") != "vanilla",
                'skips are not built for the shortcut "vanilla": joined to its stream as its branches are, one puts a '
                "neuron more on it, so that even a skip through which nothing comes would change it. "
                "Take another shortcut.",
            )
            for skip in self.skips:
                _check(skip, self.blocks_by_stage)

    @property
    def blocks_by_stage(self) -> tuple[int, ...]:
        """Number of blocks of one width and map size, stage by stage."""
        raise NotImplementedError

    def build_skips(self) -> Skips:
        """What the model gives to all that build its blocks."""
        return Skips([Skip(*skip) for skip in self.skips])


@dataclass(frozen=True, kw_only=True)
class PlugInWords(SkipWords):
    """Words of models whose blocks mix tokens.

    Args:
        keep_tokens: share of the tokens of each sample and time step that the blocks run on, above 0 and up to 1: those
            most like the mean of the step; the others pass by (see `layers.sparse_tokens`).
    """

    keep_tokens: float = 1.0

    def __post_init__(self) -> None:
        super().__post_init__()
        require(0 < self.keep_tokens <= 1, f"keep_tokens must be above 0 and up to 1, got {self.keep_tokens}.")
        if self.keep_tokens < 1:
            require(
                not self.skips,
                "skips and keep_tokens below 1 do not go together: the tokens that are kept at one time step are not "
                "those of a later one. Leave one of them out.",
            )


def _check(skip: tuple[int, int, int], blocks_by_stage: Sequence[int]) -> None:
    source, target, delay = skip
    blocks = sum(blocks_by_stage)
    require(delay >= 1, f"the delay of a skip is at least 1 time step, got {list(skip)}.")
    require(
        0 <= source < blocks and 0 <= target < blocks,
        f"skips are between the blocks 0 to {blocks - 1} of this model, got {list(skip)}.",
    )
    require(
        source < target,
        f"a skip leads to a later block, got {list(skip)}: one back would need all blocks run one time step at a time, "
        "in training too, which is not built.",
    )
    stages = [range(*ends) for ends in pairwise(accumulate(blocks_by_stage, initial=0))]
    listed = ", ".join(f"{stage.start} to {stage[-1]}" for stage in stages if stage)
    require(
        any(source in stage and target in stage for stage in stages),
        f"a skip stays within a stage, whose blocks have one width and map size; got {list(skip)}, and the stages hold "
        f"the blocks {listed}.",
    )
