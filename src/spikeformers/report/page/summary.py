"""The top of a model's part: what it is in plain sentences, and its big figures."""

from __future__ import annotations

from typing import TYPE_CHECKING

from spikeformers.report.page.audit import answer, where
from spikeformers.report.page.energy import CHOSEN, WORDS, costliest, share_of
from spikeformers.report.page.firing import rate, rate_words
from spikeformers.report.page.html import Content, Markup, tag
from spikeformers.report.page.parts import code, tile, tiles
from spikeformers.report.text import amount, count, joules, percent

if TYPE_CHECKING:
    from spikeformers.report.page.study import Study

SHOWN = ("exact", "paper", "neurobench")  # the three conventions of the summary


def summary(study: Study) -> Content:
    """Answers first: how accurate, how sparse, how dear, how spike-driven."""
    return [
        tag("p", _sentences(study), class_="lead"),
        tiles(*_first(study)),
        tiles(*_energies(study), kind="three"),
        tiles(_driven(study), _costliest(study), kind="two"),
    ]


def origin(study: Study) -> Content:
    """The paper behind a model, where the catalogue names one."""
    if study.record is None or not study.record.paper.title:
        return None
    paper = study.record.paper
    where = f"{paper.venue} {paper.year or ''}".strip()
    url = f"https://arxiv.org/abs/{paper.arxiv}" if paper.arxiv else paper.url
    title: Content = tag("a", paper.title, href=url) if url.startswith(("https://", "http://")) else paper.title
    return tag(
        "p", "Architecture ", code(study.record.family), ": ", title, f", {where}." if where else ".", class_="under"
    )


def _sentences(study: Study) -> Content:
    deployed = study.profile.deployed
    energy = deployed.energy(CHOSEN)
    result, noun = study.evaluation, study.noun
    steps = "one time step" if study.time_steps == 1 else f"{study.time_steps} time steps"
    return [
        f"This network sorts {noun.many} into {len(study.classes)} classes. Of the {count(result.samples)} test "
        f"{noun.many} of {study.dataset} it names {count(result.correct)} correctly: ",
        tag("b", percent(result.accuracy)),
        f". It looks at every {noun.one} for {steps}; on average ",
        tag("b", rate_words(study.statistics)),
        f". Counted event by event, one {noun.one} costs an estimated ",
        tag("b", joules(energy.millijoules)),
        f" (convention {CHOSEN}, {deployed.label}, memory not counted). Nothing was measured on a device.",
    ]


def _first(study: Study) -> list[Markup]:
    result, size = study.evaluation, study.profile.given.size
    return [
        tile(
            "Accuracy",
            percent(result.accuracy),
            f"{count(result.correct)} of {count(result.samples)} {study.noun.many}: the whole test part of "
            f"{study.dataset}",
        ),
        tile(
            "Mean firing rate",
            rate(study.statistics, study.statistics.rate),
            f"spikes per neuron and time step, {study.on}",
        ),
        tile("Parameters", count(size.parameters), f"trained values; {amount(size.footprint)} as stored"),
        tile("Time steps", str(study.time_steps), f"T: how often each {study.noun.one} is looked at"),
    ]


def _driven(study: Study) -> Markup:
    audit = study.audit
    additions = f"{percent(audit.share('additions only'), 1)} of the arithmetic is additions of spikes only"
    return tile(
        "Spike-driven?", answer(audit, study.noun), additions, *where(audit), kind="warn" if audit.entries else ""
    )


def _costliest(study: Study) -> Markup:
    deployed = study.profile.deployed
    name, cost = costliest(deployed, 1)[0]
    share = percent(share_of(deployed, cost), 1)
    return tile(
        "Costliest layer",
        code(name),
        f"{joules(cost * 1e-9)} of one {study.noun.one}'s {joules(deployed.energy(CHOSEN).millijoules)}: {share} "
        f"(convention {CHOSEN}, {deployed.label})",
    )


def _energies(study: Study) -> list[Markup]:
    deployed = study.profile.deployed
    shown = [each for each in deployed.energies if each.convention in SHOWN]
    return [
        tile(
            ["Energy, convention ", tag("b", each.convention)],
            joules(each.millijoules),
            f"one {study.noun.one}: {WORDS[each.convention]}; {deployed.label}; memory not counted",
            kind="energy",
        )
        for each in sorted(shown, key=lambda each: SHOWN.index(each.convention))
    ]
