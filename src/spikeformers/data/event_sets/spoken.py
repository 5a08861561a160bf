"""SHD and SSC: spoken words as spikes of 700 channels of a model of the inner ear (Cramer et al., 2022)."""

from __future__ import annotations

from pathlib import Path

from spikeformers.data.event_sets.event_set import EventSet
from spikeformers.data.event_sets.recording_set import RecordingSet
from spikeformers.data.event_sets.spike_tables import open_table
from spikeformers.data.events.array import Sensor

SENSOR = Sensor(700, 1, polarities=1)
# English, then German, as far as known; the files name them in extra/keys.
SHD_CLASSES = (
    *("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"),
    *("null", "eins", "zwei", "drei", "vier", "fuenf", "sechs", "sieben", "acht", "neun"),
)
SSC_CLASSES = tuple(map(str, range(35)))
FILES = {"train": "train", "validation": "valid", "test": "test"}
CITATION = (
    "B. Cramer, Y. Stradmann, J. Schemmel, F. Zenke. The Heidelberg Spiking Data Sets for the Systematic Evaluation of "
    "Spiking Neural Networks. IEEE Transactions on Neural Networks and Learning Systems 33, 2022."
)
SOURCE = "https://zenkelab.org/resources/spiking-heidelberg-datasets-shd"


def _files(data_dir: Path, name: str) -> dict[str, Path]:
    return {part: path for part, word in FILES.items() if (path := data_dir / f"{name}_{word}.h5").is_file()}


def _open(about: EventSet, classes: tuple[str, ...], data_dir: Path) -> RecordingSet:
    files = _files(data_dir, about.name)
    parts = {part: open_table(path, SENSOR, len(classes)) for part, path in files.items()}
    return RecordingSet(
        name=about.name,
        title=about.title,
        sensor=SENSOR,
        train=parts.get("train") or _missing(about, data_dir, "train"),
        test=parts.get("test") or _missing(about, data_dir, "test"),
        validation=parts.get("validation"),
        classes=classes,
        licence=about.licence,
        citation=CITATION,
    )


def _missing(about: EventSet, data_dir: Path, part: str) -> str:
    return f"{data_dir / f'{about.name}_{FILES[part]}.h5'}: there is no such file. {about.way_out}"


SHD: EventSet = EventSet(
    name="shd",
    title="SHD",
    sensor=SENSOR,
    about="spoken digits, English and German, as spikes of 700 channels, about 1 s each",
    source=f"{SOURCE} (shd_train.h5.gz and shd_test.h5.gz)",
    licence="CC BY 4.0, as far as known",
    layout="Expected shd_train.h5 and shd_test.h5, unpacked (gunzip).",
    lies_in=lambda data_dir: bool(_files(data_dir, "shd")),
    open_in=lambda data_dir: _open(SHD, SHD_CLASSES, data_dir),
    sizes={"train": 8156, "test": 2264},
)

SSC: EventSet = EventSet(
    name="ssc",
    title="SSC",
    sensor=SENSOR,
    about="35 spoken commands as spikes of 700 channels, about 1 s each",
    source=f"{SOURCE} (ssc_train.h5.gz, ssc_valid.h5.gz and ssc_test.h5.gz)",
    licence="CC BY 4.0, as far as known",
    layout="Expected ssc_train.h5, ssc_valid.h5 and ssc_test.h5, unpacked (gunzip).",
    lies_in=lambda data_dir: bool(_files(data_dir, "ssc")),
    open_in=lambda data_dir: _open(SSC, SSC_CLASSES, data_dir),
    sizes={"train": 75_466, "validation": 9_981, "test": 20_382},
)
