"""What the page says in words follows from the figures."""

from __future__ import annotations

from dataclasses import replace

import pytest

from spikeformers.measure import Audit
from spikeformers.report.figures.layers import by_layer, layer
from spikeformers.report.page.audit import answer, places
from spikeformers.report.page.energy import costliest, share_of
from spikeformers.report.page.firing import rate_words
from spikeformers.report.page.html import text
from tests.report.page.conftest import Reader


def audited(study, **sources):
    """An audit of one row for each source: "" are additions only."""
    template = study.audit.rows[0]
    rows = [
        replace(template, name=name.replace("_", "."), source=source, verdict="real" if source else "additions only")
        for name, source in sources.items()
    ]
    return Audit(rows=tuple(rows), samples=1)


@pytest.mark.parametrize(
    ("sources", "expected"),
    [
        ({"stem_conv": "", "head_linear": ""}, "Yes, everywhere"),
        ({"stem_conv": "the model's input", "blocks_linear": ""}, "Yes, but for the layer that sees the image"),
        (
            {"stem_conv": "the model's input", "head_linear": "a mean"},
            "Yes, but for the layer that sees the image and the head",
        ),
        ({"stem_conv": "the model's input", "blocks_linear": "a norm", "last_linear": ""}, "Not everywhere"),
    ],
)
def test_spike_driven_or_not(study, sources, expected):
    assert answer(audited(study, **sources)) == expected


def test_a_network_without_spikes_is_spike_driven_nowhere(study, integer_study):
    assert answer(audited(study, stem_conv="the model's input", blocks_linear="a norm")) == "Nowhere"
    assert answer(integer_study.audit) == "With integers in place of spikes"


def test_layers_that_differ_by_a_number_are_said_once(study):
    audit = audited(study, stem_0_conv="a", blocks_0_q_linear="a", blocks_11_q_linear="a", blocks_0_mlp_linear="a")
    assert Reader(text(places(audit.rows))).texts
    assert "".join(Reader(text(places(audit.rows))).texts) == "stem.0, blocks.*.q, blocks.0.mlp"


def test_the_costliest_layer_is_the_one_whose_rows_add_up_to_most(study):
    form = study.profile.deployed
    sums: dict[str, float] = {}
    for row in form.energy("exact").rows:
        sums[row.name.rsplit(".", 1)[0]] = sums.get(row.name.rsplit(".", 1)[0], 0.0) + row.compute + row.memory
    best = max(sums, key=sums.__getitem__)
    (name, cost), *others = costliest(form, 100)
    assert name == best
    assert cost == pytest.approx(sums[best])
    assert all(cost >= other for _, other in others)
    assert sum(share_of(form, each) for _, each in costliest(form, 100)) == pytest.approx(1.0)


def test_layers_are_cut_to_fewer_parts_where_they_are_many(study):
    rows = study.profile.deployed.counts.rows
    assert layer("head.linear") == layer("head.neuron") == "head"
    assert layer("encoder") == "encoder"
    every = by_layer(rows)
    assert set(every) == {row.name.rsplit(".", 1)[0] for row in rows}
    few = by_layer(rows, most=8)
    assert len(few) <= 8
    assert sum(map(len, few.values())) == sum(map(len, every.values())) == len(rows)


def test_the_firing_rate_has_the_unit_of_its_neurons(study, integer_study):
    def words(fired, values):
        return rate_words(replace(fired, layers=tuple(replace(each, values=values) for each in fired.layers)))

    fired = study.statistics
    assert words(fired, "binary") == f"a neuron fires at {100 * fired.rate:.1f} % of the time steps"
    assert words(fired, "integer up to 4").startswith(f"a neuron emits {fired.rate:.2f} spikes")
    assert "no spikes" in words(fired, "real")
    assert "integer" in rate_words(integer_study.statistics)
