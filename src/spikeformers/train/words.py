"""The tables of a recipe: what each key means, its default and its range."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from spikeformers.errors import ConfigError

Precision = Literal["float32", "bfloat16", "float16"]
PreActivations = Literal["exact", "bfloat16", "recompute"]


@dataclass(frozen=True, kw_only=True)
class ModelWords:
    """Which model, and which words of its configuration differ from the catalogue's.

    The name may be left out where training starts from a checkpoint (`init`), which brings its own model; then the
    words of `config` are laid over that model's.
    """

    name: str = ""
    config: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class PaperWords:
    """What the paper reports for this recipe. It is the paper's figure: nothing here measured it."""

    accuracy: float  # per cent, on the test images
    source: str  # paper and table
    notes: tuple[str, ...] = ()  # where paper and released code disagree, or say nothing

    def __post_init__(self) -> None:
        require(0.0 < self.accuracy <= 100.0, "accuracy", self.accuracy, "in per cent, above 0 and up to 100")


@dataclass(frozen=True, kw_only=True)
class ImageWords:
    """How pictures become inputs, in training and at evaluation."""

    crop_pct: float = 1.0  # at evaluation, the central part of a resized picture that is kept, per side
    interpolation: Literal["bilinear", "bicubic"] = "bicubic"
    normalise: bool = True  # by the data set's mean and std; encoders other than "direct" need false: pixels in 0 .. 1

    def __post_init__(self) -> None:
        require(0.0 < self.crop_pct <= 1.0, "crop_pct", self.crop_pct, "above 0 and up to 1")


@dataclass(frozen=True, kw_only=True)
class EventWords:
    """How recordings of events become frames, in training and at evaluation."""

    # "counts" of events; "binary": 1 where there are any; "voxels": counts shared between neighbouring time steps, with
    # split_by = "time" only; "time_surface": e^(-time since the last event / surface_tau).
    representation: Literal["counts", "binary", "voxels", "time_surface"] = "counts"
    surface_tau: float = 50_000.0  # microseconds
    # "number": each time step has equally many events; "time": equally long; "duration": as long as `window` says, from
    # the first event on, and what is later than the last time step is left out.
    split_by: Literal["number", "time", "duration"] = "number"
    window: int = 0  # microseconds
    merge_polarities: bool = False  # one channel instead of one per polarity
    # Where the sensor has another size than the model's input. "bilinear" interpolates frames, without antialiasing;
    # "antialias" with it; "merge" adds pixels up, by whole factors; "centre" pads, or cuts, around the middle.
    resize: Literal["bilinear", "antialias", "merge", "centre"] = "bilinear"

    def __post_init__(self) -> None:
        require(self.surface_tau > 0.0, "surface_tau", self.surface_tau, "> 0")
        by_duration = self.split_by == "duration"
        require((self.window > 0) == by_duration, "window", self.window, "> 0 with split_by = 'duration', else 0")
        holds = self.representation != "voxels" or self.split_by == "time"
        require(holds, "split_by", repr(self.split_by), "'time' for voxels")


