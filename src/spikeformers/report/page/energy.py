"""Energy on the page: every convention, fused and not, layer by layer, with what each figure rests on."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from spikeformers.report.figures.energy import energy_by_convention, energy_by_layer
from spikeformers.report.figures.layers import by_layer
from spikeformers.report.page.html import Content, Markup, tag
from spikeformers.report.page.parts import (
    Cell,
    Row,
    Sheet,
    bullets,
    call_of,
    code,
    columns,
    details,
    operands,
    paragraph,
    share_bar,
    table,
)
from spikeformers.report.samples import Noun
from spikeformers.report.text import UNKNOWN, count, joules, percent, short

if TYPE_CHECKING:
    from spikeformers.measure import Energy, Form
    from spikeformers.report.page.study import Study

WORDS = {
    "neurobench": "NeuroBench's count: convolutions and linears only",
    "paper": "firing rate × operations, as the papers do",
    "exact": "counted event by event: additions for spikes, multiplications for real values",
    "memory": "exact, and memory traffic",
}
PRICED = ("ac: ", "mac: ", "access: ")  # how the assumptions of an energy begin that are constants
CHOSEN = "exact"  # the convention that says which layer costs most


def section(study: Study, sheet: Sheet) -> Content:
    """Estimates, never measurements of a device."""
    forms, deployed = study.profile.forms, study.profile.deployed
    chart = sheet.place(
        "energy-by-convention",
        energy_by_convention(forms, study.noun),
        title=f"Energy of one {study.noun.one} by convention",
        caption=f"Mean over {study.on}. Fused: norms are folded into the weights in front of them.",
        description="; ".join(f"{form.label}: {_in_words(form)}" for form in forms),
    )
    layers = sheet.place(
        "energy-by-layer",
        energy_by_layer(deployed.energies),
        title=f"Energy by layer, {deployed.label}",
        caption=f"Energy of each layer, {deployed.label}. One panel for each convention, on a scale of its own; the "
        "figures are shares of the whole model. A layer is an operation and what follows it (norm, neuron). Yellow: "
        "memory traffic. Left out: what is below 0.05 % in every convention.",
        description=f"The costliest layers by {CHOSEN}: {', '.join(name for name, _ in costliest(deployed, 3))}.",
    )
    return [
        paragraph(
            "These are estimates: operations counted while the model ran, priced with published constants. Nothing was "
            "measured on a device. Conventions differ in what they count, so a figure means nothing without its "
            "convention, and figures of two conventions must not be compared. "
            "Prices:"
        ),
        bullets(_prices(deployed)),
        columns(tag("div", _table(study), paragraph(_words(deployed, study.noun))), chart),
        sheet.heading("Which layer costs most"),
        _top(deployed, study.noun),
        layers,
        details("Every operation, call by call", _every(deployed, study.noun)),
        sheet.heading("What every convention counts, and its constants"),
        [
            details([code(each.convention), ": ", each.title], bullets(_assumptions(each, study.noun)))
            for each in deployed.energies
        ],
    ]


def costliest(form: Form, most: int, convention: str = CHOSEN) -> list[tuple[str, float]]:
    """Layers and their energies in pJ, dearest first."""
    sums = {name: sum(row.picojoules for row in rows) for name, rows in by_layer(form.energy(convention).rows).items()}
    return sorted(sums.items(), key=lambda pair: -pair[1])[:most]


def share_of(form: Form, picojoules: float, convention: str = CHOSEN) -> float:
    """What part of a model's energy this is."""
    return picojoules / (form.energy(convention).millijoules * 1e9 or 1.0)


def _in_words(form: Form) -> str:
    return ", ".join(f"{each.convention} {joules(each.millijoules)}" for each in form.energies)


