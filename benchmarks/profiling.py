"""What counting every operation costs beside plain inference: 100 images, the reference backend, on the CPU.

    python benchmarks/profiling.py

Inference and counting alternate in one process on the same batches; medians and their ratio are reported. Results go to
`profiling.json` beside this file. Weights are random; norms have seen images, so that neurons fire.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from spikeformers import create_model
from spikeformers.measure import count
from spikeformers.models import SpikingModel
from spikeformers.ops import backend

RESULTS = Path(__file__).with_suffix(".json")
MODELS = (
    "spikformer_2_64.digits",
    "spikingformer_2_64.digits",
    "sdt_2_64.digits",
    "meta_spikeformer_240k.digits",
    "e_spikeformer_280k.digits",
    "spikeformer_2_64.digits",
    "spikingformer_cml_1_64.fashion_mnist",
    "spikformer_4_256.cifar10",
)


def seconds(work: Callable[[], Any]) -> float:
    """Return how long some work took."""
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def ready(name: str, x: Tensor) -> SpikingModel:
    """A random model whose norms have seen the images."""
    torch.manual_seed(0)
    model = create_model(name)
    with torch.no_grad():
        model.train()(x)
    return model.eval()


@torch.no_grad()
def compare(name: str, images: int, batch_size: int, repeats: int) -> dict[str, Any]:
    """Alternate inference and counting; medians in milliseconds."""
    config = create_model(name).config
    x = torch.rand(images, config.in_channels, *config.image_size)
    model, batches = ready(name, x[:batch_size]), x.split(batch_size)
    plain, counted = [], []
    for _ in range(1 + repeats):
        plain.append(seconds(lambda: [model(batch) for batch in batches]))
        counted.append(seconds(lambda: count(model, batches)))
    inference, counting = (1000 * statistics.median(times[1:]) for times in (plain, counted))
    return {
        "images": images,
        "batch_size": batch_size,
        "inference_ms": round(inference, 1),
        "counting_ms": round(counting, 1),
        "counting_over_inference": round(counting / inference, 2),
        "repeats": repeats,
    }


def main() -> None:
    """Read the command line, measure, print and keep."""
    words = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    words.add_argument("--images", type=int, default=100)
    words.add_argument("--batch-size", type=int, default=50)
    words.add_argument("--repeats", type=int, default=5)
    words.add_argument("--models", nargs="*", default=MODELS)
    given = words.parse_args()
    os.environ[backend.VARIABLE] = "reference"
    results = {
        "date": datetime.now(UTC).date().isoformat(),
        "machine": f"{platform.machine()}, {os.cpu_count()} cores, {torch.get_num_threads()} threads",
        "torch": str(torch.__version__),
        "rows": {name: compare(name, given.images, given.batch_size, given.repeats) for name in given.models},
    }
    RESULTS.write_text(json.dumps(results, indent=2) + "\n")
    print(json.dumps(results, indent=2))


if __name__ == "__main__":
    main()
