"""Cross-validate a recipe: train it once per fold, and test each run on its fold.

Every training sample is tested once, by a model that has not seen it. A sample's
fold is the last number in its name modulo the number of folds. Runs lie in
fold-0, fold-1 ... of the directory; the same command goes on after an
interruption, and reads what is finished.

Examples:
  spikeformers crossval nmnist --data-dir ~/data/N-MNIST
  spikeformers crossval digits_spikformer --folds 5 --epochs 4 --json
  spikeformers crossval nmnist --data-dir ~/data/N-MNIST --set model.config.dim=48 --out runs/narrow
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from spikeformers.cli.output import console, error_console, print_json

if TYPE_CHECKING:
    from spikeformers.train import CrossValidation, Recipe


def run(
    recipe: str,
    /,
    *,
    folds: int = 10,
    data_dir: Path | None = None,
    out: Path | None = None,
    seed: int | None = None,
    epochs: int | None = None,
    device: str = "cpu",
    workers: int | None = None,
    overwrite: bool = False,
    set: tuple[str, ...] = (),
    json: bool = False,
) -> None:
    """Cross-validate a recipe.

    Args:
        recipe: Name of a packaged recipe, or path of a TOML file.
        folds: Number of folds, 2 or more.
        data_dir: Directory of the data set. None: the place its installer uses.
        out: Directory of the runs. None: runs/RECIPE-FOLDS-folds. What is finished in it is not trained again.
        seed: Seed of weights, order and augmentation. None: the recipe's.
        epochs: Number of epochs. None: the recipe's.
        device: Where to compute: cpu, cuda, cuda:1 ...
        workers: Processes that prepare samples. None: as many as there is work for. The result does not depend on it.
        overwrite: Train every fold again.
        set: KEY=VALUE, a word of the recipe to change, such as schedule.epochs=400; may be given several times.
        json: Print the result as one JSON document.
    """
    from spikeformers.cli.devices import usable_device
    from spikeformers.report.cross_validation import cross_validation
    from spikeformers.train.overrides import load_changed

    plan, where = load_changed(recipe, set, seed=seed, epochs=epochs), usable_device(device)
    place = out or Path("runs") / f"{plan.name}-{folds}-folds"
    result = _validated(
        plan, folds=folds, out=place, data_dir=data_dir, device=where, workers=workers, overwrite=overwrite
    )
    if json:
        print_json(result)
    else:
        console().print(cross_validation(result))


def _validated(recipe: Recipe, *, folds: int, **how: Any) -> CrossValidation:
    """Train all folds under the user's eyes."""
    from spikeformers.cli.progress import watching
    from spikeformers.report.text import percent
    from spikeformers.train import CrossValidation, train_fold

    runs = []
    for fold in range(max(1, folds)):
        with watching(f"{recipe.name}, fold {fold} of 0 to {folds - 1}") as shown:
            runs.append(train_fold(recipe, fold, folds=folds, watch=shown, **how))
        line = f"Fold {fold}: {percent(runs[-1].test_accuracy)} of its samples recognised"
        error_console().print(line, markup=False, soft_wrap=True)
    return CrossValidation(runs=runs)
