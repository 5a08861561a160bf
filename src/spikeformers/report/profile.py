"""Operations and energy as terminal tables, models side by side."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from rich.console import Group, RenderableType
from rich.text import Text

from spikeformers.report.audit import seen
from spikeformers.report.layout import NarrowingTable, bullets, heading, new_table, pairs
from spikeformers.report.samples import IMAGE, Noun
from spikeformers.report.text import UNKNOWN, amount, bar, call_label, count, joules, percent

if TYPE_CHECKING:
    from spikeformers.measure import Count, Counts, Energy, EnergyRow, Form, Profile

SHORT = 5  # layers named where not all are


def overview(profile: Profile, label: str, on: str, noun: Noun = IMAGE) -> RenderableType:
    """What a model is, how sparse it is, and its operations by kind."""
    form = profile.given
    spread = form.counts.spread()
    deviation = "" if spread.deviation is None else f" ± {count(spread.deviation)} between batches"
    facts = [
        ("model", profile.name),
        ("measured on", on),
        ("parameters", f"{count(form.size.parameters)} ({amount(form.size.footprint)} with buffers)"),
        ("activations", f"{percent(form.counts.activation_sparsity)} zeros among the outputs of all neurons"),
        ("connections", f"{percent(form.size.connection_sparsity)} zeros among the weights"),
        ("operations", f"{count(spread.mean)}{deviation}, per {noun.one}, with no zero among their operands"),
    ]
    not_counted = [("not counted", ", ".join(form.counts.uncounted))] if form.counts.uncounted else []
    return Group(heading(f"Profile: {label}"), pairs([*facts, *not_counted]), _kinds(form, noun))


def _kinds(form: Form, noun: Noun) -> RenderableType:
    """Operations by kind, per sample."""
    counts = form.counts
    table = new_table("kind", ">calls", ">dense", ">with padding", ">non-zero", ">events")
    for kind in dict.fromkeys(row.kind for row in counts.rows):
        rows = [row for row in counts.rows if row.kind == kind]
        events = [row.events for row in rows if row.events is not None]
        figures = (counts.total(word, [kind]) / counts.samples for word in ("dense", "dense_padded", "nonzero"))
        whole = count(sum(events) / counts.samples) if events else UNKNOWN
        table.add_row(kind, count(len(rows)), *map(count, figures), whole)
    return Group(heading(f"Operations per {noun.one}, {form.label}"), table, Text(_KINDS, "dim"))


_KINDS = (
    "dense: if nothing were zero; with padding: by the usual formula; non-zero: no operand is zero; events: an "
    "integer n counts n (real operands have none)"
)


def energies(
    profiles: Mapping[str, Profile], on: str, conventions: Sequence[str] | None = None, noun: Noun = IMAGE
) -> RenderableType:
    """Energy per sample of every model, form and convention, and what the figures rest on.

    Args:
        profiles: from a label to what was measured.
        on: what they were measured on.
        conventions: words; None shows all that were asked for.
        noun: what the samples are called.
    """
    table = new_table("model", "form", "convention", ">ACs", ">MACs", ">compute", ">memory", ">energy")
    for label, form, energy in _priced(profiles, conventions):
        table.add_row(
            Text(label, "cyan"),
            form.label,
            energy.convention,
            count(energy.acs),
            count(energy.macs),
            joules(energy.compute),
            joules(energy.memory) if energy.memory else UNKNOWN,
            Text(joules(energy.millijoules), "bold"),
        )
    title = heading(f"Energy per {noun.one}, estimated from operations on {on}")
    return Group(title, table, *_assumptions([energy for _, _, energy in _priced(profiles, conventions)]))


def _priced(profiles: Mapping[str, Profile], conventions: Sequence[str] | None) -> Iterator[tuple[str, Form, Energy]]:
    for label, profile in profiles.items():
        for form in profile.forms:
            for energy in form.energies:
                if conventions is None or energy.convention in conventions:
                    yield label, form, energy


def _assumptions(energies: Sequence[Energy]) -> Iterator[RenderableType]:
    """What every convention includes and where its constants come from, once."""
    for convention, energy in {energy.convention: energy for energy in energies}.items():
        free = {kind: None for each in energies if each.convention == convention for kind in each.unpriced}
        lines = [*energy.assumptions, *([f"Run but charged nothing: {', '.join(free)}."] if free else [])]
        yield from bullets(f"{convention}: {energy.title}", lines)


def layers(
    profile: Profile, label: str, convention: str, most: int | None = SHORT, noun: Noun = IMAGE
) -> RenderableType:
    """Operations call by call, the costliest first where only some are shown, in execution order otherwise.

    Args:
        profile: in its last form, as it would run.
        label: of the model.
        convention: that prices them.
        most: how many; None all.
        noun: what the samples are called.
    """
    form = profile.deployed
    energy = form.energy(convention)
    pairs_of = list(zip(form.counts.rows, energy.rows, strict=True))
    if most is not None:
        pairs_of = sorted(pairs_of, key=lambda pair: -pair[1].picojoules)[:most]
    whole = sum(row.picojoules for row in energy.rows) or 1.0
    rows = (_layer(row, price, form.counts.samples, price.picojoules / whole) for row, price in pairs_of)
    headers = ("layer", "kind", "sees", ">dense", ">non-zero", ">energy", ">share", "")
    table = NarrowingTable(headers, rows, ("", "kind", ">dense"))
    which = "Layers" if most is None else f"Costliest {len(pairs_of)} of {len(energy.rows)} layers"
    title = f"{which}: {label}, {form.label}, per {noun.one}, convention {convention!r}"
    return Group(heading(title), table)


def _layer(row: Count, price: EnergyRow, samples: int, share: float) -> list[RenderableType]:
    return [
        Text(call_label(row.name, row.call)),
        row.kind,
        " x ".join(seen([operand]) for operand in row.seen),
        count(row.dense / samples),
        count(row.nonzero / samples),
        joules(price.picojoules * 1e-9),
        percent(share, 1),
        Text(bar(share, 10), "blue"),
    ]


def profile_rows(profiles: Mapping[str, Profile]) -> Iterator[dict[str, Any]]:
    """A row for each model, form and call of an operation, per sample, for a table of a spreadsheet."""
    for label, profile in profiles.items():
        for form in profile.forms:
            for index, row in enumerate(form.counts.rows):
                yield {"model": label, "form": form.label, **_counted(row, form.counts), **_prices(form, index)}


def _counted(row: Count, counts: Counts) -> dict[str, Any]:
    each = {word: getattr(row, word) for word in ("dense", "dense_padded", "nonzero", "events")}
    operands = [(operand.kind, operand.highest, operand.rate) for operand in row.seen]
    return {
        "layer": row.name,
        "call": row.call,
        "kind": row.kind,
        "time_steps": row.time_steps,
        **{word: None if value is None else value / counts.samples for word, value in each.items()},
        "sees": tuple(kind for kind, _, _ in operands),
        "highest": tuple(UNKNOWN if highest is None else highest for _, highest, _ in operands),
        "rate": tuple(rate for _, _, rate in operands),
    }


def _prices(form: Form, index: int) -> dict[str, Any]:
    prices: dict[str, Any] = {}
    for energy in form.energies:
        row = energy.rows[index]
        prices |= {f"{energy.convention}_{word}": value for word, value in (("acs", row.acs), ("macs", row.macs))}
        prices[f"{energy.convention}_picojoules"] = row.picojoules
    return prices
