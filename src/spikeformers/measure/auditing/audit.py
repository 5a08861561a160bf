"""The spike audit: which operations of a model need additions only, which do not, and why."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from itertools import chain
from typing import Any

from torch import Tensor, nn

from spikeformers.errors import InputError
from spikeformers.layers import OpSpec, Values
from spikeformers.measure.auditing.audited import Audit, Audited
from spikeformers.measure.auditing.judging import Operand, evidence_for, verdict_on
from spikeformers.measure.auditing.proof.knowledge import OUTSIDE
from spikeformers.measure.auditing.proof.sources import Fact
from spikeformers.measure.auditing.proof.trace import trace
from spikeformers.measure.auditing.reasons import reason, source_of
from spikeformers.measure.batches import Progress, batches
from spikeformers.measure.counting.count import count
from spikeformers.measure.counting.counts import OPERATIONS, Count
from spikeformers.measure.counting.describe import describe, is_plain


def audit(
    model: nn.Module,
    data: Tensor | Iterable[Any],
    *,
    limit: int | None = None,
    progress: Progress | None = None,
) -> Audit:
    """Judge every convolution, linear, product and mask of a model by the values that reach it.

    What an operand can hold is proven where that is possible: sets of numbers are followed from the neurons through one
    forward pass, basic operation by basic operation (see `measure.proof`). Where that ends, the verdict rests on what
    was seen, and says so. A proof holds for every input of the size of the first sample, in the mode that the model is
    in, as long as the model runs the same operations on it. What a neuron emits is what it declares, once it was seen
    to keep to it.

    Args:
        model: in the mode it is meant to be audited in, of any kind that `measure.count` takes; it is left as it is.
            As trained, norms stand between convolutions and RepConvs are three of them: `models.fuse` it first to
            audit what would run.
        data, limit, progress: as of `measure.count`.

    Raises:
        InputError: there are no samples, or what is no batch of them.
    """
    model = getattr(model, "_orig_mod", model)  # what torch.compile wraps
    given = iter(batches(data, limit))
    first = next(given, None)
    if first is None:
        raise InputError("there is nothing to audit: the data holds no samples.")
    parameter = next(model.parameters(), None)
    x = first[0] if parameter is None else first[0].to(parameter.device)
    # Two samples are enough to see where a model mixes them or treats a single one in a way of its own.
    facts = trace(model, x if model.training else x[:2])
    counts = count(model, chain([first], given), progress=progress)
    # A model that loops over its samples calls an operation as often as there are: nobody knows which is which.
    traced, counted = Counter(name for name, _ in facts), Counter(row.name for row in counts.rows)
    known = {key: fact for key, fact in facts.items() if traced[key[0]] == counted[key[0]]}
    modules = dict(model.named_modules())
    operations = (row for row in counts.rows if row.kind in OPERATIONS)
    return Audit(
        rows=tuple(_judged(row, modules.get(row.name), known.get((row.name, row.call))) for row in operations),
        samples=counts.samples,
        name=counts.name,
        system=counts.system,
        fused=counts.fused,
        uncounted=counts.uncounted,
    )


def _judged(row: Count, module: nn.Module | None, facts: tuple[Fact, ...] | None) -> Audited:
    declared = _declared(module) or (None,) * len(row.seen)
    known = facts or (OUTSIDE,) * len(row.seen)
    operands = [Operand(*each) for each in zip(declared, known, row.seen, strict=True)]
    verdict = verdict_on([operand.kind for operand in operands])
    return Audited(
        name=row.name,
        call=row.call,
        kind=row.kind,
        time_steps=row.time_steps,
        declared=row.declared,
        proven=tuple("" if operand.proven is None else str(operand.proven) for operand in operands),
        seen=row.seen,
        verdict=verdict,
        evidence=evidence_for(verdict, operands),
        source="" if verdict == "additions only" else source_of(operands),
        why=reason(verdict, operands),
        violation=any(operand.violation for operand in operands),
        operations=row.dense,
    )


def _declared(module: nn.Module | None) -> tuple[Values, ...]:
    """What the operands of a module are declared to hold; () of a plain one and of a function."""
    if module is None or is_plain(module):
        return ()
    spec = describe(module)
    return spec.inputs if isinstance(spec, OpSpec) else ()