@dataclass(frozen=True, kw_only=True)
class AugmentWords:
    """What is done to training images, in this order; one random choice per sample, the same for all its time steps."""

    # Before events become frames; of event data sets only.
    event_drop: float = 0.0  # probability that events are left out, in a span of time, an area or anywhere (EventDrop)
    time_jitter: float = 0.0  # microseconds, standard deviation of noise on the times of events
    spatial_jitter: float = 0.0  # pixels, standard deviation of noise on their places
    polarity_flip: float = 0.0  # probability that polarities are exchanged

    resized_crop: tuple[float, float] | None = None  # area of a random crop that is resized, as a share of the picture
    resized_ratio: tuple[float, float] = (3 / 4, 4 / 3)  # and its width over its height
    crop_padding: int = 0  # pixels of padding on every side before a random crop of the old size
    hflip: float = 0.0  # probability of a horizontal flip
    roll: int = 0  # up to so many pixels in height and width; what leaves at a border comes in on the other side
    # timm's words such as "rand-m9-n1-mstd0.4-inc1"; "autoaugment-imagenet"; "dvs", "dvs-trivial" or "nda" for event
    # frames
    policy: str = ""
    policy_operations: Literal["full", "reduced"] = "full"  # "reduced": the five operations of Spikformer's CIFAR runs
    # Brightness, contrast and saturation change by up to this share. The papers' scripts leave it out where a policy
    # is set; here both may be set.
    color_jitter: float = 0.0
    cutout: int = 0  # pixels, side of a square of zeros centred on any pixel; what sticks out is cut off
    mixup: float = 0.0  # alpha of the Beta distribution
    cutmix: float = 0.0  # alpha of the Beta distribution
    event_mix: float = 0.0  # alpha of the Beta distribution of EventMix, for event frames, instead of the two above
    event_mix_labels: Literal["area", "events"] = "area"  # labels by shares of the volume, or of the events
    mixing_probability: float = 1.0  # share of the batches that are mixed (EventMix: of the samples)
    mixing_switch: float = 0.5  # share of the mixed batches that take cutmix, where both are set
    mixing_off_epoch: int = 0  # the first epoch (counted from 0) without mixing; 0: it is never switched off
    erasing: float = 0.0  # probability that a rectangle is erased
    erasing_mode: Literal["const", "pixel"] = "const"  # by the mean colour, or by noise

    def __post_init__(self) -> None:
        for word in ("resized_crop", "resized_ratio"):
            pair = getattr(self, word)
            require(pair is None or 0 < pair[0] <= pair[1], word, pair, "two numbers above 0, the smaller first")
        require(self.resized_crop is None or self.resized_crop[1] <= 1, "resized_crop", self.resized_crop, "up to 1")
        for word in ("crop_padding", "roll", "cutout", "color_jitter", "mixup", "cutmix", "event_mix"):
            require(getattr(self, word) >= 0, word, getattr(self, word), ">= 0")
        for word in ("time_jitter", "spatial_jitter", "mixing_off_epoch"):
            require(getattr(self, word) >= 0, word, getattr(self, word), ">= 0")
        alone = not self.event_mix or not (self.mixup or self.cutmix)
        require(alone, "event_mix", self.event_mix, "0 beside mixup or cutmix")
        for word in ("event_drop", "polarity_flip", "hflip", "mixing_probability", "mixing_switch", "erasing"):
            require(0.0 <= getattr(self, word) <= 1.0, word, getattr(self, word), "a probability, 0 to 1")


@dataclass(frozen=True, kw_only=True)
class OptimizerWords:
    """The optimizer; weight decay spares norms, biases and learnable time constants."""

    name: Literal["adamw", "adam", "sgd", "lamb"] = "adamw"  # "adam" adds the decay to the gradient, as "sgd" does
    lr: float  # at the end of the warm-up
    lr_batch_size: int = 0  # batch size that lr is stated for, and scaled in proportion to; 0: lr is taken as it is
    weight_decay: float = 0.06
    betas: tuple[float, float] = (0.9, 0.999)
    eps: float = 0.0  # 0: the optimizer's own, 1e-8 of Adam and AdamW, 1e-6 of LAMB
    momentum: float = 0.9  # of SGD
    nesterov: bool = False  # of SGD
    trust_clip: bool = False  # LAMB: no trust ratio above 1
    layer_decay: float = 1.0  # factor on the learning rate per stage away from the head
    clip_norm: float = 0.0  # longest gradient over all parameters together; 0: any length

    def __post_init__(self) -> None:
        for word in ("lr", "layer_decay"):
            require(getattr(self, word) > 0.0, word, getattr(self, word), "> 0")
        for word in ("weight_decay", "lr_batch_size", "eps", "momentum", "clip_norm"):
            require(getattr(self, word) >= 0.0, word, getattr(self, word), ">= 0")
        require(all(0.0 <= beta < 1.0 for beta in self.betas), "betas", self.betas, "two numbers in [0, 1)")
        require(not self.nesterov or self.momentum > 0, "momentum", self.momentum, "> 0 for nesterov")


