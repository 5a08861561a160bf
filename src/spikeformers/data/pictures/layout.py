"""How class folders are arranged: which pictures form which part, and which class each belongs to."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass

import torch
from torch import Tensor

from spikeformers.data.splits import held_out
from spikeformers.errors import DataError

SUFFIXES = (".jpg", ".jpeg", ".png")
PARTS = ("train", "val", "test")
TEST_SHARE = 0.2
EXPECTED = (
    "Expected PNG or JPEG files as train/<class>/<picture> and test/<class>/<picture> (or val/), or as "
    "<class>/<picture>."
)


@dataclass(frozen=True, eq=False)
class Part:
    """Pictures of one part, sorted by class and name: `prefix + name` is the path, `name` is `class/file`."""

    prefix: str
    names: tuple[str, ...]
    labels: Tensor

    def divided(self, chosen: Tensor) -> tuple[Part, Part]:
        """Return the others and the chosen ones (bool `[N]`)."""
        return self._only(~chosen), self._only(chosen)

    def _only(self, chosen: Tensor) -> Part:
        names = tuple(name for name, is_chosen in zip(self.names, chosen.tolist(), strict=True) if is_chosen)
        return Part(self.prefix, names, self.labels[chosen])


@dataclass(frozen=True, eq=False)
class Layout:
    """The classes, sorted, and the pictures of each part."""

    classes: tuple[str, ...]
    train: Part
    test: Part
    validation: Part | None


def is_picture(path: str) -> bool:
    """Return whether a relative path names a PNG or JPEG file in a folder, and nothing hidden."""
    *folders, name = path.split("/")
    hidden = any(piece.startswith((".", "__MACOSX")) for piece in (*folders, name))
    return bool(folders) and name.lower().endswith(SUFFIXES) and not hidden


def arrange(paths: Iterable[str], where: str, key: str) -> Layout:
    """Find parts and classes among relative paths; one folder around all of them is looked through.

    `val` is the test part where there is no `test` (as in ImageNet), else the validation part. Where there is neither,
    a fifth of each class is the test part, chosen by `splits.held_out`.

    Args:
        where: where the paths begin, for messages.
        key: name of the data set, which decides about the chosen fifth.

    Raises:
        DataError: no pictures in class folders, no training part, or classes that no training picture shows.
    """
    prefix, pictures = _unwrapped([path for path in paths if is_picture(path)])
    members = {part: [path[len(part) + 1 :] for path in pictures if path.startswith(f"{part}/")] for part in PARTS}
    prefixes = {part: f"{prefix}{part}/" for part in PARTS}
    if not members["train"]:
        if any(members.values()):
            raise DataError(f"{where}: there is a test or val folder, but no pictures in a train folder. {EXPECTED}")
        members, prefixes = {"train": pictures}, {"train": prefix}
    # Pictures of a part that lie outside its class folders have no label.
    labelled = {part: [name for name in names if is_picture(name)] for part, names in members.items()}
    classes = tuple(sorted({_class(name) for name in labelled["train"]}, key=_spelt))
    if not classes:
        raise DataError(f"{where}: no pictures in class folders were found. {EXPECTED}")
    parts = {part: _part(prefixes[part], names, classes, where) for part, names in labelled.items() if names}
    return _complete(classes, parts, where, key)


def _unwrapped(paths: list[str]) -> tuple[str, list[str]]:
    """Take the one folder around all class folders or parts off the paths, if there is one."""
    outermost = {_class(path) for path in paths}
    inside = [path.split("/", 1)[1] for path in paths]
    if len(outermost) == 1 and outermost.isdisjoint(PARTS) and all(map(is_picture, inside)):
        return f"{outermost.pop()}/", inside
    return "", paths


def _part(prefix: str, names: list[str], classes: tuple[str, ...], where: str) -> Part:
    names = sorted(names, key=lambda name: (_spelt(_class(name)), _spelt(name)))
    number = {name: index for index, name in enumerate(classes)}
    if strange := sorted({_class(name) for name in names} - set(classes)):
        raise DataError(
            f"{where}: {prefix} has classes of which there is no training picture: {', '.join(strange[:5])}. {EXPECTED}"
        )
    return Part(prefix, tuple(names), torch.tensor([number[_class(name)] for name in names], dtype=torch.int64))


def _complete(classes: tuple[str, ...], parts: dict[str, Part], where: str, key: str) -> Layout:
    train, test, validation = parts["train"], parts.get("test"), parts.get("val")
    if test is None:
        test, validation = validation, None
    if test is None:
        train, test = train.divided(held_out(train.labels, TEST_SHARE, key, train.names))
        if not test.names:
            raise DataError(
                f"{where}: there is no test folder, and no class has two pictures, of which one could be kept for "
                "testing. Add pictures, or a test folder."
            )
    return Layout(classes, train, test, validation)


def _class(name: str) -> str:
    return name.split("/", 1)[0]


def _spelt(name: str) -> str:
    """Return the one spelling of names that file systems spell differently."""
    return unicodedata.normalize("NFC", name)
