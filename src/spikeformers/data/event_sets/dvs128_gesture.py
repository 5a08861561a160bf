"""DVS128 Gesture: eleven hand gestures of 29 persons before an event camera, in recordings to be cut into trials."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from spikeformers.data.event_sets.clips import Clip, ClipShelf
from spikeformers.data.event_sets.event_set import EventSet
from spikeformers.data.event_sets.files import State, files_in, unwrapped
from spikeformers.data.event_sets.recording_set import RecordingSet
from spikeformers.data.event_sets.splits import split
from spikeformers.data.events.array import Sensor
from spikeformers.data.recordings.gesture_labels import read_labels
from spikeformers.errors import DataError

SENSOR = Sensor(128, 128)
FOLDER = "DvsGesture"
PARTS = ("train", "test")
CLASSES = (
    "hand_clapping",
    "right_hand_wave",
    "left_hand_wave",
    "right_arm_clockwise",
    "right_arm_counter_clockwise",
    "left_arm_clockwise",
    "left_arm_counter_clockwise",
    "arm_roll",
    "air_drums",
    "air_guitar",
    "other_gestures",
)
TRIALS = 12  # that each recording is cut into


def _lies_in(data_dir: Path) -> bool:
    files = files_in(unwrapped(data_dir, FOLDER))
    return "trials_to_train.txt" in files or any(name.endswith("_labels.csv") for name in files)


def _open(data_dir: Path) -> RecordingSet:
    root = unwrapped(data_dir, FOLDER)
    files = files_in(root)
    parts = {part: _part(root, part, files) for part in PARTS}
    return RecordingSet(
        name="dvs128_gesture",
        title=DVS128_GESTURE.title,
        sensor=SENSOR,
        train=parts["train"],
        test=parts["test"],
        classes=CLASSES,
        licence=DVS128_GESTURE.licence,
        citation="A. Amir et al. A Low Power, Fully Event-Based Gesture Recognition System. CVPR 2017.",
    )


def _part(root: Path, part: str, files: dict[str, State]) -> ClipShelf | str:
    clips = [
        clip
        for name in _trials(root, part, files)
        if name in files and _labels(name) in files
        for clip in _clips(root, name, files[name])
    ]
    if not clips:
        return f"{root}: none of the {part} recordings and its labels is there. {DVS128_GESTURE.way_out}"
    return ClipShelf(root, clips, SENSOR, "aedat3")


def _trials(root: Path, part: str, files: dict[str, State]) -> Sequence[str]:
    """Return the names of a part's recordings: those of the release's own list, which must be the shipped one."""
    own = f"trials_to_{part}.txt"
    shipped = split(f"dvs128_gesture_{part}")
    if own in files:
        listed = [line.strip() for line in (root / own).read_text(errors="replace").splitlines() if line.strip()]
        if strange := sorted(set(listed) - set(shipped)):
            raise DataError(
                f"{root / own} names recordings that are not in the official list of the {part} part: "
                f"{', '.join(strange[:5])}. Take the list of the release, or remove it to use the shipped one."
            )
    return shipped


def _clips(root: Path, name: str, state: State) -> list[Clip]:
    # All trials of a recording come from one pass over its file, whose bytes count once.
    return [
        Clip(
            file=name,
            number=number,
            label=trial.gesture - 1,
            start=trial.start,
            stop=trial.stop,
            state=State(state.size if number == 1 else 0, state.changed),
        )
        for number, trial in enumerate(read_labels(root / _labels(name)), start=1)
    ]


def _labels(name: str) -> str:
    return f"{name.removesuffix('.aedat')}_labels.csv"


DVS128_GESTURE = EventSet(
    name="dvs128_gesture",
    title="DVS128 Gesture",
    sensor=SENSOR,
    about="eleven hand and arm gestures of 29 persons, 128 x 128 pixels, about 6 s each",
    source="https://research.ibm.com/interactive/dvsgesture (DvsGesture.tar.gz)",
    licence="CC BY 4.0",
    layout="Expected DvsGesture/user<nn>_<light>.aedat, user<nn>_<light>_labels.csv, trials_to_train.txt and "
    "trials_to_test.txt, as the archive DvsGesture.tar.gz holds them.",
    lies_in=_lies_in,
    open_in=_open,
    sizes={"train": 98 * TRIALS, "test": 24 * TRIALS},
    names=lambda: {part: split(f"dvs128_gesture_{part}") for part in PARTS},
    notes=(
        "98 recordings of users 1 to 23 are for training, 24 of users 24 to 29 for testing, as the release lists them.",
        "Each of the 12 rows of a label table is a sample, which makes 1176 and 288; the set's paper counts 1342.",
    ),
)
