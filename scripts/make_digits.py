"""Make src/spikeformers/data/sets/digits.npz: the optical digits that ship inside the package.

Needs scikit-learn, which the project itself does not depend on:

    python -m venv digits-venv && digits-venv/bin/pip install scikit-learn==1.9.1
    PYTHONPATH=src digits-venv/bin/python scripts/make_digits.py

The file holds
    images  uint8  [1797, 8, 8]  grey values 0..16, in the order of scikit-learn (and of UCI's optdigits.tes)
    labels  uint8  [1797]        0..9
    test    uint16 [360]         indices of the held-out images, ascending; the other 1437 are for training
"""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np

from spikeformers.files import atomic_write

TARGET = Path(__file__).parent.parent / "src" / "spikeformers" / "data" / "sets" / "digits.npz"
HELD_OUT, SEED = 360, 0


def held_out(labels: np.ndarray, count: int, seed: int) -> np.ndarray:
    """Choose `count` indices so that every class gives its share, ascending.

    A class gives the whole part of its exact share; the classes with the largest remainders (ties: the lower
    label) give one more. Which of its images: the first of a permutation, drawn class by class from one
    `RandomState(seed)`, whose stream NumPy keeps for ever.
    """
    share = np.bincount(labels) * count / len(labels)
    quota = np.floor(share).astype(int)
    quota[np.argsort(quota - share, kind="stable")[: count - quota.sum()]] += 1
    random = np.random.RandomState(seed)
    chosen = [random.permutation(np.flatnonzero(labels == label))[:n] for label, n in enumerate(quota)]
    return np.sort(np.concatenate(chosen))


def main() -> None:
    from sklearn.datasets import load_digits  # here, so that a test may check the rule above without scikit-learn

    digits = load_digits()
    labels = digits.target.astype(np.uint8)
    with atomic_write(TARGET) as file:
        np.savez_compressed(
            file,
            images=digits.images.astype(np.uint8),
            labels=labels,
            test=held_out(labels, HELD_OUT, SEED).astype(np.uint16),
        )
    content = TARGET.read_bytes()
    print(f"{TARGET}: {len(content)} bytes, SHA-256 {hashlib.sha256(content).hexdigest()}")


if __name__ == "__main__":
    main()