def _table(study: Study) -> Markup:
    forms = study.profile.forms
    rows: list[Row] = []
    for index, energy in enumerate(forms[0].energies):
        all_forms = [form.energies[index] for form in forms]
        figures = [Cell(joules(each.millijoules), each.millijoules) for each in all_forms]
        meaning = WORDS.get(energy.convention, energy.title)
        rows.append([[code(energy.convention), f": {meaning}"], *figures])
    caption = f"Energy of one {study.noun.one}"
    return table(["convention", *(f">{form.label}" for form in forms)], rows, caption=caption, stack=True)


def _words(form: Form, noun: Noun) -> Content:
    exact = form.energy(CHOSEN)
    return [
        f"By {CHOSEN}, {form.label}, one {noun.one} takes {short(exact.acs)} additions (ACs) and {short(exact.macs)} "
        f"multiplications with addition (MACs): {joules(exact.millijoules)}. {_multiplied(exact)}"
    ]


def _multiplied(energy: Energy) -> str:
    """Where multiplications come from, the most first."""
    shares: dict[str, float] = {}
    for row in energy.rows:
        source = {"neuron": "updates of membrane potentials", "norm": "norms"}.get(row.kind, "real inputs")
        shares[source] = shares.get(source, 0.0) + row.macs
    parts = [
        f"{short(macs)} for {source}" for source, macs in sorted(shares.items(), key=lambda each: -each[1]) if macs
    ]
    return f"Of the MACs, {', '.join(parts)}; an integer n is priced as n additions." if parts else ""


def _top(form: Form, noun: Noun) -> Content:
    energy = form.energy(CHOSEN)
    best = costliest(form, 5)
    name, dearest = best[0]
    rows: list[Row] = [
        [
            code(layer),
            Cell(joules(cost * 1e-9), cost),
            percent(share_of(form, cost), 1),
            share_bar(share_of(form, cost)),
        ]
        for layer, cost in best
    ]
    return [
        paragraph(
            code(name),
            f" costs most: {joules(dearest * 1e-9)}, {percent(share_of(form, dearest), 1)} of "
            f"{joules(energy.millijoules)} (convention {CHOSEN}, {form.label}).",
        ),
        table(
            ["layer", f">energy of one {noun.one}", ">share", ""], rows, caption=f"The five costliest layers, {CHOSEN}"
        ),
    ]


def _every(form: Form, noun: Noun) -> Markup:
    counts = form.counts
    prices = [energy.rows for energy in form.energies]
    rows: list[Row] = []
    for index, row in enumerate(counts.rows):
        events = UNKNOWN if row.events is None else Cell(count(row.events / counts.samples), row.events)
        figures = [Cell(count(value / counts.samples), value) for value in (row.dense, row.nonzero)]
        costs = [each[index].picojoules for each in prices]
        energies = [Cell(joules(cost * 1e-9), cost) for cost in costs]
        rows.append([call_of(row.name, row.call), row.kind, operands(row) or UNKNOWN, *figures, events, *energies])
    headers = ["operation", "kind", "sees", ">dense", ">non-zero", ">events"]
    caption = (
        f"Per {noun.one}, {form.label}. Dense: operations if nothing were zero. Non-zero: both operands are other than "
        "zero. Events: an integer n counts n; real values have none. Sees: what the inputs held, and their mean."
    )
    return table([*headers, *(f">{each.convention}" for each in form.energies)], rows, caption=caption)


def _prices(form: Form) -> list[str]:
    """The constants of all conventions, each once; the first that names it has its source."""
    prices: dict[str, str] = {}
    for line in (line for energy in form.energies for line in energy.assumptions if line.startswith(PRICED)):
        prices.setdefault(line.partition(",")[0], line)
    return list(prices.values())


def _assumptions(energy: Energy, noun: Noun) -> Iterator[str]:
    yield from energy.assumptions
    if energy.unpriced:
        free = (f"{kind} ({short(amount)} per {noun.one})" for kind, amount in energy.unpriced.items())
        yield f"Run but charged nothing: {', '.join(free)}."
    if energy.uncounted:
        yield f"Not counted, so that its cost is missing: {', '.join(energy.uncounted)}."
