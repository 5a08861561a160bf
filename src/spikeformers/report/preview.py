"""The plan of a run for the terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.text import Text

from spikeformers.report.augmentation import augmentation_lines
from spikeformers.report.layout import heading, pairs
from spikeformers.report.recipes import recipe_accuracy
from spikeformers.report.samples import noun_of
from spikeformers.report.sketch import sketch
from spikeformers.report.text import amount, count, duration, size

if TYPE_CHECKING:
    from spikeformers.train.previewing import Cost, Preview
    from spikeformers.train.probe import Memory
    from spikeformers.train.recipe import Recipe

WIDTH, HEIGHT = 60, 5  # letters of the learning-rate curve


def plan(preview: Preview) -> RenderableType:
    """Everything a recipe amounts to."""
    recipe = preview.recipe
    parts: list[RenderableType] = [Text(recipe.name, "bold cyan"), Text(f"  {recipe.description}")]
    parts += [heading("Model"), pairs(_model(preview))]
    parts += [heading(noun_of(recipe.dataset).many.capitalize()), pairs(_samples(preview))]
    parts += [heading("Training"), pairs(_training(preview))]
    parts += [heading("Learning rate"), _curve(preview)]
    if preview.cost:
        parts += [heading(f"Memory of an update on {preview.device}"), _memory(preview.cost.memory, recipe)]
        parts += [heading(f"Time on {preview.device}"), _time(preview, preview.cost)]
    if recipe.paper:
        parts += [heading("Paper"), pairs([("accuracy", recipe_accuracy(recipe.paper))])]
    return Group(*parts)


def _model(preview: Preview) -> list[tuple[str, str]]:
    recipe, cost = preview.recipe, preview.cost
    start = recipe.init or f"random weights (seed {recipe.seed})"
    if recipe.init in preview.missing:
        start += ", which is not there: give a checkpoint with --init"
    if cost is None:
        return [("name", "the checkpoint's"), ("starts from", start)]
    frozen = cost.parameters - cost.learning
    return [
        ("name", cost.model),
        ("parameters", count(cost.parameters) + (f", {count(frozen)} of them frozen" if frozen else "")),
        ("input", f"{size(cost.input)}, {cost.time_steps} time step{'s' * (cost.time_steps != 1)}"),
        ("classes", str(cost.classes)),
        ("starts from", start),
    ]


def _samples(preview: Preview) -> list[tuple[str, str]]:
    recipe, samples = preview.recipe, preview.samples
    if samples is None:
        sizes = "unknown before the files are read: give --data-dir"
    else:
        held = f", {count(samples.validation)} for validation" if samples.validation else ""
        source = "as counted" if samples.counted else "official sizes, no file was read"
        sizes = f"{count(samples.train)} for training{held}, {count(samples.test)} for testing ({source})"
    judged = "validation" if recipe.validation or (samples and samples.validation) else "test"
    lines = augmentation_lines(recipe.augment)
    return [
        ("data set", recipe.dataset),
        ("samples", sizes),
        ("judged by", f"the {judged} {noun_of(recipe.dataset).many}, after every epoch"),
        ("augmentation", "\n".join(lines) or "none"),
    ]


def _training(preview: Preview) -> list[tuple[str, str]]:
    recipe, words = preview.recipe, preview.recipe.optimizer
    epochs = recipe.schedule.total_epochs
    steps = f"{count(preview.steps_per_epoch)} per epoch, " if preview.steps_per_epoch else ""
    total = f"{count(preview.total_steps)} in " if preview.total_steps else ""
    parts = f" in {recipe.accumulate} parts" if recipe.accumulate > 1 else ""
    return [
        ("batch", f"{recipe.batch_size} samples{parts}"),
        ("updates", f"{steps}{total}{epochs} epoch{'s' * (epochs != 1)}"),
        ("optimizer", f"{words.name}, {_groups(preview)}"),
        ("precision", recipe.precision),
        ("average", f"of the weights, decay {recipe.ema}" if recipe.ema else ""),
        ("distilled from", _teacher(preview)),
    ]


def _groups(preview: Preview) -> str:
    words = preview.recipe.optimizer
    if preview.cost is None:
        return f"weight decay {words.weight_decay:g}"
    groups = preview.cost.groups
    decayed = sum(group.parameters for group in groups if group.weight_decay)
    spared = sum(group.parameters for group in groups if not group.weight_decay)
    scales = sorted({group.lr_scale for group in groups})
    text = f"weight decay {words.weight_decay:g} on {count(decayed)} parameters, none on {count(spared)}"
    return text + (f"; learning rate times {scales[0]:.3g} to {scales[-1]:.3g}, by stage" if len(scales) > 1 else "")


def _curve(preview: Preview) -> RenderableType:
    rates, words = preview.rates, preview.recipe.schedule
    highest = f"{max(rate for _, rate in rates.curve):.2e}"
    lines = sketch([rate for _, rate in rates.curve], width=WIDTH, height=HEIGHT)
    labels = [highest, *[""] * (HEIGHT - 2), "0"]
    drawn = [f"{label:>{len(highest)}} {line}" for label, line in zip(labels, lines, strict=True)]
    drawn.append(f"{'':{len(highest)}} 0{f'{words.total_epochs} epochs':>{WIDTH - 1}}")
    values = pairs(
        [
            ("start", f"{rates.start[1]:.3g}"),
            (
                "warmed up",
                f"{rates.warmed_up[1]:.3g} after {rates.warmed_up[0]:g} epochs" if words.warmup_epochs else "",
            ),
            ("middle", f"{rates.middle[1]:.3g} after {rates.middle[0]:g} epochs"),
            ("end", f"{rates.end[1]:.3g}"),
        ]
    )
    return Group(Padding(Text("\n".join(drawn), "blue", no_wrap=True), (0, 0, 0, 2)), values)


def _memory(memory: Memory, recipe: Recipe) -> RenderableType:
    part = recipe.batch_size // recipe.accumulate
    return pairs(
        [
            ("weights", amount(memory.weights)),
            ("gradients", amount(memory.gradients)),
            ("optimizer", amount(memory.optimizer)),
            ("average", amount(memory.average) if memory.average else ""),
            ("activations", f"{amount(memory.activations)} for {part} samples, estimated from a sample or two"),
            ("in all", f"{amount(memory.total)}, and short-lived results on top"),
        ]
    )


def _time(preview: Preview, cost: Cost) -> RenderableType:
    speed, noun = cost.speed, noun_of(preview.recipe.dataset)
    dtype = str(speed.dtype).removeprefix("torch.")
    facts = [
        ("an update", duration(speed.seconds)),
        ("an epoch", duration(speed.seconds * preview.steps_per_epoch) if preview.steps_per_epoch else ""),
        ("all epochs", duration(preview.seconds) if preview.seconds is not None else ""),
    ]
    note = (
        f"estimated from {speed.passes} timed step{'s' * (speed.passes != 1)} on {speed.samples} synthetic "
        f"{noun.counted(speed.samples)} on this machine; reading, augmenting and evaluating come on top"
    )
    if dtype != preview.recipe.precision:
        note += (
            f"\ntimed in {dtype}: a CPU may need far longer for {preview.recipe.precision} (--set precision={dtype})"
        )
    return Group(pairs(facts), Padding(Text(note, "dim"), (0, 0, 0, 2)))


def _teacher(preview: Preview) -> str:
    teacher = preview.recipe.distillation.teacher if preview.recipe.distillation else ""
    absent = ", which is not there: memory and time are those without it" if teacher in preview.missing else ""
    return teacher + absent
