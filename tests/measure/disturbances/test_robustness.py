"""Robustness: counts equal to those taken by hand, whatever the batches, and a model that stays as it was."""

from __future__ import annotations

import json
import math

import pytest
import torch
from torch import Tensor, nn
from torch.func import functional_call

from spikeformers.data import normalise
from spikeformers.errors import InputError, UnknownNameError
from spikeformers.layers import Neuron
from spikeformers.measure import Disturbances, Robustness, RobustnessRow, robustness
from spikeformers.measure.disturbances.attacks import fgsm
from spikeformers.measure.disturbances.corruptions import corrupt
from spikeformers.measure.disturbances.robustness import wilson
from spikeformers.measure.disturbances.surrogates import using_surrogate
from spikeformers.measure.disturbances.victim import Victim
from spikeformers.measure.disturbances.weights import noisy_weights
from tests.measure.disturbances.small import digits, trained
from tests.models.tiny import smallest

FEW = Disturbances(
    corruptions=("gaussian_noise", "contrast"), severities=(1, 5), epsilons=(8, 24), steps=2,
    surrogates=("own", "atan"), weight_noise=(0.3, 0.8), draws=2, lost_spikes=(0.3, 1.0),
    spurious_spikes=(0.1,), seed=3,
)  # fmt: skip


@pytest.fixture(scope="module")
def victim() -> Victim:
    return trained()


def measured(victim: Victim, words: Disturbances, batch: int = 100, count: int = 100, **more) -> Robustness:
    images, labels = digits(count)
    batches = zip(images.split(batch), labels.split(batch), strict=True)
    return robustness(victim.model, batches, mean=victim.mean, std=victim.std, disturbances=words, **more)


@pytest.fixture(scope="module")
def result(victim: Victim) -> Robustness:
    return measured(victim, FEW)


def test_there_is_a_row_for_each_disturbance(result: Robustness) -> None:
    def pairs(family: str) -> list[tuple]:
        return [(row.name, row.variant, row.severity or row.strength) for row in result.of(family)]

    assert pairs("corruption") == [(name, "", level) for name in FEW.corruptions for level in (1, 5)]
    variants = ("own", "atan", "worst")
    assert pairs("attack") == [
        (name, variant, epsilon) for name in ("fgsm", "pgd") for epsilon in (8, 24) for variant in variants
    ]
    assert pairs("weights") == [("gaussian_noise", "", 0.3), ("gaussian_noise", "", 0.8)]
    assert pairs("spikes") == [("lost", "", 0.3), ("lost", "", 1.0), ("spurious", "", 0.1)]
    assert {row.samples for row in result.rows} == {result.samples} == {100}
    assert (result.name, result.seed, result.settings) == ("Spiking", 3, FEW)


def test_counts_are_those_by_hand(victim: Victim, result: Robustness) -> None:
    images, labels = digits()

    def count(pixels: Tensor, weights: dict[str, Tensor] | None = None) -> int:
        x = normalise(pixels, victim.mean, victim.std)
        logits = functional_call(victim.model, weights or {}, (x,))
        return int((logits.argmax(1) == labels).sum())

    assert result.correct == count(images)
    assert result.clean > 0.9
    for row in result.of("corruption"):
        assert row.correct == count(corrupt(images, row.name, row.severity or 0, seed=3))
    for row in result.of("weights"):
        by_draw = [count(images, noisy_weights(victim.model, row.strength, seed=3, draw=draw)) for draw in (0, 1)]
        assert (row.correct, row.draws) == (sum(by_draw), 2)
        assert row.accuracy == pytest.approx(sum(by_draw) / 200)
        assert row.spread == pytest.approx(abs(by_draw[0] - by_draw[1]) / 100 / math.sqrt(2))
    right = []
    for word in ("own", "atan"):
        with using_surrogate(victim.model, word):
            right.append(fgsm(victim, images, labels, 24).right)
    for variant, expected in (("own", right[0]), ("atan", right[1]), ("worst", right[0] & right[1])):
        assert [row.correct for row in result.of("attack", "fgsm", variant)][1] == int(expected.sum())


def test_the_worst_of_several_is_no_better_than_any(result: Robustness) -> None:
    for name in ("fgsm", "pgd"):
        own, atan, worst = (result.of("attack", name, variant) for variant in ("own", "atan", "worst"))
        for a, b, both in zip(own, atan, worst, strict=True):
            assert both.correct <= min(a.correct, b.correct)
            assert both.correct >= a.correct + b.correct - 100
    assert any(row.correct < result.correct for row in result.of("attack", "pgd", "worst"))


def test_a_network_without_spikes_knows_its_biases(victim: Victim, result: Robustness) -> None:
    _, labels = digits()
    constant = victim.model.outer.bias.argmax()
    assert result.of("spikes", "lost")[1].correct == int((labels == constant).sum())


