"""RandAugment: the config strings, what is drawn how often, and whole batches against timm."""

from __future__ import annotations

import math
import random
import re
from collections import Counter
from types import ModuleType
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from spikeformers.data.augment import RandAugment, mean_colour
from spikeformers.data.augment.levels import FULL, FULL_INCREASING, LEVELS, REDUCED
from spikeformers.data.augment.operations import INTERPOLATIONS, OPERATIONS, WARPS, Layer
from spikeformers.errors import ConfigError, InputError
from tests.data.augment.pictures import from_pil, noise, pictures, seeded, to_pil

PAPERS = [
    "rand-m9-n1-mstd0.4-inc1",
    "rand-m9-mstd0.5-inc1",
    "rand-m5-mstd0.5-inc1",
    "rand-m7-mstd0.5-inc1",
    "rand-m15-n3-p0.25-mstd101-mmax20",
    "rand",
]


@pytest.mark.parametrize("text", PAPERS)
def test_the_papers_strings_say_what_they_say_in_timm(timm: ModuleType, text: str) -> None:
    ours = RandAugment.parse(text)
    theirs = timm.auto_augment.rand_augment_transform(text, {"img_mean": (1, 2, 3)})
    assert ours.number == theirs.num_layers
    assert set(ours.operations) == {op.name for op in theirs.ops}
    for op in theirs.ops:
        limit = op.magnitude_max or 10
        assert (ours.magnitude, ours.probability) == (op.magnitude, op.prob)
        assert (ours.deviation, ours.limit) == (op.magnitude_std, limit)


def test_lists_of_operations() -> None:
    assert RandAugment.parse("rand-m9-inc1").operations == FULL_INCREASING
    assert RandAugment.parse("rand-m9-inc0").operations == FULL
    assert RandAugment.parse("rand-inc1", operations="reduced").operations == REDUCED
    assert RandAugment.parse("rand", operations=("Posterize", "Rotate")).operations == ("Posterize", "Rotate")


NUMBERS = {
    "m": st.integers(0, 30).map(str),
    "n": st.integers(1, 5).map(str),
    "p": st.floats(0, 1).map(lambda p: f"{p:.3f}"),
    "mstd": st.one_of(st.just("inf"), st.floats(0, 150).map(lambda d: f"{d:.2f}"), st.integers(0, 9).map(str)),
    "mmax": st.integers(1, 30).map(str),
    "inc": st.sampled_from("01"),
}


@given(words=st.fixed_dictionaries({}, optional=NUMBERS), order=st.randoms())
def test_any_words_in_any_order(words: dict[str, str], order: Any) -> None:
    parts = [word + value for word, value in words.items()]
    order.shuffle(parts)
    parsed = RandAugment.parse("-".join(["rand", *parts]))
    deviation = float(words.get("mstd", 0))
    assert parsed == RandAugment(
        operations=FULL_INCREASING if words.get("inc") == "1" else FULL,
        magnitude=int(words.get("m", 10)),
        number=int(words.get("n", 2)),
        probability=float(words.get("p", 0.5)),
        deviation=math.inf if deviation > 100 else deviation,
        limit=int(words.get("mmax", 10)),
    )


def refusal(text: str) -> str:
    """What the parser says against a text, or nothing."""
    try:
        RandAugment.parse(text)
    except ConfigError as error:
        return str(error)
    return ""


