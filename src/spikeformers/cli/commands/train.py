"""Train a model by a recipe.

The recipe comes with the package, or is a TOML file of your own. Checkpoints,
log and result lie in the run's directory; progress is shown on stderr.

Examples:
  spikeformers train digits_spikformer
  spikeformers train digits_spikingformer --epochs 5 --seed 1 --out runs/short
  spikeformers train fashion_mnist --data-dir ~/data/fashion-mnist
  spikeformers train my_recipe.toml --json > result.json
"""

from __future__ import annotations

from pathlib import Path

from spikeformers.cli.output import console, print_json
from spikeformers.report import tables


def run(
    recipe: str,
    /,
    *,
    data_dir: Path | None = None,
    out: Path | None = None,
    seed: int | None = None,
    epochs: int | None = None,
    device: str = "cpu",
    overwrite: bool = False,
    json: bool = False,
) -> None:
    """Train a model.

    Args:
        recipe: Name of a packaged recipe, or path of a TOML file.
        data_dir: Directory of the data set. None: the place its installer uses.
        out: Directory of the run. None: runs/RECIPE.
        seed: Seed of weights, order and augmentation. None: the recipe's.
        epochs: Number of epochs. None: the recipe's.
        device: Where to compute: cpu, cuda, cuda:1 ...
        overwrite: Replace the run that the directory holds.
        json: Print the result as one JSON document.
    """
    from spikeformers.cli.devices import usable_device
    from spikeformers.cli.progress import watching
    from spikeformers.train import fit, load_recipe

    plan, where = load_recipe(recipe), usable_device(device)
    out = out or Path("runs") / plan.name
    with watching(plan.name) as watch:
        result = fit(
            plan,
            out=out,
            data_dir=data_dir,
            seed=seed,
            epochs=epochs,
            device=where,
            overwrite=overwrite,
            watch=watch,
        )
    if json:
        print_json(result)
    else:
        console().print(tables.run_result(result))
        console().print(f"\nNext: spikeformers eval {out}", markup=False, soft_wrap=True)
