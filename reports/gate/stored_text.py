"""How the answer of two stored runs reads: the headline, text, Markdown and CSV."""

from __future__ import annotations

from pandas import DataFrame

from reports.gate.stored import StoredAnswer
from reports.show.table import (
    Column,
    Format,
    Row,
    Table,
    as_csv,
    list_rows,
    pick_look,
    read_word,
    render_table,
    stack,
)
from reports.show.units import ABSENT, percent, present, signed_percent
from reports.stats.verdict import Verdict

UNSEPARATED = (
    "the machine's drift between the two runs is not separated: use `pytest bench --against REF` for a verdict"
)


def make_stored_headline(answer: StoredAnswer) -> str:
    """Return the answer in one line."""
    state = "NOTHING COMPARED"
    if answer.faults:
        state = "FAILED"
    elif answer.changes:
        state = "REGRESSED" if answer.count(Verdict.REGRESSED) else "INCONCLUSIVE"
    parts = [
        state,
        f"{answer.count(Verdict.REGRESSED)} regressed",
        f"{answer.count(Verdict.IMPROVED)} improved",
        f"{answer.count(Verdict.INCONCLUSIVE)} inconclusive",
        f"{len(answer.faults)} failed",
        f"{len(answer.missing)} not compared",
        f"drift of up to {percent(answer.drift)} allowed for",
    ]
    return " · ".join(parts)


def _read_change(row: Row) -> str:
    change = row.get("change")
    return signed_percent(change, row["change_low"], row["change_high"]) if present(change) else ABSENT


def _read_p(row: Row) -> str:
    return f"{row['p']:.4f}" if present(row.get("p")) else ABSENT


def _read_launches(row: Row) -> str:
    counts = row.get("base_launches"), row.get("head_launches")
    return " / ".join(f"{count:.0f}" for count in counts if present(count)) or ABSENT


CHANGES = Table(
    columns=(
        Column(header="case", read=read_word("case"), right=False),
        Column(header="change", read=_read_change),
        Column(header="adjusted p", read=_read_p),
        Column(header="launches", read=_read_launches),
        Column(header="verdict", read=read_word("verdict"), right=False),
    )
)
"""How the rows of two stored runs read, one for each case that either run has."""


def render_stored(answer: StoredAnswer, form: Format, *, width: int | None = None) -> str:
    """Return the answer in a format: the headline first and what it cannot know, or the rows in full precision.

    A line of text has `width` characters; None for as many as there are.
    """
    rows = DataFrame(list_stored_rows(answer))
    if form is Format.CSV:
        return as_csv(rows)
    look = pick_look(form, width)
    table = render_table(CHANGES, list_rows(rows), look)
    unsteady = [
        look.stress(f"UNSTEADY: {found}. Measure it again on an idle machine.") for found in answer.unsteadiness
    ]
    return stack(*unsteady, look.say(make_stored_headline(answer)), look.say(UNSEPARATED), table) + "\n"


def list_stored_rows(answer: StoredAnswer) -> list[dict[str, object]]:
    """Return one row for each case, in base units and full precision; a case without a change has the reason."""
    rows: list[dict[str, object]] = [
        {
            "case": change.case.id,
            "verdict": change.verdict.value,
            "change": change.change,
            "change_low": change.low,
            "change_high": change.high,
            "p": change.p,
            "base_launches": change.launches[0],
            "head_launches": change.launches[1],
        }
        for change in answer.changes
    ]
    for holes in (answer.faults, answer.missing):
        rows += [{"case": name, "verdict": reason} for name, reason in holes.items()]
    return rows