@given(st.one_of(st.text(), st.text("rand-mstxinc0123456789.p").map(lambda text: "rand-" + text)))
def test_any_other_text_is_refused_in_words(text: str) -> None:
    understood = r"rand(-(m|n|p|mstd|mmax|inc)([0-9.]+|inf))*"
    assert repr(text) in refusal(text) or re.fullmatch(understood, text)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("random-m9", "must begin with 'rand'"),
        ("rand-m9-mst0.4", "'mst0.4' is no word of RandAugment. Did you mean 'mstd'"),
        ("rand-x3", "'x3' is no word of RandAugment"),
        ("rand-m9-", "'' is no word"),
        ("rand-m", "m is ''; it must be the magnitude"),
        ("rand-m9.5", "m is '9.5'; it must be the magnitude, a whole number"),
        ("rand-n0", "n is '0'; it must be how many operations"),
        ("rand-p1.5", "p is '1.5'; it must be the probability"),
        ("rand-inc2", "inc is '2'; it must be 0 or 1"),
        ("rand-minf", "m is 'inf'"),
        ("rand-m9-m8", "m is given twice"),
        ("rand-m9-w0", "'w0' is no word"),
    ],
)
def test_what_a_mistake_is_answered_with(text: str, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        RandAugment.parse(text)
    assert message in str(caught.value)


def test_other_mistakes() -> None:
    with pytest.raises(ConfigError, match=r"no operation 'Equalise'\. Did you mean 'Equalize'"):
        RandAugment.parse("rand-m9", operations=("Equalise",))
    with pytest.raises(ConfigError, match=r"operations is 'reduce'. Did you mean 'reduced'"):
        RandAugment.parse("rand-m9", operations="reduce")  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="operations is empty"):
        RandAugment(operations=())
    with pytest.raises(ConfigError, match=r"interpolation is 'cubic'\. Did you mean 'bicubic'"):
        RandAugment(interpolation="cubic")  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="magnitude is nan"):
        RandAugment(magnitude=math.nan)
    with pytest.raises(ConfigError, match=r"fill is \(0.5,\)"):
        RandAugment(fill=(0.5,))(noise(0, 2, 3, 4, 4), seeded(0))  # type: ignore[arg-type]
    with pytest.raises(InputError, match="fill has 3 numbers, but the images have 1 channel"):
        RandAugment(fill=(1, 2, 3))(noise(0, 2, 1, 4, 4), seeded(0))
    with pytest.raises(InputError, match=r"takes uint8 images, got torch.float32"):
        RandAugment()(torch.zeros(2, 3, 4, 4), seeded(0))


def test_colour_operations_demand_colours_and_moves_do_not() -> None:
    with pytest.raises(InputError, match=r"2 channels, but Equalize take 1 \(grey\) or 3 \(RGB\)"):
        RandAugment(operations=REDUCED, probability=0.0)(noise(0, 2, 2, 4, 4), seeded(0))
    moves = RandAugment(operations=tuple(WARPS), probability=1.0, fill=(0,))
    assert moves(noise(0, 30, 5, 2, 8, 8), seeded(0)).shape == (30, 5, 2, 8, 8)


def near(count: int, number: int, probability: float) -> bool:
    """Whether a binomial count lies within five standard deviations of its mean."""
    return abs(count - number * probability) <= 5 * math.sqrt(number * probability * (1 - probability))


@pytest.mark.parametrize("operations", ["full", "reduced"])
def test_operations_are_drawn_equally_often_and_happen_half_the_time(operations: Any) -> None:
    policy = RandAugment.parse("rand-m9-n2-mstd0.4-inc1", operations=operations)
    layers = list(policy.draw(20_000, seeded(1)))
    assert len(layers) == 2
    for layer in layers:
        counts = Counter(layer.operation.tolist())
        assert near(counts.pop(-1), 20_000, 0.5)
        assert len(counts) == len(policy.operations)
        assert all(near(count, 20_000, 0.5 / len(counts)) for count in counts.values())
    # Drawn with replacement: the second operation does not know the first.
    same = int(((layers[0].operation == layers[1].operation) & (layers[0].operation >= 0)).sum())
    assert near(same, 20_000, 0.25 / len(policy.operations))


def test_random_interpolation_is_bilinear_or_bicubic() -> None:
    (layer,) = RandAugment(number=1).draw(10_000, seeded(2))
    counts = Counter(INTERPOLATIONS[place] for place in layer.interpolation.tolist())
    assert set(counts) == {"bilinear", "bicubic"}
    assert near(counts["bicubic"], 10_000, 0.5)
    (fixed,) = RandAugment(number=1, interpolation="nearest").draw(50, seeded(2))
    assert set(fixed.interpolation.tolist()) == {0}


