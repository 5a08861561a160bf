"""How far simulated event recordings can be trusted: train on simulated MNIST, test on real recordings of N-MNIST.

    python benchmarks/sim_to_real.py --data-dir NMNIST --mnist MNIST

Training pictures are MNIST's without those of the real recordings (recording i is of training picture i - 1, which is
checked by the labels). Three scenes are compared: what one would simulate without having seen a recording ("unfitted"),
the packaged scene, which was fitted to the statistics of the real recordings whose id ends in 0 ("fitted"), and that
scene with parameters that vary from recording to recording ("fitted, varied"). The fit saw neither labels nor which
picture a recording is of. So there are two figures on real data: on all recordings, and on those that were not
used in the fit. Two classifiers, an MLP and a small CNN on counts of 6 time steps, are trained without and with random
shifts. Networks, epochs and shifts are the same for all scenes, one seed each; nothing was chosen by the
accuracy on real recordings but where `CHOSEN` says so.

`--fit SECONDS` fits the scene again, from the unfitted one or from the packaged one (`--from fitted`), and prints it.
Results go to `sim_to_real.json` beside this file. The spiking transformer of the recipe `nmnist` is compared by:

    spikeformers simulate mnist --data-dir MNIST --out SIMULATED --without-ids NMNIST/Train
    spikeformers simulate mnist --data-dir MNIST --out SIMULATED --part test
    spikeformers train nmnist --data-dir SIMULATED --out runs/simulated
    spikeformers eval runs/simulated --data-dir REAL --json        # REAL: the recordings as REAL/Test/<digit>/<id>.bin
"""

from __future__ import annotations

import argparse
import json
import os
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import torch
from simulated.classifiers import NETWORKS, hits, train
from simulated.fitting import fit
from simulated.material import Real, frames_of, read_mnist, read_real, simulated
from simulated.statistics import distance, statistics
from torch import Tensor

from spikeformers.data.events.array import Events
from spikeformers.data.simulate.scenes import NMNIST, UNFITTED

RESULTS = Path(__file__).with_suffix(".json")
FITTED_ON = 10  # recordings whose id is a multiple of this were used in the fit
CHOSEN = "Nothing was chosen by the labels of real recordings; all rows that were run are here."
VARY = 0.1
SCENES = {"unfitted": UNFITTED, "fitted": NMNIST, "fitted, varied": replace(NMNIST, vary=VARY)}
SHIFTS = (0, 2)
EPOCHS = 6
HELD_OUT = 1000  # simulated recordings kept from training, as simulated test data
PARTS = 6


def main() -> None:
    """Read the command line, measure, print and keep."""
    words = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    data = os.environ.get("SPIKEFORMERS_DATA")
    words.add_argument("--data-dir", type=Path, default=Path(data) / "nmnist" if data else None)
    words.add_argument("--mnist", type=Path, default=os.environ.get("SPIKEFORMERS_MNIST"))
    words.add_argument("--samples", type=int, default=3000)
    words.add_argument("--scenes", choices=SCENES, nargs="+", default=list(SCENES))
    words.add_argument("--fit", type=float, metavar="SECONDS")
    words.add_argument("--from", dest="start", choices=SCENES, default="unfitted")
    given = words.parse_args()
    if given.data_dir is None or given.mnist is None or not given.data_dir.is_dir():
        print("Name N-MNIST with --data-dir or SPIKEFORMERS_DATA, and MNIST with --mnist or SPIKEFORMERS_MNIST.")
        print("Nothing measured.")
        return
    torch.set_num_threads(1)
    real, (pictures, labels) = read_real(given.data_dir), read_mnist(given.mnist)
    assert bool((labels[real.ids - 1] == real.labels).all()), "recording i is not of MNIST's training picture i - 1"
    free = torch.tensor(sorted(set(range(1, len(labels) + 1)) - set(real.ids.tolist())))
    if given.fit:
        _fit_again(real, pictures[free[:64] - 1], given.start, given.fit)
        return
    ids = free[torch.randperm(len(free), generator=torch.Generator().manual_seed(0))[: given.samples + HELD_OUT]]
    for name in given.scenes:
        accuracy = _accuracies(name, real, pictures, labels, ids)
        told = {"recordings_for_training": given.samples, "accuracy": accuracy}
        _keep("scenes", {name: {**told, "statistics": _compare(name, real, pictures)}})