@pytest.mark.parametrize("batch", [1, 33])
def test_batches_do_not_matter(result: Robustness, victim: Victim, batch: int) -> None:
    other = measured(victim, FEW, batch)
    assert [row.name for row in other.rows] == [row.name for row in result.rows]
    for row, expected in zip(other.rows, result.rows, strict=True):
        # Rounding differs between batch sizes: where an attack meets a threshold, single pictures may differ.
        assert abs(row.correct - expected.correct) <= (2 if row.family == "attack" else 0), row


def test_seeds_matter(result: Robustness, victim: Victim) -> None:
    words = Disturbances(**{**vars(FEW), "seed": 4})
    assert [row.correct for row in measured(victim, words).rows] != [row.correct for row in result.rows]
    assert measured(victim, FEW).rows == result.rows


def test_means_and_intervals(result: Robustness) -> None:
    noise = result.of("corruption", "gaussian_noise")
    assert result.corruption_accuracy("gaussian_noise") == pytest.approx(sum(row.correct for row in noise) / 200)
    rows = result.of("corruption")
    assert result.corruption_accuracy() == pytest.approx(sum(row.correct for row in rows) / 400)
    assert all((row.interval is None) == (row.family == "weights") for row in result.rows)
    assert measured_nothing(result).corruption_accuracy() is None


def measured_nothing(result: Robustness) -> Robustness:
    return Robustness(name="x", samples=1, correct=1, rows=result.of("spikes"))


@pytest.mark.parametrize(("correct", "samples"), [(0, 10), (10, 10), (7, 10), (353, 360), (1, 1)])
def test_wilsons_interval_solves_its_equation(correct: int, samples: int) -> None:
    """Its ends are the shares p at which the seen share is 1.96 standard deviations away."""
    low, high = wilson(correct, samples)
    share = correct / samples
    assert 0 <= low <= share <= high <= 1
    for end in {low, high} - {0.0, 1.0}:
        assert abs(share - end) == pytest.approx(1.959964 * math.sqrt(end * (1 - end) / samples), rel=1e-5)
    # Newcombe (1998), table I: 81 of 263.
    assert wilson(81, 263) == pytest.approx((0.2553, 0.3662), abs=5e-5)


def test_results_are_plain_values(result: Robustness) -> None:
    told = json.loads(json.dumps(result.to_dict()))
    assert told["clean"] == result.clean
    assert told["settings"]["epsilons"] == [8, 24]
    assert len(told["rows"]) == len(result.rows)
    for row, values in zip(result.rows, told["rows"], strict=True):
        assert values["accuracy"] == row.accuracy
        assert values["interval"] == (None if row.interval is None else list(row.interval))
        assert values["detail"] == row.detail != ""


def test_the_model_stays_as_it_was() -> None:
    model = smallest(image_size=[8, 8], in_channels=1, num_classes=10).train()
    model.head.eval()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    modes = [module.training for module in model.modules()]
    surrogates = [module.dynamics for module in model.modules() if isinstance(module, Neuron)]
    images, labels = digits(6)
    state = torch.get_rng_state()
    result = robustness(model, [(images, labels)], mean=(0.3,), std=(0.3,), disturbances=FEW)
    assert torch.equal(torch.get_rng_state(), state)
    assert len(result.rows) == 4 + 12 + 2 + 3
    assert [module.training for module in model.modules()] == modes
    assert all(
        a is b.dynamics for a, b in zip(surrogates, (m for m in model.modules() if isinstance(m, Neuron)), strict=True)
    )
    assert all(torch.equal(before[name], value) for name, value in model.state_dict().items())
    assert all(parameter.grad is None for parameter in model.parameters())
    assert not any(module._forward_hooks for module in model.modules())


def test_an_ordinary_network_has_no_spikes_and_one_gradient() -> None:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Flatten(), nn.Linear(64, 10))
    images, labels = digits(20)
    result = robustness(model, [(images, labels)], mean=(0.3,), std=(0.3,), disturbances=FEW)
    assert {(row.family, row.variant) for row in result.rows} == {
        ("corruption", ""),
        ("attack", "own"),
        ("weights", ""),
    }


def test_pictures_without_a_gradient_are_counted() -> None:
    model = smallest(image_size=[8, 8], in_channels=1, num_classes=10, encoder="phase")
    images, labels = digits(10)
    result = robustness(model, [(images, labels)], mean=(0.0,), std=(1.0,), disturbances=FEW)
    # The bits of a pixel are steps of it: their gradient is zero.
    assert [row.blind for row in result.rows] == [10 if row.family == "attack" else None for row in result.rows]


def test_the_gradient_of_a_trained_network_is_there(result: Robustness) -> None:
    assert {row.blind for row in result.of("attack")} == {0}


