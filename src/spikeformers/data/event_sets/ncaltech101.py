"""N-Caltech101: Caltech101's pictures recorded by an event camera that moved in three saccades."""

from __future__ import annotations

from pathlib import Path

from spikeformers.data.event_sets.divided import by_test_list, named_by_test_list
from spikeformers.data.event_sets.event_set import EventSet
from spikeformers.data.event_sets.files import class_folders, files_in, unwrapped
from spikeformers.data.event_sets.recording_set import RecordingSet
from spikeformers.data.event_sets.shelf import FileShelf
from spikeformers.data.events.array import Sensor
from spikeformers.data.splits import count_held_out

SENSOR = Sensor(240, 180)  # the largest recording; smaller ones lie in its upper left corner
FOLDER = "Caltech101"
TEST_LIST = "ncaltech101_test"
TEST_SHARE = 0.1

# Pictures per class of Caltech101, from general knowledge; their sum is the published 9144, less the 435 of "Faces",
# which N-Caltech101 leaves out, its published 8709.
_TABLE = """
BACKGROUND_Google 467, Faces_easy 435, Leopards 200, Motorbikes 798, accordion 55, airplanes 800, anchor 42,
ant 42, barrel 47, bass 54, beaver 46, binocular 33, bonsai 128, brain 98, brontosaurus 43, buddha 85,
butterfly 91, camera 50, cannon 43, car_side 123, ceiling_fan 47, cellphone 59, chair 62, chandelier 107,
cougar_body 47, cougar_face 69, crab 73, crayfish 70, crocodile 50, crocodile_head 51, cup 57, dalmatian 67,
dollar_bill 52, dolphin 65, dragonfly 68, electric_guitar 75, elephant 64, emu 53, euphonium 64, ewer 85,
ferry 67, flamingo 67, flamingo_head 45, garfield 34, gerenuk 34, gramophone 51, grand_piano 99, hawksbill 100,
headphone 42, hedgehog 54, helicopter 88, ibis 80, inline_skate 31, joshua_tree 64, kangaroo 86, ketch 114,
lamp 61, laptop 81, llama 78, lobster 41, lotus 66, mandolin 43, mayfly 40, menorah 87, metronome 32,
minaret 76, nautilus 55, octopus 35, okapi 39, pagoda 47, panda 38, pigeon 45, pizza 53, platypus 34,
pyramid 57, revolver 82, rhino 59, rooster 49, saxophone 40, schooner 63, scissors 39, scorpion 84,
sea_horse 57, snoopy 35, soccer_ball 64, stapler 45, starfish 86, stegosaurus 59, stop_sign 64, strawberry 35,
sunflower 85, tick 49, trilobite 86, umbrella 75, watch 239, water_lilly 37, wheelchair 59, wild_cat 34,
windsor_chair 56, wrench 39, yin_yang 60
"""
PICTURES = {name: int(count) for name, count in (word.split() for word in _TABLE.split(","))}
CLASSES = tuple(PICTURES)


def recording_names() -> list[str]:
    """Return what all recordings of the release are called."""
    return [f"{name}/image_{number:04d}.bin" for name, count in PICTURES.items() for number in range(1, count + 1)]


def _lies_in(data_dir: Path) -> bool:
    root = unwrapped(data_dir, FOLDER)
    return any(
        name.startswith("image_") and name.endswith(".bin") for folder in CLASSES for name in files_in(root / folder)
    )


def _open(data_dir: Path) -> RecordingSet:
    root = unwrapped(data_dir, FOLDER)
    found = class_folders(root, CLASSES, (".bin",))
    shelf = FileShelf(root, found.names, found.labels, SENSOR, found.states, "40bit")
    train, test = by_test_list(shelf, TEST_LIST, f"{root}: {NCALTECH101.way_out}")
    return RecordingSet(
        name="ncaltech101",
        title=NCALTECH101.title,
        sensor=SENSOR,
        train=train,
        test=test,
        classes=CLASSES,
        licence=NCALTECH101.licence,
        citation="G. Orchard, A. Jayawant, G. K. Cohen, N. Thakor. Converting Static Image Datasets to Spiking "
        "Neuromorphic Datasets Using Saccades. Frontiers in Neuroscience 9:437, 2015.",
    )


def _counts() -> dict[str, tuple[int, ...]]:
    tested = tuple(count_held_out(count, TEST_SHARE) for count in PICTURES.values())
    return {"train": tuple(count - held for count, held in zip(PICTURES.values(), tested, strict=True)), "test": tested}


NCALTECH101 = EventSet(
    name="ncaltech101",
    title="N-Caltech101",
    sensor=SENSOR,
    about="pictures of 101 kinds of objects seen by a moving camera, up to 240 x 180 pixels, about 0.3 s each",
    source="https://www.garrickorchard.com/datasets/n-caltech101 (Caltech101.zip)",
    licence="CC BY 4.0, as far as known",
    layout="Expected Caltech101/<class>/image_<number>.bin, as the archive Caltech101.zip holds them.",
    lies_in=_lies_in,
    open_in=_open,
    sizes={part: sum(counts) for part, counts in _counts().items()},
    counts=_counts(),
    names=lambda: named_by_test_list(recording_names(), TEST_LIST),
    notes=(
        "There is no official split. A tenth of every class is the test part, chosen by a hash of the names and fixed "
        "by the shipped list ncaltech101_test: figures on other splits cannot be compared with it.",
        "Class counts are Caltech101's, from general knowledge; that their sum is the published 8709 was checked.",
    ),
)
