"""Say what a checkpoint file is: system, form, sizes, what no file tells, and what to run next.

Names and shapes of its tensors decide; nothing in the file is executed.

Examples:
  spikeformers inspect checkpoint.pth
  spikeformers inspect model_best.pth.tar --json
"""

from __future__ import annotations

from pathlib import Path

from spikeformers.cli.output import console, print_json


def run(file: Path, /, *, json: bool = False) -> None:
    """Say what a checkpoint file is.

    Args:
        file: A file of torch.save (.pth, .pt, .pth.tar ...) or a safetensors file.
        json: Print one JSON document with the keys "matches", "system", "variant", "candidates" and more.
    """
    from spikeformers.convert import inspect
    from spikeformers.report.checkpoints import inspection, next_commands

    result = inspect(file)
    if json:
        print_json(result)
        return
    page = console()
    page.print(inspection(result))
    for line in next_commands(result):
        page.print(line, style="cyan", markup=False, soft_wrap=True)
