"""Convert a checkpoint of a paper's authors into a file that rebuilds its model alone.

Without --system and --variant the likeliest form is taken, as `inspect` names it. Give
the words that no file tells, such as heads, with --set; the others are those of the form.
The result is verified: under the authors' names every tensor must come back bit for bit.

Examples:
  spikeformers convert checkpoint.pth --out sdt_8_512.safetensors
  spikeformers convert best.pth --system spikformer --variant cifar --set heads=12 --out best.safetensors
  spikeformers convert 55M_kd.pth --set time_steps=4 --out meta.safetensors --json
"""

from __future__ import annotations

from pathlib import Path

from spikeformers.cli.output import console, print_json


def run(
    file: Path,
    /,
    *,
    out: Path,
    system: str | None = None,
    variant: str | None = None,
    set: tuple[str, ...] = (),
    overwrite: bool = False,
    json: bool = False,
) -> None:
    """Convert a checkpoint file.

    Args:
        file: A file of torch.save (.pth, .pt, .pth.tar ...) or a safetensors file.
        out: The file to write, NAME.safetensors.
        system: The published system, such as sdt_v1. None: what `inspect` finds.
        variant: Its released form, such as static. None: what `inspect` finds.
        set: A configuration word, such as heads=8; may be given several times.
        overwrite: Replace the file to write if it exists.
        json: Print one JSON document.
    """
    from spikeformers.convert import convert_file
    from spikeformers.report.checkpoints import conversion
    from spikeformers.train.overrides import nested

    result = convert_file(file, out, system=system, variant=variant, config=nested(set), overwrite=overwrite)
    if json:
        print_json(result)
    else:
        console().print(conversion(result))
