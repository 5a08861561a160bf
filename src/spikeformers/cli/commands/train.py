"""Train a model by a recipe.

The recipe comes with the package, or is a TOML file of your own. Checkpoints,
log and result lie in the run's directory; progress is shown on stderr.

Examples:
  spikeformers train digits_spikformer
  spikeformers train digits_spikingformer --epochs 5 --seed 1 --out runs/short
  spikeformers train fashion_mnist --data-dir ~/data/fashion-mnist
  spikeformers train my_recipe.toml --json > result.json
  spikeformers train finetune --init runs/digits_spikformer --data-dir my_pictures
  spikeformers train spikformer_cifar10 --dry-run
  spikeformers train spikformer_cifar10 --set model.name=spikformer_2_384.cifar10 --set schedule.epochs=400
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from spikeformers.cli.output import console, print_json
from spikeformers.report import tables

if TYPE_CHECKING:
    import torch

    from spikeformers.train import Recipe, RunResult


def run(
    recipe: str,
    /,
    *,
    data_dir: Path | None = None,
    out: Path | None = None,
    init: Path | None = None,
    seed: int | None = None,
    epochs: int | None = None,
    device: str = "cpu",
    workers: int | None = None,
    save_every: int = 0,
    tensorboard: bool = False,
    overwrite: bool = False,
    set: tuple[str, ...] = (),
    dry_run: bool = False,
    json: bool = False,
) -> None:
    """Train a model.

    Args:
        recipe: Name of a packaged recipe, or path of a TOML file.
        data_dir: Directory of the data set. None: the place its installer uses.
        out: Directory of the run. None: runs/RECIPE. An unfinished run of the same recipe in it goes on.
        init: Checkpoint or run directory to start from; its model is fine-tuned, with a new head for new classes.
        seed: Seed of weights, order and augmentation. None: the recipe's.
        epochs: Number of epochs. None: the recipe's.
        device: Where to compute: cpu, cuda, cuda:1 ...
        workers: Processes that prepare images. None: as many as there is work for. The result does not depend on it.
        save_every: Updates between two states saved within an epoch. 0: only after each epoch.
        tensorboard: Write curves for TensorBoard into the run's directory.
        overwrite: Replace the run that the directory holds.
        set: KEY=VALUE, a word of the recipe to change, such as schedule.epochs=400; may be given several times.
        dry_run: Print what the recipe amounts to (steps, learning rates, memory, time) and train nothing.
        json: Print the result as one JSON document.
    """
    from spikeformers.cli.devices import usable_device
    from spikeformers.cli.fine_tuning import words_of
    from spikeformers.train.overrides import load_changed

    changes = (*set, *words_of(recipe, init, data_dir, set))
    plan, where = load_changed(recipe, changes, seed=seed, epochs=epochs), usable_device(device)
    if dry_run:
        print_plan(plan, where, data_dir, json=json)
        return
    how = {"data_dir": data_dir, "device": where, "workers": workers, "save_every": save_every, "overwrite": overwrite}
    print_result(train(plan, out or Path("runs") / plan.name, tensorboard=tensorboard, **how), json=json)


def print_result(result: RunResult, *, json: bool) -> None:
    """Print what a run achieved, and what to run next."""
    if json:
        print_json(result)
    else:
        console().print(tables.run_result(result))
        console().print(f"\nNext: spikeformers eval {result.out}", markup=False, soft_wrap=True)


def train(recipe: Recipe, out: Path, *, tensorboard: bool, **how: Any) -> RunResult:
    """Train under the user's eyes; `how` are words of `fit`."""
    from spikeformers.cli.progress import also, watching
    from spikeformers.train import fit
    from spikeformers.train.board import writer

    with watching(recipe.name) as shown:
        return fit(recipe, out=out, watch=also(shown, writer(out)) if tensorboard else shown, **how)


def print_plan(recipe: Recipe, device: torch.device, data_dir: Path | None, *, json: bool) -> None:
    """Print what a recipe amounts to; files are read only where `data_dir` says where they lie."""
    from spikeformers.report.preview import plan
    from spikeformers.train import preview
    from spikeformers.train.assembly import intended_config
    from spikeformers.train.feed import open_dataset

    dataset = None if data_dir is None else open_dataset(recipe, intended_config(recipe), data_dir)
    found = preview(recipe, device=device, dataset=dataset)
    if json:
        print_json(found)
    else:
        console().print(plan(found))
