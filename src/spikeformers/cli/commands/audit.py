"""Ask trained models whether they are spike-driven, layer by layer, and if not, where and why.

Every convolution, linear, attention product and mask gets a verdict: "additions
only" (spikes, 0, 1 and -1, choose which weights are added), "integer" (it multiplies
integers, such as sums of spikes) or "real" (it multiplies real numbers). Where the
structure of the model proves the verdict for every input, the table says so;
elsewhere it rests on what test samples showed.

Models are audited as they would run: norms folded into the weights, RepConvs as one
convolution. `--form trained` audits what is in the file, `--form unrolled` lets each
integer n come as n binary spikes, as a spike-driven machine would send it.

Examples:
  spikeformers audit runs/digits_spikformer
  spikeformers audit runs/a runs/b --limit 500 --csv audit.csv
  spikeformers audit runs/digits_meta_spikeformer --form trained
  spikeformers audit runs/digits_e_spikeformer --form unrolled
  spikeformers audit my_models:resnet --dataset digits
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Literal

from spikeformers.cli.output import console, error_console, print_json

if TYPE_CHECKING:
    from torch import nn

    from spikeformers.cli.measuring import Subject
    from spikeformers.measure import Audit

Form = Literal["fused", "trained", "unrolled"]


def run(
    models: tuple[str, ...],
    /,
    *,
    form: Form = "fused",
    dataset: str | None = None,
    data_dir: Path | None = None,
    limit: int = 100,
    batch_size: int = 50,
    device: str = "cpu",
    csv: Path | None = None,
    json: bool = False,
) -> None:
    """Audit models.

    Args:
        models: Run directories, checkpoint files, or module:function for a plain torch module.
        form: fused: as it would run. trained: as it is in the file. unrolled: fused, integers as binary sub-steps.
        dataset: Name of a data set. None: the one each model was trained on.
        data_dir: Directory of the data set. None: the place its installer uses.
        limit: Test samples to look at, at most.
        batch_size: Samples computed at once.
        device: Where to compute: cpu, cuda, cuda:1 ...
        csv: File for a table with a row for each call of an operation.
        json: Print one JSON document.
    """
    from spikeformers.cli.measuring import expect_files, open_subjects
    from spikeformers.report.audit import audit_rows, audit_tables, side_by_side
    from spikeformers.report.csv import write_csv
    from spikeformers.report.samples import shared

    expect_files(csv)
    subjects = open_subjects(models, dataset=dataset, data_dir=data_dir, limit=limit, device=device)
    found = {subject.label: _audited(subject, form, batch_size) for subject in subjects}
    audits = {label: audited for label, (_, audited) in found.items()}
    if csv is not None:
        write_csv(csv, audit_rows(found))
    if json:
        print_json({"audits": {label: {"form": each[0], **each[1].to_dict()} for label, each in found.items()}})
    else:
        for subject in subjects:
            label, audited = found[subject.label]
            console().print(audit_tables(audited, subject.label, label, subject.on, subject.noun))
        if len(audits) > 1:
            console().print(side_by_side(audits, shared(subject.noun for subject in subjects)))
    _complain(audits)


def _audited(subject: Subject, form: Form, batch_size: int) -> tuple[str, Audit]:
    """What the form of a model is called, and its audit."""
    from spikeformers.cli.measuring import counting
    from spikeformers.measure import audit

    label, model = _formed(subject.model, form)
    with counting(f"auditing {subject.label}", subject.samples) as progress:
        return label, audit(model, subject.batches(batch_size), progress=progress)


def _formed(model: nn.Module, form: Form) -> tuple[str, nn.Module]:
    """The model in the form that was asked for, and what that form is called."""
    from spikeformers.layers.sub_steps import sub_steps_needed
    from spikeformers.measure import forms
    from spikeformers.models import SpikingModel, unroll

    known = list(forms(model))
    label, formed = known[0] if form == "trained" else known[-1]
    if form != "unrolled":
        return label, formed
    if not isinstance(formed, SpikingModel) or not any(map(sub_steps_needed, formed.modules())):
        return f"{label}; there are no integers to unroll", formed
    return f"{label}, integers unrolled to binary sub-steps", unroll(formed)


def _complain(audits: dict[str, Audit]) -> None:
    """Say at the very end which declarations were broken."""
    for label, audited in audits.items():
        if audited.violations:
            names = ", ".join(dict.fromkeys(row.name for row in audited.violations))
            line = f"{label}: declarations broken, more was seen than declared in {names}."
            error_console().print(line, style="bold red", markup=False, soft_wrap=True)
