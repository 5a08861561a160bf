"""Recordings that were released as frames, one image file each, and not as events."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, fields, replace
from functools import cached_property
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from spikeformers.data.dataset import Dataset
from spikeformers.data.event_sets.files import files_in
from spikeformers.data.event_sets.framed import read_frames
from spikeformers.data.event_sets.release import Release
from spikeformers.data.event_sets.shelf import Reading
from spikeformers.data.events.losses import Losses
from spikeformers.data.frames.event_framing import EventFraming
from spikeformers.data.natural_order import by_numbers
from spikeformers.data.pictures.decoding import decode, naming
from spikeformers.data.pictures.framing import Framing
from spikeformers.data.sources import Missing, Pictures, Source
from spikeformers.data.watch import Watch
from spikeformers.errors import ConfigError, DataError

SUFFIXES = (".png", ".jpg", ".jpeg")
TIME_STEPS = 8  # where nobody says how many
CHANNELS = 2
GUESS = 1 << 20  # bytes of a recording's images
CROP = 224 / 256  # the centre that is kept of a picture that was resized
DARK = 0.12  # grey values, 0 .. 1: below it channel 0 is 1
MIDDLE = (0.3, 0.78)  # above the first and up to the second, channel 1 is 1


def two_channels(pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Return frames with two channels of zeros and ones, `[2, H, W]`, of grey pixels `[1, H, W]`.

    Channel 0 is 1 where the grey value, 0 to 1, is below 0.12; channel 1 where it is above 0.3 and at most 0.78. So
    the Meta-SpikeFormer's code tells the polarities of HAR-DVS' event images apart.
    """
    grey = pixels[0].astype(np.float32) / 255
    return np.stack([grey < DARK, (grey > MIDDLE[0]) & (grey <= MIDDLE[1])]).astype(np.float32)


@dataclass(frozen=True, eq=False)
class FrameShelf:
    """Recordings that are a folder of images each: `root / folders[i]`, or the one folder in it."""

    root: Path
    folders: Sequence[str]
    labels: Tensor

    @property
    def names(self) -> Sequence[str]:
        return self.folders

    def size(self, index: int) -> int:
        """Return a guess: how large the images are is known only when they are looked at."""
        return GUESS

    def frames(self, index: int) -> list[str]:
        """Return the paths below `root` of a recording's images, in the order of their names.

        Raises:
            DataError: there are none.
        """
        name = self.folders[index]
        for folder in (name, f"{name}/{name.rsplit('/', 1)[-1]}_dvs"):
            images = [file for file in files_in(self.root / folder) if file.lower().endswith(SUFFIXES)]
            if images:
                return [f"{folder}/{file}" for file in sorted(images, key=by_numbers)]
        raise DataError(f"{self.root / name}: there are no images of frames in it. Unpack it again.")

    def read(self, indices: Iterable[int]) -> Iterator[Reading[Sequence[str]]]:
        """Decode all frames of recordings, one after the other; what cannot be read is told, not raised."""
        for index in indices:
            try:
                frames = self.frames(index)
                for frame in frames:
                    self.picture(frame, Framing(image_size=(1, 1), channels=1))
            except DataError as error:
                yield Reading(index, error, Losses())
            else:
                yield Reading(index, frames, Losses())

    def picture(self, frame: str, framing: Framing) -> NDArray[np.uint8]:
        """Return one frame's grey pixels, `[1, H, W]`."""
        path = self.root / frame
        with naming(str(path)), path.open("rb") as file:
            picture = decode(file)
        return framing(picture)


@dataclass(frozen=True, eq=False)
class ImageFrames:
    """A source of T consecutive frames of each recording, float32 `[B, T, 2, H, W]`; zeros follow a short one.

    Attributes:
        anywhere: whether a random window is taken, and not the one in the middle.
    """

    shelf: FrameShelf
    time_steps: int
    image_size: tuple[int, int]
    anywhere: bool

    @property
    def labels(self) -> Tensor:
        return self.shelf.labels

    @property
    def names(self) -> Sequence[str]:
        return self.shelf.names

    @property
    def shape(self) -> tuple[int, int, int]:
        return CHANNELS, *self.image_size

    def __len__(self) -> int:
        return len(self.shelf.labels)

    def read(self, indices: Tensor, generator: torch.Generator | None = None) -> Pictures:
        """Return windows of the recordings at `indices` (int64 `[B]`); see `FramedRecordings.read`."""
        shape = self.time_steps, *self.shape
        return read_frames(indices, self.labels, shape, lambda index: self._window(index, generator))

    def at_evaluation(self) -> ImageFrames:
        """Return the same recordings, the window in the middle."""
        return replace(self, anywhere=False)

    def _window(self, index: int, generator: torch.Generator | None) -> NDArray[np.float32]:
        frames = self.shelf.frames(index)
        spare = max(0, len(frames) - self.time_steps)
        if self.anywhere and generator is None:
            raise ValueError("random windows draw random numbers: pass a torch.Generator")
        start = int(torch.randint(0, spare + 1, (1,), generator=generator)) if self.anywhere else spare // 2
        window = np.zeros((self.time_steps, *self.shape), dtype=np.float32)
        for step, frame in enumerate(frames[start : start + self.time_steps]):
            window[step] = two_channels(self.shelf.picture(frame, self._framing))
        return window

    @cached_property
    def _framing(self) -> Framing:
        return Framing(image_size=self.image_size, channels=1, crop_pct=CROP)


@dataclass(frozen=True, eq=False, kw_only=True)
class FrameSet(Release[FrameShelf]):
    """What a loader of released frames returns; `framed` makes a `Dataset` of it."""

    def framed(self, framing: EventFraming | Framing | None, watch: Watch) -> Dataset:
        """Return windows of frames as a data set: a random one of each recording for training, else the middle one.

        A framing may say the number of time steps and the size; None: 8, and the size of the camera.

        Raises:
            DataError: a framing for pictures was given.
            ConfigError: the framing says what only events can be asked for.
        """
        if isinstance(framing, Framing):
            raise DataError(f"{self.title} holds frames of events, which are framed by an EventFraming.")
        framing = framing or EventFraming(time_steps=TIME_STEPS, image_size=(self.sensor.height, self.sensor.width))
        self._require_plain(framing)
        parts = {part: self._part(part, shelf, framing) for part, shelf in self.parts.items()}
        return self.dataset(parts, CHANNELS)

    def _require_plain(self, framing: EventFraming) -> None:
        plain = EventFraming(time_steps=framing.time_steps, image_size=framing.image_size)
        words = [word.name for word in fields(framing) if getattr(framing, word.name) != getattr(plain, word.name)]
        if words:
            raise ConfigError(
                f"{self.title} was released as images of frames: there are no events that {', '.join(words)} could "
                "apply to (augment: event_drop, time_jitter, spatial_jitter, polarity_flip). Leave these words out; "
                "only time_steps and image_size have a meaning here."
            )

    def _part(self, part: str, shelf: FrameShelf | str, framing: EventFraming) -> Source:
        if isinstance(shelf, str):
            return Missing((CHANNELS, *framing.image_size), shelf)
        return ImageFrames(shelf, framing.time_steps, framing.image_size, anywhere=part == "train")