@dataclass(frozen=True, kw_only=True)
class ScheduleWords:
    """Linear warm-up from `warmup_lr`, a cosine down to `min_lr`, then `cooldown_epochs` at `min_lr`.

    With `min_lr` equal to the optimizer's lr the rate stays there. Rates set by hand take over where they begin.
    """

    epochs: int  # without the cooldown
    warmup_epochs: float = 0.0  # may be a fraction
    warmup_lr: float = 1e-5
    min_lr: float = 1e-5
    cooldown_epochs: int = 0
    per_epoch: bool = False  # the rate moves with every epoch, not with every update
    warmup_is_prefix: bool = True  # the cosine starts where the warm-up ends; false: it started with the warm-up (timm)
    cosine_epochs: int = 0  # where the cosine would end, of a run that stops before; 0: after `epochs`
    rates: tuple[tuple[int, float], ...] = ()  # [epoch, rate]: set by hand from that epoch (counted from 0) on

    def __post_init__(self) -> None:
        require(self.epochs >= 1, "epochs", self.epochs, ">= 1")
        until = f"0, or at least epochs ({self.epochs}) and without a cooldown"
        holds = self.cosine_epochs >= self.epochs and not self.cooldown_epochs
        require(not self.cosine_epochs or holds, "cosine_epochs", self.cosine_epochs, until)
        begins = [epoch for epoch, _ in self.rates]
        in_order = begins == sorted(set(begins)) and all(epoch >= 0 and rate >= 0 for epoch, rate in self.rates)
        require(in_order, "rates", list(self.rates), "pairs [epoch, rate] in the order of the epochs, none below 0")
        below = f">= 0 and below epochs ({self.epochs})"
        require(0.0 <= self.warmup_epochs < self.epochs, "warmup_epochs", self.warmup_epochs, below)
        for word in ("warmup_lr", "min_lr", "cooldown_epochs"):
            require(getattr(self, word) >= 0, word, getattr(self, word), ">= 0")

    @property
    def total_epochs(self) -> int:
        """Epochs of the whole run, the cooldown included."""
        return self.epochs + self.cooldown_epochs

    def shortened(self, total_epochs: int) -> ScheduleWords:
        """Return the schedule over another number of epochs in all.

        A shorter one shrinks its warm-up, its cooldown and the epochs of rates set by hand in proportion; of its cosine
        it keeps the same part.
        """
        require(total_epochs >= 1, "epochs", total_epochs, ">= 1")
        share = min(1.0, total_epochs / self.total_epochs)
        cooldown = min(int(self.cooldown_epochs * share), total_epochs - 1)
        epochs = total_epochs - cooldown
        return replace(
            self,
            epochs=epochs,
            cooldown_epochs=cooldown,
            warmup_epochs=self.warmup_epochs * min(1.0, epochs / self.epochs),
            cosine_epochs=math.ceil(self.cosine_epochs * epochs / self.epochs),
            # Two that fall together: the later one counts.
            rates=tuple({math.ceil(epoch * share): rate for epoch, rate in self.rates}.items()),
        )


@dataclass(frozen=True, kw_only=True)
class LossWords:
    """What is minimised: the cross-entropy of the logits averaged over time, unless `tet` is set."""

    label_smoothing: float = 0.0
    tet: float | None = None  # lambda of the temporal efficient training loss: cross-entropy of each time step
    tet_means: float = 1.0  # where its second term pulls the logits
    rate_weight: float = 0.0  # weight of the penalty on firing rates above rate_target
    rate_target: float = 0.0
    operations_weight: float = 0.0  # weight of the penalty on operations, as a share of the dense ones
    steps_weight: float = 0.0  # weight of the penalty on live time steps, as a share of all, above steps_budget
    steps_budget: float = 0.0

    def __post_init__(self) -> None:
        require(0.0 <= self.label_smoothing < 1.0, "label_smoothing", self.label_smoothing, "in [0, 1)")
        require(self.tet is None or 0.0 <= self.tet <= 1.0, "tet", self.tet, "0 to 1")
        for word in ("rate_weight", "rate_target", "operations_weight", "steps_weight"):
            require(getattr(self, word) >= 0.0, word, getattr(self, word), ">= 0")
        require(0.0 <= self.steps_budget <= 1.0, "steps_budget", self.steps_budget, "a share, 0 to 1")


@dataclass(frozen=True, kw_only=True)
class DistillationWords:
    """A teacher whose answers on the same batches are learned beside the labels."""

    teacher: str  # a run directory or checkpoint, or "module:function" that returns a torch module
    kind: Literal["hard", "soft"] = "soft"  # its most likely class, or its probabilities
    alpha: float = 0.5  # weight of the teacher's part; the labels have the rest
    temperature: float = 1.0  # of soft distillation
    output: Literal["logits", "token"] = "logits"  # which of the student's heads answers the teacher

    def __post_init__(self) -> None:
        require(bool(self.teacher), "teacher", repr(self.teacher), "a run directory, a checkpoint or module:function")
        require(0.0 <= self.alpha <= 1.0, "alpha", self.alpha, "0 to 1")
        require(self.temperature > 0.0, "temperature", self.temperature, "> 0")


def require(holds: bool, word: str, given: object, expected: str) -> None:
    """Raise ConfigError that names the word unless the condition holds."""
    if not holds:
        raise ConfigError(f"{word} must be {expected}, got {given}.")