def test_progress_reaches_the_number_of_pictures(victim: Victim) -> None:
    told: list[int] = []
    measured(victim, FEW.only("corruptions"), 40, limit=90, progress=told.append)
    assert told == sorted(told)
    assert told[-1] == 90
    assert {40, 80} < set(told)
    assert len(set(told)) > 6


@pytest.mark.parametrize(
    ("words", "families"),
    [
        (("attacks",), {"attack"}),
        (("spikes", "weights"), {"spikes", "weights"}),
        (("corruptions",), {"corruption"}),
        ((), set()),
    ],
)
def test_parts_are_chosen(victim: Victim, words: tuple[str, ...], families: set[str]) -> None:
    result = measured(victim, FEW.only(*words), count=10, batch=10)
    assert {row.family for row in result.rows} == families
    assert result.correct > 5


def test_the_same_encoding_in_every_trial() -> None:
    model = smallest(image_size=[8, 8], in_channels=1, num_classes=10, encoder="poisson", time_steps=2)
    images, labels = digits(30)
    words = Disturbances(corruptions=("brightness",), severities=(1,), lost_spikes=(1e-9,)).only(
        "spikes", "corruptions"
    )
    result = robustness(model, [(images, labels)], mean=(0.0,), std=(1.0,), disturbances=words)
    assert result.of("spikes")[0].correct == result.correct
    with pytest.raises(InputError, match="no gradient reaches"):
        robustness(model, [(images, labels)], mean=(0.0,), std=(1.0,), disturbances=FEW)


def test_what_cannot_be_measured_is_refused(victim: Victim) -> None:
    images, labels = digits(4)
    words = {"mean": victim.mean, "std": victim.std, "disturbances": FEW.only()}
    with pytest.raises(InputError, match="no samples"):
        robustness(victim.model, [], **words)
    with pytest.raises(InputError, match="uint8 pictures"):
        robustness(victim.model, [(images.float(), labels)], **words)
    with pytest.raises(InputError, match="the label of every picture"):
        robustness(victim.model, [images], **words)
    with pytest.raises(InputError, match="the model has 10 classes"):
        robustness(victim.model, [(images, labels + 10)], **words)
    with pytest.raises(InputError, match="one size"):
        robustness(victim.model, [(images, labels), (images[..., :4], labels)], **words)


@pytest.mark.parametrize(
    ("last", "message"),
    [
        (nn.LSTM(64, 10), "Sequential returned a tuple of 4 pictures"),
        (nn.Unflatten(1, (8, 8)), r"returned \[4, 8, 8\] of 4 pictures; expected logits \[B, K\]"),
        (nn.Flatten(0), r"returned \[256\]"),
    ],
)
def test_a_model_that_returns_no_logits_is_refused(last: nn.Module, message: str) -> None:
    model = nn.Sequential(nn.Flatten(), last)
    with pytest.raises(InputError, match=message):
        robustness(model, [digits(4)], mean=(0.3,), std=(0.3,), disturbances=FEW.only())


@pytest.mark.parametrize(
    ("words", "error", "message"),
    [
        ({"corruptions": ("fog",)}, UnknownNameError, "no corruption 'fog'"),
        ({"attacks": ("fgms",)}, UnknownNameError, "Did you mean 'fgsm'"),
        ({"surrogates": ("atn",)}, UnknownNameError, "Did you mean 'atan'"),
        ({"surrogates": ()}, InputError, "name one"),
        ({"severities": (0,)}, InputError, "from 1 to 5, got 0"),
        ({"epsilons": (0,)}, InputError, "epsilons: expected above 0"),
        ({"steps": 0}, InputError, "steps: expected a whole number"),
        ({"step_size": -1.0}, InputError, "step_size"),
        ({"draws": 0}, InputError, "draws"),
        ({"weight_noise": (math.nan,)}, InputError, "weight_noise"),
        ({"lost_spikes": (1.1,)}, InputError, "lost_spikes: expected probabilities"),
        ({"spurious_spikes": (0.1, 0.1)}, InputError, "names something twice"),
    ],
)
def test_words_are_checked(words: dict, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        Disturbances(**words)
    with pytest.raises(UnknownNameError, match="Did you mean 'weights'"):
        Disturbances().only("weight")


def test_steps_of_pgd_cross_the_ball() -> None:
    assert Disturbances(steps=5).size_of_steps(8) == 4
    assert Disturbances(step_size=1.5).size_of_steps(8) == 1.5


def test_a_row_of_draws_has_no_interval() -> None:
    row = RobustnessRow(
        family="weights", name="gaussian_noise", strength=0.1, samples=10, correct=15, draws=2, spread=0.1, detail="x"
    )
    assert (row.accuracy, row.interval) == (0.75, None)