def _keep(word: str, found: dict[str, Any]) -> None:
    """Add to the results that are kept; what is there of other scenes stays."""
    results = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
    results[word] = {**results.get(word, {}), **found}
    results["date"], results["chosen"] = datetime.now(UTC).date().isoformat(), CHOSEN
    RESULTS.write_text(json.dumps(results, indent=2) + "\n")


def _fit_again(real: Real, pictures: Tensor, start: str, seconds: float) -> None:
    seen = [real.events[k] for k in torch.nonzero(real.ids % FITTED_ON == 0).flatten().tolist()]
    share = 1.0 if start == "unfitted" else 0.3
    scene, _ = fit(SCENES[start], statistics(seen), pictures, seconds, print, share)
    print(scene)


def _accuracies(name: str, real: Real, pictures: Tensor, labels: Tensor, ids: Tensor) -> list[dict[str, Any]]:
    """Train on simulated recordings of the pictures `ids`; return the accuracies on simulated and real ones."""
    frames = frames_of(simulated(pictures[ids - 1], SCENES[name], ids.tolist()))
    tested, known = frames_of(real.events), real.ids % FITTED_ON == 0
    rows = []
    for network, make in NETWORKS.items():
        for shift in SHIFTS:
            model = train(make, frames[HELD_OUT:], labels[ids - 1][HELD_OUT:], epochs=EPOCHS, shift=shift)
            right = hits(model, tested, real.labels)
            row = {
                "network": network,
                "shift": shift,
                "simulated_test": _percent(hits(model, frames[:HELD_OUT], labels[ids - 1][:HELD_OUT])),
                "real": _percent(right),
                "real_not_in_fit": _percent(right[~known]),
            }
            print(f"{name:16s}", "  ".join(f"{word} {value}" for word, value in row.items()), flush=True)
            rows.append(row)
    return rows


def _compare(name: str, real: Real, pictures: Tensor) -> dict[str, Any]:
    """Return how simulated recordings of the very pictures that were recorded differ from the real ones."""
    made = list(simulated(pictures[real.ids - 1], SCENES[name], real.ids.tolist()))
    columns = {"real": _summary(real.events), "simulated": _summary(made)}
    pairs = list(zip(made, real.events, strict=True))
    columns["correlation with the paired recording"] = {
        "signed map, saccade by saccade": _mean_correlation(pairs, 3, signed=True),
        "counts, 6 parts, both polarities": _mean_correlation(pairs, PARTS, signed=False),
    }
    mean = np.corrcoef(*(statistics(events).maps.ravel() for events in (made, real.events)))[0, 1]
    columns["correlation of mean maps, 24 parts"] = round(float(mean), 3)
    columns["distance"] = {
        word: round(far, 4) for word, far in distance(statistics(made), statistics(real.events)).items()
    }
    _print_table(name, columns)
    return columns


def _summary(recordings: list[Events]) -> dict[str, float]:
    counts = np.array([len(events) for events in recordings])
    every = np.concatenate(recordings)
    per_part = np.bincount(np.minimum(every["t"] * PARTS // 312_000, PARTS - 1), minlength=PARTS) / len(recordings)
    return {
        "events per recording": round(float(counts.mean()), 1),
        "their standard deviation": round(float(counts.std()), 1),
        "of polarity 1, %": round(100 * float(every["p"].mean()), 2),
        **{f"events in part {part + 1} of {PARTS}": round(float(n), 1) for part, n in enumerate(per_part)},
    }


def _mean_correlation(pairs: list[tuple[Events, Events]], parts: int, *, signed: bool) -> float:
    def maps(events: Events) -> np.ndarray:
        part = np.minimum(events["t"] * parts // 312_000, parts - 1)
        place = ((part * 2 + events["p"]) * 34 + events["y"]) * 34 + events["x"]
        counts = np.bincount(place, minlength=parts * 2 * 34 * 34).reshape(parts, 2, -1)
        return (counts[:, 1] - counts[:, 0] if signed else counts).ravel()

    return round(float(np.mean([np.corrcoef(maps(one), maps(other))[0, 1] for one, other in pairs])), 3)


def _print_table(name: str, columns: dict[str, Any]) -> None:
    print(f"\n{name}, 1 simulated recording for each of the real ones{'real':>20s}{'simulated':>12s}")
    for word, value in columns["real"].items():
        print(f"  {word:66s}{value:12}{columns['simulated'][word]:12}")
    for word in columns.keys() - {"real", "simulated"}:
        print(f"  {word}: {columns[word]}")


def _percent(right: Tensor) -> float:
    return round(100 * right.float().mean().item(), 2)


if __name__ == "__main__":
    main()
