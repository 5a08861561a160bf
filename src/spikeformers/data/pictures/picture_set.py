"""A data set of encoded pictures of any size, before it is decided what size they are framed to."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from PIL import Image

from spikeformers.data.dataset import Dataset
from spikeformers.data.frames.event_framing import EventFraming
from spikeformers.data.pictures.framing import Framing
from spikeformers.data.pictures.galleries import Gallery
from spikeformers.data.pictures.opening import open_part
from spikeformers.data.pictures.statistics import channel_statistics
from spikeformers.data.sources import Source, at_evaluation, evenly_spaced
from spikeformers.data.watch import Watch
from spikeformers.errors import DataError

SAMPLED = 100  # pictures of each part whose size is looked at


@dataclass(frozen=True, eq=False, kw_only=True)
class PictureSet:
    """What a loader of encoded pictures returns; `framed` makes a `Dataset` of it.

    Attributes:
        title: what the set is called in text.
        mean, std: of each of three channels; None: computed from the training pictures.
    """

    name: str
    title: str
    train: Gallery
    test: Gallery
    validation: Gallery | None = None
    classes: tuple[str, ...]
    mean: tuple[float, ...] | None = None
    std: tuple[float, ...] | None = None
    licence: str
    citation: str

    def framed(self, framing: Framing | EventFraming | None, watch: Watch) -> Dataset:
        """Return the data set with images of one size.

        Args:
            framing: random crops are for the training part only. Without a framing, pictures stay as they are.

        Raises:
            DataError: no framing for pictures of several sizes, one for events, or too many unreadable pictures.
        """
        if isinstance(framing, EventFraming):
            raise DataError(f"{self.title} holds pictures, which an EventFraming cannot frame.")
        framing = framing or self._natural_framing()
        train, lost = open_part(self.train, framing, f"{self.title}, training part", watch)
        test, lost_test = open_part(self.test, framing.at_evaluation(), f"{self.title}, test part", watch)
        validation, lost_validation = self._validation(framing.at_evaluation(), watch)
        mean, std = self._statistics(train, framing.channels)
        return Dataset(
            name=self.name,
            title=self.title,
            train=train,
            test=test,
            validation=validation,
            classes=self.classes,
            mean=mean,
            std=std,
            licence=self.licence,
            citation=self.citation,
            unreadable=lost + lost_test + lost_validation,
        )

    def _validation(self, framing: Framing, watch: Watch) -> tuple[Source | None, tuple[str, ...]]:
        if self.validation is None:
            return None, ()
        return open_part(self.validation, framing, f"{self.title}, validation part", watch)

    def _statistics(self, train: Source, channels: int) -> tuple[tuple[float, ...], tuple[float, ...]]:
        if self.mean is None or self.std is None or len(self.mean) != channels:
            return channel_statistics(at_evaluation(train))
        return self.mean, self.std

    def _natural_framing(self) -> Framing:
        """Return the framing that leaves the pictures as they are, judged by evenly spaced ones of each part."""
        found: dict[tuple[int, int], str] = {}
        colour = False
        for name, picture in self._sample():
            found.setdefault(picture.size, name)
            colour = colour or picture.mode not in ("1", "L")
        if len(found) > 1:
            sizes = ", ".join(f"{name} {width} x {height}" for (width, height), name in list(found.items())[:2])
            raise DataError(
                f"{self.title}: the pictures are of several sizes ({sizes}). Give a framing, for example "
                "Framing(image_size=(224, 224), channels=3)."
            )
        width, height = next(iter(found))
        return Framing(image_size=(height, width), channels=3 if colour else 1)

    def _sample(self) -> Iterator[tuple[str, Image.Image]]:
        reason = DataError(f"{self.title}: there are no pictures.")
        some = False
        for gallery in (self.train, self.test):
            for index in evenly_spaced(len(gallery.labels), SAMPLED).tolist():
                try:
                    picture = gallery.picture(index)
                except DataError as error:
                    reason = error
                else:
                    some = True
                    yield gallery.names[index], picture
        if not some:
            raise reason