@pytest.mark.parametrize(
    "text", ["rand-m9-mstd0.4", "rand-m9-mstd3", "rand-m7-mstd101", "rand-m15-mstd3-mmax20", "rand-m5"]
)
def test_angles_are_distributed_as_in_timm(timm: ModuleType, text: str) -> None:
    """Kolmogorov and Smirnov's distance of two samples, with the bound that chance exceeds once in 10 000."""
    number = 5000
    (layer,) = RandAugment.parse(f"{text}-n1-p1", operations=("Rotate",)).draw(number, seeded(3))
    parsed = timm.auto_augment.rand_augment_transform(f"{text}-p1", {"img_mean": 0}, transforms=["Rotate"])
    seen: list[float] = []
    parsed.ops[0].aug_fn = lambda image, degrees, **_: seen.append(degrees)
    random.seed(4)
    for _ in range(number):
        parsed.ops[0](None)
    ours, theirs = layer.argument.sort().values, torch.tensor(seen, dtype=torch.float64).sort().values
    points = torch.cat([ours, theirs]) + 1e-9  # equal values of the clipped tails count on both sides
    distance = (torch.searchsorted(ours, points) - torch.searchsorted(theirs, points)).abs().max() / number
    assert distance < 2.23 * math.sqrt(2 / number)


def by_timm(
    timm: ModuleType, image: Image.Image, layers: list[Layer], sample: int, fill: tuple[int, ...]
) -> Image.Image:
    """One image, changed by timm's own functions as was drawn for a sample."""
    names = {level.operation: name for name, level in LEVELS.items()}
    for layer in layers:
        operation, argument = OPERATIONS[layer.operation[sample]], float(layer.argument[sample])
        if layer.operation[sample] < 0:
            continue
        if operation == "Posterize":  # PIL no longer takes the 0 bits that timm asks of it at full magnitude
            image = image.point(lambda value, lost=8 - int(argument): value >> lost << lost)
            continue
        whole = operation in ("Solarize", "SolarizeAdd")
        needed = () if operation in ("AutoContrast", "Equalize", "Invert") else (int(argument) if whole else argument,)
        resample = Image.Resampling[INTERPOLATIONS[layer.interpolation[sample]].upper()]
        image = timm.auto_augment.NAME_TO_OP[names[operation]](image, *needed, resample=resample, fillcolor=fill)
    return image


@pytest.mark.parametrize("text", ["rand-m9-n1-p1-mstd2-inc1", "rand-m6-n2-p0.8-mstd101-inc0"])
@pytest.mark.parametrize("interpolation", ["nearest", "random"])
def test_batches_are_changed_as_timm_changes_images(timm: ModuleType, text: str, interpolation: Any) -> None:
    fill = mean_colour((0.4914, 0.4822, 0.4465))
    assert fill == (125, 123, 114)
    policy = RandAugment.parse(text, fill=fill, interpolation=interpolation)
    images = torch.cat([pictures(seed, height=20, width=20) for seed in range(40)])
    layers = list(policy.draw(len(images), seeded(5)))
    drawn = torch.stack([layer.operation for layer in layers])
    assert len(drawn.unique()) >= 15

    result = policy(images, seeded(5))
    expected = torch.stack([from_pil(by_timm(timm, to_pil(im), layers, i, fill)) for i, im in enumerate(images)])
    moved = (drawn >= OPERATIONS.index("Rotate")).any(0)
    assert torch.equal(result[~moved], expected[~moved])
    difference = (result[moved].int() - expected[moved].int()).abs().double()
    if len(layers) == 1 and interpolation == "random":
        assert difference.max() <= 1
    # A second operation such as solarize may make much of a level that the first one rounds differently.
    assert (difference > 0).double().mean() < 0.02
