"""Studies of small models with random weights and hostile names: every page must do without training."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from html.parser import HTMLParser

import numpy as np
import pytest
import torch

from spikeformers import catalog, measure
from spikeformers.data.events.array import Sensor
from spikeformers.measure import Disturbances
from spikeformers.models import SpikingModel, create_model
from spikeformers.report.figures.event_frames import event_pictures
from spikeformers.report.page.document import document
from spikeformers.report.page.parts import Plate
from spikeformers.report.page.study import Chip, Facts, Piece, Study, Training
from spikeformers.report.results import Tile
from spikeformers.report.samples import RECORDING
from spikeformers.train import Evaluation
from tests.data.frames.recordings import random_events

HOSTILE = '<script>alert("1")</script>&amp;\'$x_1$'
FACTS = Facts(command="spikeformers report 'a b' --out <x>", versions={"spikeformers": "0", "torch": "0"})
INLINE = ("a", "b", "code", "span")
VOID = ("meta", "br", "wbr", "img", "hr", "input", "link")


def make_study(name: str, *, label: str = "a run", robust: bool = False, **words: object) -> Study:
    """Measure an untrained model on six random images; accuracy and training are made up."""
    torch.manual_seed(0)
    model = create_model(name, **words).eval()
    x = torch.randn(6, 1, 8, 8) * 3
    return studied(model, x, name, label, robust)


def studied(model: SpikingModel, x: torch.Tensor, name: str, label: str, robust: bool) -> Study:
    """What is measured of a model on these inputs."""
    batches = [x[:4], x[4:]]
    profile = measure.profile(model, batches)
    deployed = list(measure.forms(model))[-1][1]
    work = profile.deployed.counts
    questions = {
        "pes": tuple((pes, measure.accelerator(work, "vesta", pes=pes)) for pes in (256, 512, 1024)),
        "weight_bits": tuple((bits, measure.accelerator(work, "vesta", weight_bits=bits)) for bits in (4, 8)),
    }
    parts = {word: sum(p.numel() for p in part.parameters()) for word, part in model.named_children()}
    classes = (HOSTILE, *"123456789")
    confusion = np.diag(range(20, 30))
    confusion[2, 3] = 4
    return Study(
        label=label,
        name=name,
        record=catalog.get(name),
        checkpoint="last.safetensors",
        training=Training(recipe=HOSTILE, epoch=8, epochs=8, seed=0, eval_part="test", versions={"torch": "0"}),
        time_steps=model.config.time_steps,
        dataset="digits",
        classes=classes,
        on="6 test images of digits",
        evaluation=Evaluation(
            accuracy=245 / 249, loss=0.5, samples=249, correct=245, confusion=confusion.tolist(), unreadable=(HOSTILE,)
        ),
        pieces=tuple(Piece(name=word, parameters=each) for word, each in parts.items() if each),
        profile=profile,
        audit=measure.audit(deployed, batches),
        statistics=measure.statistics(model, batches),
        chips=(
            Chip(report=measure.accelerator(work, "vesta"), questions=questions),
            Chip(report=measure.accelerator(work, "parallel_time_steps"), questions={}),
        ),
        tiles=tuple(_tile(classes, index) for index in range(2)),
        rasters=measure.rasters(model, x[:1]),
        attention=measure.attention_maps(model, x[:2]),
        robustness=_robustness(model) if robust else None,
    )


def make_event_study(*, label: str = "events") -> Study:
    """The same of a model that looks at recordings: counts of made-up events."""
    torch.manual_seed(0)
    words = {"in_channels": 2, "image_size": (16, 16), "dim": 16, "depth": 1, "pooling": "0011"}
    model = create_model("spikformer_2_64.digits", **words).eval()
    frames = torch.poisson(torch.full((6, model.config.time_steps, 2, 16, 16), 0.5))
    made = studied(model, frames, "spikformer_2_64.digits", label, robust=False)
    sensor = Sensor(16, 16)
    events = random_events(0, 500, sensor, last=300_000)
    tiles = [
        Tile(
            image=event_pictures(each.sum(0, keepdims=True))[0], frames=each,
            recorded=None if index else (events, sensor), label=HOSTILE, predicted=HOSTILE, probability=0.5,
        )
        for index, each in enumerate(frames[:2].numpy())
    ]  # fmt: skip
    words = Disturbances(draws=1, severities=(5,)).for_events()
    labels = torch.zeros(6, dtype=torch.int64)
    return replace(
        made,
        dataset="nmnist",
        on="6 test recordings of nmnist",
        noun=RECORDING,
        tiles=tuple(tiles),
        maps=measure.firing_maps(model, frames[:1]),
        robustness=measure.robustness(
            model, [(frames, labels)], mean=(0.0, 0.0), std=(1 / 255, 1 / 255), disturbances=words
        ),
    )


def _tile(classes: tuple[str, ...], index: int) -> Tile:
    image = np.random.default_rng(index).integers(0, 255, (1, 8, 8), dtype=np.uint8)
    return Tile(image=image, label=classes[0], predicted=classes[index], probability=0.9)


def _robustness(model: torch.nn.Module) -> measure.Robustness:
    pictures = torch.randint(0, 256, (2, 1, 8, 8), dtype=torch.uint8)
    words = measure.Disturbances(corruptions=("contrast",), attacks=("fgsm",), epsilons=(8,), draws=1)
    data = [(pictures, torch.tensor([0, 1]))]
    return measure.robustness(model, data, mean=(0.5,), std=(0.5,), disturbances=words)


@pytest.fixture(scope="session")
def study() -> Study:
    return make_study("spikformer_2_64.digits", dim=16, label=HOSTILE, robust=True)


@pytest.fixture(scope="session")
def integer_study() -> Study:
    """A model whose neurons emit integers, and no paper, training or class that is special."""
    made = make_study("e_spikeformer_280k.digits")
    return replace(made, record=None, training=None, classes=tuple("0123456789"))


@pytest.fixture(scope="session")
def event_study() -> Study:
    return make_event_study()


@pytest.fixture(scope="session")
def event_page(event_study: Study) -> str:
    return document([event_study], FACTS)[0]


@pytest.fixture(scope="session")
def page(study: Study) -> str:
    return document([study], FACTS)[0]


@pytest.fixture(scope="session")
def integer_page(integer_study: Study) -> str:
    return document([integer_study], FACTS)[0]


@pytest.fixture(scope="session")
def both(study: Study, integer_study: Study) -> tuple[str, list[Plate]]:
    return document([study, integer_study], FACTS)


class Reader(HTMLParser):
    """Reads a page strictly: every element must be closed, in order."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[str] = []
        self.errors: list[str] = []
        self.feed(text)
        self.close()
        self.errors += [f"<{name}> is never closed" for name in self.open]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        if not self.open or self.open[-1] != tag:
            self.errors.append(f"</{tag}> closes {self.open[-1:]}")
        else:
            self.open.pop()
            self.texts.append("" if tag in INLINE else " ")

    def handle_data(self, data: str) -> None:
        if self.open[-1:] not in (["style"], ["script"]):
            self.texts.append(data)

    def values(self, word: str) -> list[str]:
        """All values of an attribute."""
        return [attributes[word] or "" for _, attributes in self.elements if word in attributes]

    @property
    def text(self) -> str:
        """What a reader sees, spaces as they come."""
        return " ".join("".join(self.texts).split())


@pytest.fixture(scope="session")
def read() -> Callable[[str], Reader]:
    return Reader
