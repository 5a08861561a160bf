"""The spike audit: the verdict on every operation of every family, fused or not, and of models of one's own."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from spikeformers.errors import InputError
from spikeformers.layers import (
    BINARY,
    LIF,
    REAL,
    Add,
    Conv2d,
    IntegerLIF,
    Linear,
    Mask,
    MatrixProduct,
    TernaryLIF,
    integers,
)
from spikeformers.measure import VERDICTS, Audit, Audited, audit, count
from spikeformers.measure.counting.counts import OPERATIONS
from spikeformers.models import SpikingModel, fuse, unroll
from tests.models.tiny import random_input, smallest, tiny_model

SMALL = {"depths_by_stage": [1, 1, 1, 1, 1]}
SPIKFORMERS: dict[str, dict[str, Any]] = {
    "spikformer_4_384.cifar10": {"depth": 3},
    "spikformer_8_384.imagenet": {},
    "spikformer_2_256.cifar10dvs": {},
    "spikformer_cml_4_384.cifar10": {},
}
DRIVEN: dict[str, dict[str, Any]] = {
    "spikingformer_4_384.cifar10": {},
    "spikingformer_2_256.cifar10dvs": {},
    "spikingformer_cml_4_384.cifar10": {},
    "sdt_2_512.cifar10": {},
    "sdt_2_256.cifar10dvs": {},
}
META: dict[str, dict[str, Any]] = {
    "meta_spikeformer_15m_t4.imagenet": SMALL,
    "meta_spikeformer_55m_t4_kd.imagenet": SMALL,
    "meta_spikeformer_18m.cifar10dvs": SMALL,
}
E = "e_spikeformer_10m.imagenet"

SEPARABLE = r"\.convolution\.units\.1\.conv$"
REP_CONV = r"\.conv\.(depthwise|contract)$"


def audited(model: nn.Module, samples: int = 3) -> Audit:
    torch.manual_seed(1)
    assert isinstance(model, SpikingModel)
    return audit(model, random_input(model, samples))


def names(rows: Iterable[Audited], verdict: str) -> set[str]:
    return {row.name for row in rows if row.verdict == verdict}


def matching(found: Audit, *patterns: str) -> set[str]:
    return {row.name for row in found.rows if any(re.search(pattern, row.name) for pattern in patterns)}


def both_forms(name: str, **words: Any) -> list[SpikingModel]:
    model = tiny_model(name, **words)
    return [model, fuse(model, rep_conv=True)[0]]


@pytest.mark.parametrize("name", SPIKFORMERS)
def test_spikformer_needs_integers_in_q_k_v_and_the_first_linear_of_every_block(name: str) -> None:
    for model in both_forms(name, **SPIKFORMERS[name]):
        found = audited(model)
        integer = matching(found, r"\.attention\.[qkv]\.linear$", r"\.mlp\.expand\.linear$")
        assert len(integer) == 4 * len(model.blocks)
        assert names(found.rows, "integer") == integer
        assert names(found.rows, "real") == {"tokenizer.stages.0.conv", "head.linear"}
        spikes = matching(found, r"\.stages\.[123]\.conv$", r"position\.conv$", r"projection", r"contract")
        assert spikes <= names(found.rows, "additions only")
        rows = {row.name: row for row in found.rows}
        assert {rows[each].proven for each in spikes} == {("binary",)}
        # A sum of spikes behind the tokenizer, and two more in each block: Zhou et al. 2023 count the same integers.
        for block in range(len(model.blocks)):
            for part, highest in [("attention.q", 2 * block + 2), ("mlp.expand", 2 * block + 3)]:
                row = rows[f"blocks.{block}.{part}.linear"]
                assert row.proven == row.declared == (f"integer up to {highest}",)
                assert (row.seen[0].highest or 0) <= highest
        judged = [row for row in found.rows if row.verdict != "real"]
        assert {row.evidence for row in judged} == {"proof"}
        assert not found.violations


@pytest.mark.parametrize("name", DRIVEN)
def test_spikingformer_and_sdt_add_only_but_for_the_first_convolution_and_a_head_without_neuron(name: str) -> None:
    for model in both_forms(name, **DRIVEN[name]):
        found = audited(model)
        heads = {"head.linear"} if name.startswith("spikingformer") else set()
        assert {row.name for row in found.entries} == names(found.rows, "real") == {"tokenizer.stages.0.conv", *heads}
        assert {row.evidence for row in found.rows if row not in found.entries} == {"proof"}
        assert not found.violations


@pytest.mark.parametrize("name", META)
def test_meta_spikeformer_adds_only_once_its_rep_convs_are_one_convolution(name: str) -> None:
    trained, fused = both_forms(name, **META[name])
    first = {"stages.0.downsampling.conv"}
    found = audited(trained)
    inner = matching(found, SEPARABLE, REP_CONV)
    assert len(inner) == 3 + 2 * 8  # three convolutional blocks, four RepConvs in each of two attentions
    assert {row.name for row in found.entries} == names(found.rows, "real") == first | inner
    found = audited(fused)
    assert {row.name for row in found.entries} == names(found.rows, "real") == first | matching(found, SEPARABLE)
    assert {row.evidence for row in found.rows if row not in found.entries} == {"proof"}
    assert not found.violations


def test_the_inner_product_of_a_separable_convolution_says_that_no_neuron_is_in_front() -> None:
    found = audited(fuse(tiny_model("meta_spikeformer_15m_t4.imagenet", **SMALL), rep_conv=True)[0])
    row = next(row for row in found.rows if re.search(SEPARABLE, row.name))
    depthwise = row.name.replace(".conv", ".depthwise").replace(".depthwiseolution", ".convolution")
    assert row.source == f"the output of {depthwise}, a convolution, with no neuron in between"
    assert row.source in row.why


def test_spikeformer_with_analog_neurons_is_real() -> None:
    model = tiny_model("spikeformer_7_512.imagenet", depth=1, tokenizer_strides=[2, 1], blocks_per_stage=1)
    for each in (model, fuse(model)[0]):
        found = audited(each)
        assert found.share("real") == 1
        assert len(found.entries) == len(found.rows) > 10
        hidden = next(row for row in found.rows if row.name == "blocks.0.mlp.contract")
        assert hidden.source == "real numbers that blocks.0.mlp.neuron emits: no spiking neuron"


def test_spikeformer_with_spiking_neurons_is_a_hybrid() -> None:
    model = tiny_model("spikeformer_7_256.dvs128gesture", depth=1, tokenizer_strides=[2, 2], blocks_per_stage=1)
    found = audited(model)
    by_name = {row.name: row.verdict for row in found.rows}
    assert by_name["tokenizer.blocks.0.residual.second.conv"] == "additions only"
    assert by_name["tokenizer.blocks.1.residual.first.conv"] == "integer"
    assert by_name["tokenizer.blocks.1.shortcut.project.conv"] == "integer"  # means of 4 sums of 2 spikes
    assert by_name["blocks.0.mlp.contract"] == "additions only"
    attention = [verdict for name, verdict in by_name.items() if ".attention." in name]
    assert set(attention) == {"real"}


def test_e_spikeformer_needs_integers_and_unrolled_additions_only() -> None:
    for model in both_forms(E, **SMALL):
        found = audited(model)
        assert names(found.rows, "real") == {"stages.0.downsampling.conv"}
        assert names(found.rows, "integer") == {row.name for row in found.rows} - names(found.rows, "real")
        judged = [row for row in found.rows if row.verdict == "integer"]
        assert {row.evidence for row in judged} == {"proof"}
        assert all("emits" in row.why for row in judged if row.kind == "convolution")
        found = audited(unroll(model))
        assert {row.name for row in found.entries} == {"stages.0.downsampling.conv"}
        assert {row.evidence for row in found.rows if row not in found.entries} == {"proof"}
        # Four sub-steps, one after the other, each a call of its own.
        assert {row.call for row in found.rows if row.name.endswith("mlp.expand.conv.operation")} == {0, 1, 2, 3}


def test_an_unrolled_spikformer_adds_only_but_for_the_ends() -> None:
    found = audited(unroll(tiny_model("spikformer_4_384.cifar10")))
    assert {row.name for row in found.entries} == {"tokenizer.stages.0.conv", "head.linear"}


@pytest.mark.parametrize(("shortcut", "integer"), [("membrane", False), ("vanilla", False), ("sew", True)])
def test_the_shortcut_decides_about_integers(shortcut: str, integer: bool) -> None:
    model = tiny_model("meta_spikeformer_15m_t4.imagenet", **SMALL, shortcut=shortcut)
    found = audited(fuse(model, rep_conv=True)[0])
    assert bool(names(found.rows, "integer")) == integer
    assert names(found.rows, "real") - matching(found, SEPARABLE) == (
        {"stages.0.downsampling.conv"} | ({"head.linear"} if shortcut != "membrane" else set())
    )
    for row in found.rows:
        if row.verdict == "integer":
            assert row.source.startswith("sums of spikes (")


@pytest.mark.parametrize(
    "name", ["spikformer_4_384.cifar10", "sdt_2_512.cifar10", "meta_spikeformer_15m_t4.imagenet", E]
)
def test_an_ann_twin_is_real_everywhere(name: str) -> None:
    found = audited(tiny_model(name, ann="relu", **(SMALL if "depths" in str(META.get(name, "")) or name == E else {})))
    assert found.share("real") == 1


def test_spikes_of_an_encoder_make_the_first_convolution_additions_only() -> None:
    rows = {row.name: row for row in audited(smallest(encoder="poisson")).rows}
    first = rows["tokenizer.stages.0.conv"]
    assert (first.verdict, first.evidence, first.proven) == ("additions only", "proof", ("binary",))
    phases = {row.name: row for row in audited(smallest(encoder="phase")).rows}["tokenizer.stages.0.conv"]
    assert (phases.verdict, phases.evidence) == ("integer", "proof")


@pytest.mark.parametrize("neuron", ["ternary", "integer", "plif", "relu"])
def test_the_neuron_decides(neuron: str) -> None:
    row = {row.name: row for row in audited(smallest(neuron=neuron)).rows}["tokenizer.stages.1.conv"]
    expected = {"ternary": "additions only", "integer": "integer", "plif": "additions only", "relu": "real"}
    assert row.verdict == expected[neuron]
    assert row.evidence == ("observed" if neuron == "relu" else "proof")


def test_what_is_seen_is_what_is_counted() -> None:
    model = tiny_model("spikformer_4_384.cifar10")
    batches = [random_input(model, 2), random_input(model, 3)]
    found, counts = audit(model, iter(batches)), count(model, batches)
    counted = [row for row in counts.rows if row.kind in OPERATIONS]
    assert [(row.name, row.call, row.seen, row.operations, row.time_steps) for row in found.rows] == [
        (row.name, row.call, row.seen, row.dense, row.time_steps) for row in counted
    ]
    assert (found.samples, found.name, found.operations) == (5, counts.name, counts.total("dense"))


def test_a_proof_is_by_structure() -> None:
    """No spike fires on this input, and what was seen is narrow; what is proven stays what it is."""
    model = tiny_model("spikformer_4_384.cifar10")
    silent, random = (audit(model, x) for x in (torch.zeros(1, 3, 8, 8), random_input(model, 2)))
    assert [row.proven for row in silent.rows] == [row.proven for row in random.rows]
    assert [row.verdict for row in silent.rows] == [row.verdict for row in random.rows]
    wide = {"proof": "proof", "observed": "declared"}
    real = {row.name for row in silent.rows if row.verdict == "real" and row.seen[0].kind != "real"}
    for row, other in zip(silent.rows, random.rows, strict=True):
        assert row.evidence == (wide[other.evidence] if row.name in real else other.evidence)


def test_shares_and_dicts() -> None:
    found = audited(tiny_model("spikformer_4_384.cifar10"))
    assert sum(found.share(verdict) for verdict in VERDICTS) == pytest.approx(1)
    told = found.to_dict()
    assert told["shares"]["real"] == found.share("real") > 0
    assert told["rows"][0]["seen"][0]["kind"] == "real"
    assert told["rows"][0]["verdict"] == "real"


def test_the_model_and_progress() -> None:
    model, seen = smallest().train(), []
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    audit(model, [random_input(model, 2), random_input(model, 2)], limit=3, progress=seen.append)
    assert seen == [2, 3]
    assert model.training
    assert all(torch.equal(tensor, before[name]) for name, tensor in model.state_dict().items())
    assert not any(module._forward_hooks or module._forward_pre_hooks for module in model.modules())


def test_no_samples() -> None:
    with pytest.raises(InputError, match="no samples"):
        audit(smallest(), [])


# Models of one's own


class Of(nn.Module):
    """A plain model from a function of its modules and its input."""

    def __init__(self, forward: Callable[[Of, Tensor], Tensor], **modules: nn.Module) -> None:
        super().__init__()
        self.function = forward
        for name, module in modules.items():
            self.add_module(name, module)

    def forward(self, x: Tensor) -> Tensor:
        return self.function(self, x)


def row_of(name: str, model: nn.Module, x: Tensor) -> Audited:
    return next(row for row in audit(model, x).rows if row.name == name)


def test_an_ordinary_network_is_real() -> None:
    model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(4 * 36, 5))
    found = audit(model, torch.randn(2, 3, 8, 8))
    assert [(row.verdict, row.evidence, row.declared) for row in found.rows] == [("real", "observed", ("",))] * 2
    assert found.rows[0].source == "the model's input"
    assert found.rows[1].source == "the output of 0, a convolution, with no neuron in between"


def test_a_comparison_of_ones_own_is_a_proof_and_a_function_without_a_rule_is_seen() -> None:
    def compared(model: Of, x: Tensor) -> Tensor:
        return model.linear((x > 0).float())

    def heaviside(model: Of, x: Tensor) -> Tensor:
        return model.linear(torch.heaviside(x, torch.ones(())))

    x = torch.randn(4, 6)
    rows = [row_of("linear", Of(forward, linear=nn.Linear(6, 2)), x) for forward in (compared, heaviside)]
    assert [row.verdict for row in rows] == ["additions only"] * 2
    assert [row.evidence for row in rows] == ["proof", "observed"]
    assert [row.proven for row in rows] == [("binary",), ("",)]


def test_what_is_written_as_functions_is_audited_too() -> None:
    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.weight = nn.Parameter(torch.randn(8, 8))
            self.attention = nn.MultiheadAttention(8, 2, batch_first=True)

        def forward(self, x: Tensor) -> Tensor:
            spikes = (x > 0).float()
            counts = spikes @ spikes.transpose(1, 2) @ spikes
            mixed = counts @ self.weight
            attended: Tensor = self.attention(mixed, mixed, mixed)[0]
            return attended

    torch.manual_seed(0)
    found = audit(Net(), torch.randn(2, 5, 8))
    inner, outer, weighted, *attention = found.rows
    assert (inner.kind, inner.verdict, inner.proven) == ("product", "additions only", ("binary", "binary"))
    assert (outer.kind, outer.verdict, outer.proven) == ("product", "additions only", ("integer up to 8", "binary"))
    assert (weighted.kind, weighted.verdict, weighted.proven) == ("linear", "integer", ("integer up to 40",))
    assert {row.evidence for row in (inner, outer, weighted)} == {"proof"}
    assert [(row.kind, row.verdict) for row in attention] == [
        ("linear", "real"), ("product", "real"), ("product", "real"), ("linear", "real"),
    ]  # fmt: skip
    queries, weights = attention[1:3]
    assert queries.source == "the output of attention, a linear, with no neuron in between"
    assert weights.source.startswith("the softmax weights of attention and the output of attention, a linear")
    assert {row.declared for row in found.rows} == {("",), ("", "")}


class Looping(nn.Module):
    """Multiplies its samples one by one, and then what is left of them by spikes."""

    def __init__(self) -> None:
        super().__init__()
        self.one, self.other = nn.Parameter(torch.rand(4, 4)), nn.Parameter(torch.rand(4, 4))

    def forward(self, x: Tensor) -> Tensor:
        rows = torch.cat([sample[None] @ self.one for sample in x])
        return (rows > 0).float() @ self.other


def test_operations_that_come_as_often_as_samples_are_not_mistaken_for_each_other() -> None:
    found = audit(Looping().eval(), torch.ones(5, 4))
    assert [row.call for row in found.rows] == list(range(6))
    assert all(row.proven == ("",) for row in found.rows)
    assert [row.evidence for row in audit(Looping().eval(), torch.ones(2, 4)).rows] == ["observed", "observed", "proof"]


def test_what_a_model_does_with_a_single_sample_only_proves_nothing() -> None:
    class Choosing(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.linear = nn.Linear(4, 4)

        def forward(self, x: Tensor) -> Tensor:
            out: Tensor = self.linear((x > 0).float() if len(x) == 1 else x)
            return out

    (row,) = audit(Choosing().eval(), torch.ones(3, 4)).rows
    assert (row.verdict, row.evidence) == ("additions only", "observed")


@pytest.mark.parametrize(
    ("neuron", "expected"), [(LIF(), "additions only"), (TernaryLIF(), "additions only"), (IntegerLIF(), "integer")]
)
def test_a_scale_folds_into_the_weights(neuron: nn.Module, expected: str) -> None:
    model = Of(lambda m, x: m.linear(m.neuron(x) * 0.3), neuron=neuron, linear=nn.Linear(6, 2))
    row = row_of("linear", model, 5 * torch.randn(3, 4, 6))
    assert (row.verdict, row.evidence) == (expected, "proof")
    assert row.proven[0].endswith("times 0.3")
    assert row.seen[0].kind == "real"  # nothing is declared, so that nothing is known of the scale


def test_what_iand_makes_stays_spikes() -> None:
    """x (1 - branch) of spikes is spikes, where their sum would be integers (Fang et al. 2021)."""
    parts = {"one": LIF(), "two": LIF(), "linear": nn.Linear(6, 2)}
    iand = Of(lambda m, x: m.linear(m.one(x) * (1 - m.two(x))), **parts)
    add = Of(lambda m, x: m.linear(m.one(x) + m.two(x)), **parts)
    x = 3 * torch.randn(2, 5, 6)
    assert row_of("linear", iand, x).proven == ("binary",)
    summed = row_of("linear", add, x)
    assert (summed.proven, summed.verdict) == (("integer up to 2",), "integer")
    assert summed.source == "sums of spikes (the model itself)"


PAIRS = [
    (BINARY, BINARY, "additions only"),
    (BINARY, integers(7), "additions only"),
    (integers(3), BINARY, "additions only"),
    (integers(3), integers(3), "integer"),
    (BINARY, REAL, "real"),
    (REAL, REAL, "real"),
]


@pytest.mark.parametrize(("left", "right", "expected"), PAIRS)
@pytest.mark.parametrize("kind", [MatrixProduct, Mask])
def test_products_of_two_activations(kind: Any, left: Any, right: Any, expected: str) -> None:
    def drawn(values: Any) -> Tensor:
        if values.kind == "real":
            return torch.randn(2, 3, 4, 4)
        return torch.randint(0, (values.highest or 0) + 1, (2, 3, 4, 4)).float()

    operands = drawn(left), drawn(right)  # made outside: nothing can be proven about them
    model = Of(lambda m, x: m.product(*operands), product=kind(left, right))
    row = row_of("product", model, torch.zeros(2, 1))
    assert (row.verdict, row.evidence) == (expected, "observed")
    if expected == "additions only" and "integer" in (left.kind, right.kind):
        assert row.why.endswith("where the other operand spikes.")


def test_a_wrong_declaration_is_a_violation() -> None:
    """A sum of spikes in front of a linear that declares spikes."""
    model = Of(
        lambda m, x: m.linear(m.join(m.one(x), m.two(x))),
        one=LIF(v_threshold=0.1),
        two=LIF(v_threshold=0.1),
        join=Add(),
        linear=Linear(6, 2, inputs=BINARY),
    )
    found = audit(model, torch.ones(3, 2, 6, 4))
    (row,) = found.violations
    assert (row.name, row.verdict, row.violation) == ("linear", "integer", True)
    assert row.why.startswith("Declared binary, but integers up to 2 were seen.")
    quiet = audit(model, torch.zeros(3, 2, 6, 4))
    assert not quiet.violations
    assert quiet.rows[0].verdict == "integer"  # the proof knows, although nothing fired


@pytest.mark.parametrize(
    ("declared", "fed"),
    [(integers(2), 3.0), (BINARY, -1.0), (BINARY, 0.5), (integers(4), 0.5), (BINARY.scaled(0.25), 0.5)],
)
def test_more_than_declared(declared: Any, fed: float) -> None:
    found = audit(Of(lambda m, x: m.conv(x), conv=Conv2d(1, 1, inputs=declared)), torch.full((1, 1, 1, 4, 4), fed))
    assert len(found.violations) == 1
    assert found.rows[0].why.startswith(f"Declared {declared}, but ")


def test_a_neuron_that_breaks_its_word_proves_nothing() -> None:
    class Leaky(LIF):
        def forward(self, x: Tensor, memory: Any = None) -> Tensor:
            return super().forward(x, memory) + 0.5

    model = Of(lambda m, x: m.linear(m.neuron(x)), neuron=Leaky(), linear=nn.Linear(6, 2))
    row = row_of("linear", model, torch.randn(3, 4, 6))
    assert (row.verdict, row.evidence) == ("real", "observed")
    assert row.source == "what neuron emits, which is not what it declares"


def test_a_declared_real_head_stays_real_where_nothing_fires() -> None:
    row = row_of("head.linear", smallest(), torch.zeros(1, 3, 8, 8))
    assert row.seen[0].zeros == row.seen[0].elements
    assert (row.verdict, row.evidence) == ("real", "declared")
    assert "declared real, although only binary values were seen" in row.why
