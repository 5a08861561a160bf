"""Proofs hold: for other inputs than the traced one, through rules, views, writes in place and looks at numbers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from spikeformers.layers import LIF, REAL, IntegerLIF, OpSpec, SpikeFiringApproximation, TernaryLIF
from spikeformers.measure.auditing.proof.sources import Fact
from spikeformers.measure.auditing.proof.trace import trace
from spikeformers.models import SpikingModel, fuse, unroll
from tests.models.tiny import random_input, tiny_model


class Probe(nn.Module):
    """Keeps what passes it."""

    def __init__(self) -> None:
        super().__init__()
        self.passed: list[Tensor] = []

    def op_spec(self) -> OpSpec:
        return OpSpec(kind="mask", inputs=(REAL,))

    def forward(self, x: Tensor) -> Tensor:
        self.passed.append(x.detach().clone())
        return x


class Program(nn.Module):
    """A function of an input, and of probes that it shows tensors to."""

    def __init__(self, function: Callable[[Program, Tensor], Any], **modules: nn.Module) -> None:
        super().__init__()
        self.function, self.probe = function, Probe()
        for name, module in modules.items():
            self.add_module(name, module)

    def forward(self, x: Tensor) -> Any:
        return self.function(self, x)

    def known(self, x: Tensor) -> list[Fact]:
        """Facts about what is shown, in order."""
        self.probe.passed.clear()
        facts = trace(self, x)
        return [fact for (name, _), (fact, *_) in facts.items() if name == "probe"]

    @torch.no_grad()
    def shown(self, x: Tensor) -> list[Tensor]:
        self.probe.passed.clear()
        self(x)
        return self.probe.passed


def holds(fact: Fact, x: Tensor) -> bool:
    """Whether a tensor is what is known of it, up to a few roundings of float32 behind a constant factor."""
    if fact.numbers is None:
        return True
    whole = x.double() / fact.numbers.scale
    slack = 1e-5 * whole.abs().clamp_min(1)
    inside = (fact.numbers.lowest - slack <= whole) & (whole <= fact.numbers.highest + slack)
    return bool((inside & ((whole - whole.round()).abs() <= slack)).all())


def told(function: Callable[[Program, Tensor], Any], x: Tensor | None = None, **modules: nn.Module) -> list[str]:
    """What is known about the tensors that a function shows, "-" where nothing is."""
    facts = Program(function, **modules).known(torch.randn(3, 4, 4) if x is None else x)
    return ["-" if fact.numbers is None else str(fact.numbers.values) for fact in facts]


# Every operation takes two tensors [3, 4, 4] and gives one; what writes in place writes into the first.
OPERATIONS: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "add": lambda a, b: a + b,
    "add a number": lambda a, b: a + 2,
    "add part of a number": lambda a, b: a + 0.25,
    "add twice": lambda a, b: torch.add(a, b, alpha=2),
    "subtract": lambda a, b: a - b,
    "complement": lambda a, b: 1 - a,
    "multiply": lambda a, b: a * b,
    "scale": lambda a, b: a * 0.25,
    "scale down": lambda a, b: a / -3,
    "times nothing": lambda a, b: a * 0,
    "divide": lambda a, b: a / (b.abs() + 1),
    "matrix product": lambda a, b: a @ b,
    "with transposed": lambda a, b: torch.einsum("tij,tkj->tik", a, b),
    "matrix times vector": lambda a, b: (a[0] @ b[0, 0]).expand(3, 4, 4),
    "dot": lambda a, b: a[0, 0].dot(b[0, 0]).expand(3, 4, 4),
    "sum": lambda a, b: a.sum(-1, keepdim=True).expand(3, 4, 4),
    "sum of all": lambda a, b: a.sum().expand(3, 4, 4),
    "mean": lambda a, b: a.mean(0, keepdim=True).expand(3, 4, 4),
    "mean of all": lambda a, b: (b + a.mean()).clone(),
    "running sum": lambda a, b: a.cumsum(0),
    "negate": lambda a, b: -a,
    "absolute": lambda a, b: a.abs(),
    "relu": lambda a, b: F.relu(a),
    "clamp": lambda a, b: a.clamp(-1, 2),
    "clamp from below": lambda a, b: a.clamp_min(1),
    "clamp apart": lambda a, b: a.clamp(0.1, 0.7),
    "round": lambda a, b: a.round(),
    "floor": lambda a, b: a.floor(),
    "sign": lambda a, b: a.sign(),
    "maximum": torch.maximum,
    "where": lambda a, b: torch.where(b > 0, a, b),
    "compare": lambda a, b: (a >= b).float(),
    "both": lambda a, b: ((a > 0) & (b > 0)).to(a.dtype),
    "max-pool": lambda a, b: F.max_pool2d(a, 3, 1, 1),
    "average-pool": lambda a, b: F.avg_pool2d(a, 2).repeat(1, 2, 2),
    "average-pool over the edge": lambda a, b: F.avg_pool2d(a, 3, 1, 1),
    "average-pool without the edge": lambda a, b: F.avg_pool2d(a, 3, 1, 1, count_include_pad=False),
    "cat": lambda a, b: torch.cat([a[:1], b[1:]]),
    "stack": lambda a, b: torch.stack([a[0], b[1], a[2]]),
    "pad": lambda a, b: F.pad(a[..., :-1], (1, 0)),
    "pad with sevens": lambda a, b: F.pad(a[..., :-1], (0, 1), value=7.0),
    "roll": lambda a, b: a.roll(1, -1),
    "flip": lambda a, b: a.flip(0),
    "choose": lambda a, b: a[:, torch.tensor([3, 1, 0, 2])],
    "largest": lambda a, b: a.max(-1, keepdim=True).values.expand(3, 4, 4),
    "sort": lambda a, b: a.sort(-1).values,
    "upper triangle": lambda a, b: a.triu(),
    "masked": lambda a, b: a.masked_fill(b > 0, 0.0),
    "filled where": lambda a, b: a.masked_fill(b > 0, -5.0),
    "upsample": lambda a, b: F.interpolate(a[:, None, :2, :2], scale_factor=2)[:, 0],
    "patches": lambda a, b: F.unfold(a[:, None], 2, stride=2),
    "as an integer": lambda a, b: a.int().to(a.dtype),
    "as a byte": lambda a, b: a.clamp(0, 200).to(torch.uint8).to(a.dtype),
    "as a half": lambda a, b: a.half().to(a.dtype),
    "transposed": lambda a, b: a.transpose(1, 2).contiguous(),
    "zeros": lambda a, b: torch.zeros_like(a),
    "threes": lambda a, b: torch.full_like(a, 3),
    "quarters": lambda a, b: a.new_full(a.shape, -0.25),
    "softmax": lambda a, b: a.softmax(-1),
    "exp": lambda a, b: (-a.abs()).exp(),
    "norm": lambda a, b: F.layer_norm(a, (4,)),
    "convolution": lambda a, b: F.conv1d(a, torch.full((4, 4, 1), 0.3)),
    "empty, then filled": lambda a, b: torch.empty_like(a).copy_(a),
    # in place
    "add in place": lambda a, b: a.add_(b),
    "scale in place": lambda a, b: a.mul_(0.5),
    "subtract in place": lambda a, b: a.sub_(b, alpha=3),
    "write a part": lambda a, b: _written(a, lambda view: view[1].copy_(b[2])),
    "write through a view": lambda a, b: _written(a, lambda view: view.transpose(0, 2)[0].add_(1)),
    "write a row of another kind": lambda a, b: _written(a, lambda view: view[0].mul_(0.1)),
    "write a number": lambda a, b: _written(a, lambda view: view.__setitem__((0, 1), 7.0)),
    "zero a part": lambda a, b: _written(a, lambda view: view[:, 0].zero_()),
    "fill": lambda a, b: a.fill_(-2),
    "fill a part with a tensor": lambda a, b: _written(a, lambda view: view[0].fill_(b.max())),
    "relu in place": lambda a, b: F.relu(a, inplace=True),
    "compare in place": lambda a, b: a.ge_(b),
    "exp in place": lambda a, b: a.clamp_(max=2).exp_(),
    "exp of a part": lambda a, b: _written(a, lambda view: view[2].clamp_(max=2).exp_()),
    "sigmoid into": lambda a, b: torch.sigmoid(b, out=a),
    "add into": lambda a, b: torch.add(b, b, out=a),
    "scatter": lambda a, b: a.scatter_(0, torch.zeros(1, 4, 4, dtype=torch.long), b[:1]),
    "put": lambda a, b: a.index_put_((torch.tensor([0]),), b[0]),
    "add together": lambda a, b: torch._foreach_add([a], [b])[0],
    "add together in place": lambda a, b: _written(a, lambda view: torch._foreach_add_([view], [b])),
    "as bits": lambda a, b: _written(a, lambda view: view.view(torch.int32).bitwise_or_(1 << 22)),
}


def _written(a: Tensor, write: Callable[[Tensor], Any]) -> Tensor:
    write(a)
    return a


START = ("spikes", "signs", "integers", "scaled", "input")


def start(program: Program, x: Tensor) -> list[Tensor]:
    """Spikes, signed spikes, integers, scaled integers and the input itself, each [3, 4, 4]."""
    return [
        program.get_submodule("spikes")(2 * x),
        program.get_submodule("signs")(2 * x),
        program.get_submodule("integers")(2 * x),
        program.get_submodule("scaled")(2 * x),
        x.clone(),
    ]


def neurons() -> dict[str, nn.Module]:
    return {
        "spikes": LIF(),
        "signs": TernaryLIF(),
        "integers": IntegerLIF(levels=3),
        "scaled": SpikeFiringApproximation(levels=4, norm=2.0),
    }


# A third in half precision is farther from a third than float32 would be; sums of it go farther.
CHAINED = sorted({*OPERATIONS} - {"as a half"})
step = st.tuples(st.sampled_from(CHAINED), st.integers(0, 30), st.integers(0, 30))


def program_of(steps: list[tuple[str, int, int]]) -> Program:
    def run(program: Program, x: Tensor) -> None:
        tensors = start(program, x)
        for name, first, second in steps:
            a, b = (tensors[index % len(tensors)] for index in (first, second))
            if a is b or a.untyped_storage().data_ptr() == b.untyped_storage().data_ptr():
                b = b.clone()
            tensors.append(OPERATIONS[name](a.contiguous() if 0 in a.stride() else a, b))
            # Writes in place may have changed any of the others.
            for tensor in tensors:
                program.probe(tensor)

    return Program(run, **neurons())


def never_contradicted(program: Program, seed: int) -> None:
    torch.manual_seed(seed)
    facts = program.known(torch.zeros(3, 4, 4))
    for x in (torch.randn(3, 4, 4), 10 * torch.rand(3, 4, 4), torch.zeros(3, 4, 4)):
        for index, (fact, tensor) in enumerate(zip(facts, program.shown(x), strict=True)):
            assert holds(fact, tensor), (index, fact, tensor)


@settings(max_examples=60)
@given(st.lists(step, min_size=1, max_size=5), st.integers(0, 1000))
def test_a_proof_is_never_contradicted(steps: list[tuple[str, int, int]], seed: int) -> None:
    """Traced on silence, held against other inputs."""
    never_contradicted(program_of(steps), seed)


@pytest.mark.parametrize("operation", OPERATIONS)
def test_each_operation_on_each_kind_of_numbers(operation: str) -> None:
    for first in range(len(START)):
        for second in ((first + 1) % len(START), (first + 3) % len(START)):
            never_contradicted(program_of([(operation, first, second)]), seed=second)


SPIKES: dict[str, str] = {
    "add": "integer up to 2",
    "add a number": "integer up to 3",
    "add part of a number": "integer up to 5 times 0.25",
    "subtract": "ternary",
    "complement": "binary",
    "multiply": "binary",
    "scale": "binary times 0.25",
    "scale down": "ternary times 0.333333",
    "matrix product": "integer up to 4",
    "with transposed": "integer up to 4",
    "sum": "integer up to 4",
    "sum of all": "integer up to 48",
    "mean": "integer up to 3 times 0.333333",
    "running sum": "integer up to 3",
    "average-pool": "integer up to 4 times 0.25",
    "average-pool over the edge": "integer up to 9 times 0.111111",
    "average-pool without the edge": "-",
    "maximum": "binary",
    "where": "binary",
    "max-pool": "binary",
    "cat": "binary",
    "stack": "binary",
    "pad": "binary",
    "sort": "binary",
    "masked": "binary",
    "patches": "binary",
    "as an integer": "binary",
    "transposed": "binary",
    "empty, then filled": "binary",
    "threes": "integer up to 3",
    "add in place": "integer up to 2",
    "scale in place": "binary times 0.5",
    "write a part": "binary",
    "write a number": "integer up to 7",
    "write through a view": "integer up to 2",
    "write a row of another kind": "integer up to 10 times 0.1",
    "zero a part": "binary",
    "exp": "-",
    "exp in place": "-",
    "exp of a part": "-",
    "sigmoid into": "-",
    "convolution": "-",
    "as bits": "-",
    "add together in place": "-",
}


@pytest.mark.parametrize(("operation", "expected"), SPIKES.items())
def test_what_spikes_become(operation: str, expected: str) -> None:
    def run(program: Program, x: Tensor) -> None:
        one, two = (program.get_submodule(name)(x) for name in ("one", "two"))
        program.probe(OPERATIONS[operation](one, two))

    assert told(run, one=LIF(), two=LIF()) == [expected]


def test_a_write_through_one_view_is_known_of_all_others() -> None:
    def run(program: Program, x: Tensor) -> None:
        spikes = (x > 0).float()
        view = spikes.flatten(1).transpose(0, 1)
        program.probe(view)
        spikes[0].exp_()
        program.probe(view)
        program.probe(spikes[1])

    assert told(run) == ["binary", "-", "-"]


def test_memory_that_is_given_back_is_not_confused_with_what_comes_after_it() -> None:
    def run(program: Program, x: Tensor) -> None:
        for _ in range(200):
            spikes = (x > 0).float()
            program.probe(spikes)
            del spikes
            program.probe(x.exp())

    assert told(run) == ["binary", "-"] * 200


LOOKS: dict[str, Callable[[Tensor], Any]] = {
    "item": lambda x: x.sum().item(),
    "float": lambda x: float(x[0, 0, 0]),
    "truth": lambda x: bool((x > 0).any()),
    "list": lambda x: x[0, 0].tolist(),
    "numpy": lambda x: x.numpy(),
    "equal": lambda x: torch.equal(x, x + 1),
    "almost equal": lambda x: torch.allclose(x, x.abs()),
    "element by element": lambda x: x.clone().apply_(abs),
    "positions": lambda x: x.nonzero(),
    "chosen": lambda x: x[x > 0],
    "selected": lambda x: x.masked_select(x > 0),
}


@pytest.mark.parametrize("look", LOOKS)
def test_behind_a_look_at_the_numbers_nothing_is_proven(look: str) -> None:
    """The rest of the pass may depend on them."""

    def run(program: Program, x: Tensor) -> None:
        before = (x > 0).float()
        program.probe(before)
        LOOKS[look](x)
        program.probe(before)
        program.probe((x > 1).float())

    facts = Program(run).known(torch.randn(3, 4, 4))
    assert [fact.numbers is None for fact in facts] == [False, True, True]
    assert [source.kind for source in facts[1].sources] == ["read"]


def test_a_number_made_of_the_data_is_no_constant() -> None:
    assert told(lambda program, x: program.probe((x > 0).float() * float(x.max()))) == ["-"]


@pytest.mark.parametrize("make", [torch.tensor, torch.as_tensor, torch.Tensor, torch.ones(()).new_tensor])
def test_a_tensor_made_of_a_list_of_tensors_is_no_constant(make: Callable[[list[Tensor]], Tensor]) -> None:
    """PyTorch reads their numbers where no mode sees it."""
    assert told(lambda program, x: program.probe((x > 0).float() * make([x.mean()]))) == ["-"]


def test_memory_that_nothing_was_written_into_may_hold_anything() -> None:
    def run(program: Program, x: Tensor) -> None:
        out = torch.empty_like(x)
        program.probe(out)
        out[0] = (x > 0).float()[0]
        program.probe(out)

    assert told(run) == ["-", "-"]


def test_numbers_of_the_code_are_constants() -> None:
    assert told(lambda program, x: program.probe((x > 0) * torch.tensor(0.5))) == ["binary times 0.5"]


def test_what_a_neuron_looks_at_is_its_own_business() -> None:
    class Looking(LIF):
        def forward(self, x: Tensor, memory: Any = None) -> Tensor:
            assert bool(x.isfinite().all())
            return super().forward(x, memory)

    assert told(lambda program, x: program.probe(program.get_submodule("neuron")(x)), neuron=Looking()) == ["binary"]


def test_overflow_is_not_overlooked() -> None:
    def run(program: Program, x: Tensor) -> None:
        spikes = (x > 0).to(torch.uint8)
        program.probe(spikes * 200)
        program.probe(spikes * 200 + spikes * 100)  # wraps
        program.probe((x > 0).half() * 300 * 300)  # beyond 65504

    assert told(run) == ["integer up to 200", "integer", "-"]


@pytest.mark.parametrize(("dtype", "large"), [(torch.bfloat16, 258), (torch.float16, 2050), (torch.float32, 2**24 + 2)])
def test_rounding_is_not_overlooked(dtype: torch.dtype, large: int) -> None:
    """Among numbers this large every second is missing, so that a spike added to one and left over is two or none."""

    def run(program: Program, x: Tensor) -> None:
        program.probe((x > 0).to(dtype) + large - large)

    program = Program(run)
    (fact,) = program.known(torch.ones(3, 4, 4))
    (shown,) = program.shown(torch.ones(3, 4, 4))
    assert set(shown.unique().tolist()) != {1.0}
    assert holds(fact, shown)
    assert fact.numbers is not None
    assert fact.numbers.values.kind == "integer"


def test_a_count_may_be_rounded_up() -> None:
    def run(program: Program, x: Tensor) -> None:
        program.probe((x.new_ones(259) > 0).bfloat16().sum().reshape(1))

    program = Program(run)
    (fact,), (shown,) = program.known(torch.ones(1)), program.shown(torch.ones(1))
    assert shown.item() == 260
    assert holds(fact, shown)


def test_a_dilated_window_over_the_edge_may_see_nothing() -> None:
    def run(program: Program, x: Tensor) -> None:
        program.probe(F.max_pool2d((x > 0).float(), 2, stride=1, padding=1))
        program.probe(F.max_pool2d((x > 0).float(), 2, stride=1, padding=1, dilation=5))

    assert told(run) == ["binary", "-"]
    assert F.max_pool2d(torch.ones(1, 4, 4), 2, stride=1, padding=1, dilation=5).isinf().any()


MODELS: dict[str, dict[str, Any]] = {
    "spikformer_4_384.cifar10": {},
    "spikingformer_2_256.cifar10dvs": {},
    "sdt_2_256.cifar10dvs": {},
    "meta_spikeformer_15m_t4.imagenet": {"depths_by_stage": [1, 1, 1, 1, 1]},
    "e_spikeformer_10m.imagenet": {"depths_by_stage": [1, 1, 1, 1, 1]},
    "spikeformer_7_256.dvs128gesture": {"depth": 1, "tokenizer_strides": [2, 2], "blocks_per_stage": 1},
}


FORMS = [
    *((name, form) for name in MODELS for form in ("trained", "fused")),
    ("spikformer_4_384.cifar10", "unrolled"),
    ("e_spikeformer_10m.imagenet", "unrolled"),
]


@pytest.mark.parametrize(("name", "form"), FORMS)
def test_operands_of_real_models_hold_what_is_proven(name: str, form: str) -> None:
    model: SpikingModel = tiny_model(name, **MODELS[name])
    if form == "fused":
        model = fuse(model, rep_conv=True)[0]
    elif form == "unrolled":
        model = unroll(model)
    torch.manual_seed(2)
    facts = trace(model, torch.zeros_like(random_input(model, 1)))
    proven = 0

    def look(word: str, calls: list[int]) -> Callable[..., None]:
        def looking(module: nn.Module, operands: tuple[Tensor, ...]) -> None:
            nonlocal proven
            for fact, operand in zip(facts[word, len(calls)], operands, strict=True):
                assert holds(fact, operand), (word, fact)
                proven += fact.numbers is not None
            calls.append(1)

        return looking

    for word, module in model.named_modules():
        if any(word == known for known, _ in facts):
            module.register_forward_pre_hook(look(word, []))
    with torch.no_grad():
        model(4 * random_input(model, 2))
    assert proven >= 5
