"""The audit in words and tables."""

from __future__ import annotations

from dataclasses import replace

import pytest
from rich.console import Console, RenderableType

from spikeformers.measure import Audit, Audited, Seen, Verdict
from spikeformers.report.audit import audit_rows, audit_tables, conclusion, reasons, seen, side_by_side


def held(kind: str = "binary", highest: int | None = 1, total: int | None = 25) -> Seen:
    return Seen(kind=kind, highest=highest, scale=1.0, zeros=75, elements=100, total=total)  # type: ignore[arg-type]


def row(name: str, verdict: Verdict = "additions only", operations: int = 100, **words: object) -> Audited:
    about = {
        "additions only": ("", "", held()),
        "integer": ("sums of spikes (join)", "Fed sums of spikes (join).", held("integer", 3, 40)),
        "real": ("the model's input", "Fed the model's input.", held("real", None, None)),
    }[verdict]
    return Audited(
        **{
            "name": name,
            "call": 0,
            "kind": "linear",
            "time_steps": 4,
            "declared": ("binary",),
            "proven": ("binary",),
            "seen": (about[2],),
            "verdict": verdict,
            "evidence": "observed" if verdict == "real" else "proof",
            "source": about[0],
            "why": about[1],
            "operations": operations,
            **words,
        }  # type: ignore[arg-type]
    )


def told(rendered: RenderableType) -> str:
    console = Console(width=120)
    with console.capture() as capture:
        console.print(rendered)
    return capture.get()


def audit_of(*rows: Audited, samples: int = 10) -> Audit:
    return Audit(rows=rows, samples=samples, name="net")


STEM, HEAD = (
    row("stem", "real", 50),
    row("head.linear", "real", 50, source="a mean (head) of spikes", why="Fed a mean."),
)


def test_the_answer_depends_on_where_it_multiplies() -> None:
    spikes, integers = row("blocks.0.fc", operations=800), row("blocks.0.q", "integer", operations=100)
    throughout = conclusion(audit_of(spikes))
    assert throughout.startswith("Spike-driven throughout")
    assert "1 of 1 verdicts are proven for every input of this size." in throughout
    ends = conclusion(audit_of(STEM, spikes, HEAD))
    assert ends.startswith("Spike-driven but for its ends (stem, head.linear).")
    inside = conclusion(audit_of(STEM, integers, spikes, HEAD))
    assert inside.startswith("Not spike-driven throughout: one layer between its ends multiplies integers")
    assert "Of its 100 operations per image 80.00 % are additions only, 10.00 % multiply integers, 10.00 %" in inside
    assert "2 of 4 verdicts are proven" in inside
    assert "on what 10 images showed" in inside
    assert conclusion(audit_of(STEM, integers, HEAD)).startswith("Not spike-driven: no operation")
    assert conclusion(audit_of()).startswith("Nothing could be audited.")


def test_what_is_not_audited_is_named() -> None:
    assert "what they do: lstm." in conclusion(replace(audit_of(STEM), uncounted=("lstm",)))


def test_layers_that_differ_in_numbers_share_a_reason() -> None:
    blocks = [
        row(
            f"blocks.{i}.{part}.linear", "integer", seen=(held("integer", i + 2, 9),), why=f"Fed sums (a and {i} more)."
        )
        for i in range(3)
        for part in ("q", "k")
    ]
    found = reasons(audit_of(STEM, *blocks, row("fc", operations=350)))
    assert [reason.layers for reason in found] == [("stem",), ("blocks.*.q.linear", "blocks.*.k.linear")]
    first, second = found
    assert (first.verdict, first.calls, first.share, first.highest) == ("real", 1, 0.05, None)
    assert (second.verdict, second.calls, second.share, second.highest) == ("integer", 6, 0.6, 4)
    assert second.why == "Fed sums (a and more)."


def test_a_number_that_is_the_same_in_all_is_kept() -> None:
    """units.*.conv would name units.0.conv, too, which adds only."""
    rows = [row(f"stages.{stage}.units.0.conv") for stage in (0, 1)]
    rows += [row(f"stages.{stage}.units.1.conv", "real") for stage in (0, 1)]
    (found,) = reasons(audit_of(*rows))
    assert found.layers == ("stages.*.units.1.conv",)


def test_reasons_within_the_same_part_are_one() -> None:
    why = "Fed the output of blocks.{}.{}.norm, a norm."
    rows = [row(f"blocks.{i}.{p}.conv", "real", why=why.format(i, p)) for i in range(2) for p in ("q", "k")]
    (found,) = reasons(audit_of(*rows))
    assert found.layers == ("blocks.*.q.conv", "blocks.*.k.conv")
    assert found.why == "Fed the output of *.norm, a norm."


def test_a_violation_is_loud() -> None:
    broken = row("fc", violation=True, why="Declared binary, but integers up to 2 were seen.")
    text = told(audit_tables(audit_of(broken, row("fd")), "run", "norms fused", "10 test images of digits"))
    assert "DECLARATIONS BROKEN" in text
    assert "fc: Declared binary, but integers up to 2 were seen." in text
    assert "additions only VIOLATION" in text
    assert text.count("VIOLATION") == 1
    assert "1" in told(side_by_side({"run": audit_of(broken)}))
    assert "DECLARATIONS BROKEN" not in told(audit_tables(audit_of(row("fd")), "run", "as given", "x"))


def test_the_table_holds_what_was_seen() -> None:
    attention = row("attention", kind="product", declared=("binary", "integer"), seen=(held(), held("integer", 8, 50)))
    text = told(audit_tables(audit_of(STEM, attention), "run", "norms fused", "10 test images of digits"))
    assert "binary x integer" in text
    assert "binary, 25.0 % x integer to 8, mean 0.500" in text
    assert "real, 25.0 % not 0" in text
    assert "10 test images of digits" in text
    assert "norms fused" in text


@pytest.mark.parametrize(("form", "hint"), [("norms fused", True), ("norms fused, integers unrolled", False)])
def test_integers_can_be_unrolled(form: str, hint: bool) -> None:
    text = told(audit_tables(audit_of(row("q", "integer")), "run", form, "x"))
    assert ("--form unrolled" in text) == hint
    assert "--form unrolled" not in told(audit_tables(audit_of(STEM), "run", form, "x"))


def test_calls_of_one_layer_are_one_line() -> None:
    calls = [row("fc", call=i, seen=(held(total=10 * i),)) for i in range(4)]
    text = told(audit_tables(audit_of(*calls), "run", "as given", "x"))
    assert "fc (4 calls)" in text
    assert "binary, 15.0 %" in text  # (0 + 10 + 20 + 30) of 400
    assert seen([held(), held("integer", 5, 75)]) == "integer to 5, mean 0.500"


def test_a_plain_module_declares_nothing() -> None:
    assert "nothing" in told(audit_tables(audit_of(row("0", declared=("",))), "run", "as given", "x"))


def test_rows_for_a_spreadsheet() -> None:
    (first, second) = audit_rows({"a": ("as given", audit_of(STEM)), "b": ("as given", audit_of(row("fc")))})
    assert (first["model"], first["layer"], first["verdict"], first["highest"]) == ("a", "stem", "real", "")
    assert (second["model"], second["operations_per_image"], second["rate"]) == ("b", 10, "0.25")


def test_models_side_by_side() -> None:
    text = told(side_by_side({"a": audit_of(STEM, row("fc", operations=150)), "b": audit_of(row("fc"))}))
    assert "75.00 %" in text
    assert "100.00 %" in text
