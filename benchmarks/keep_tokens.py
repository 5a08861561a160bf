"""A forward pass whose blocks run on some of the tokens (`keep_tokens`) beside one with all of them.

    python benchmarks/keep_tokens.py

Dense and sparse passes alternate in one process on the same batch; medians and their ratio are reported. Results go to
`keep_tokens.json` beside this file. Weights are random; norms have seen images, so that neurons fire.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import time
from datetime import UTC, datetime
from pathlib import Path

import torch
from torch import Tensor

from spikeformers import create_model
from spikeformers.models import SpikingModel

RESULTS = Path(__file__).with_suffix(".json")
NAME = "spikformer_4_384.cifar10"
SHARES = (1.0, 0.75, 0.5, 0.25)


def ready(share: float, x: Tensor, size: int) -> SpikingModel:
    """The model on maps of size / 4 tokens a side; its norms have seen the images."""
    torch.manual_seed(0)
    model = create_model(NAME, keep_tokens=share, image_size=(size, size))
    with torch.no_grad():
        model.train()(x)
    return model.eval()


@torch.no_grad()
def seconds(model: SpikingModel, x: Tensor) -> float:
    began = time.perf_counter()
    model(x)
    return time.perf_counter() - began


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--batch-size", type=int, default=8)
    parser.add_argument("--size", type=int, default=64, help="height and width of the images")
    parser.add_argument("--repeats", type=int, default=7)
    options = parser.parse_args()
    x = torch.rand(options.batch_size, 3, options.size, options.size)
    models = {share: ready(share, x, options.size) for share in SHARES}
    times: dict[float, list[float]] = {share: [] for share in SHARES}
    for _ in range(options.repeats):
        for share, model in models.items():
            times[share].append(seconds(model, x))
    medians = {share: statistics.median(found) for share, found in times.items()}
    rows = [
        {"keep_tokens": share, "median_s": median, "all_tokens_over_this": medians[1.0] / median}
        for share, median in medians.items()
    ]
    for row in rows:
        print("keep_tokens {keep_tokens:<5} {median_s:8.3f} s   {all_tokens_over_this:5.2f}x".format(**row))
    about = {
        "date": datetime.now(UTC).date().isoformat(),
        "model": NAME,
        "tokens": (options.size // 4) ** 2,
        "batch_size": options.batch_size,
        "repeats": options.repeats,
        "threads": torch.get_num_threads(),
        "torch": torch.__version__,
        "python": platform.python_version(),
        "load_average": os.getloadavg()[0],
    }
    RESULTS.write_text(json.dumps({**about, "rows": rows}, indent=2) + "\n")


if __name__ == "__main__":
    main()
