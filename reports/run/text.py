"""The tables of a run as text for the terminal, as Markdown and as CSV."""

from __future__ import annotations

from collections.abc import Sequence

from bench.record.run import Run
from reports.figures.reference import Reference
from reports.run.answer import make_answers
from reports.run.tables import TABLES, RunTable
from reports.run.words import make_footer, make_headlines
from reports.show.table import LOOKS, Format, Look, as_csv, list_rows, render_table, stack

OVERVIEW = "summary"
"""The table that answers what was asked has the answer in words above it."""


def render(run: Run, names: Sequence[str], form: Format, reference: Reference) -> str:
    """Return tables by name, with what must be read before them and where they come from below.

    Raises:
        KeyError: if there is no table of that name.
    """
    if form is Format.CSV:
        return "\n".join(as_csv(TABLES[name].rows(run, reference)) for name in names)
    return render_look(run, names, LOOKS[form], reference) + "\n"


def render_look(run: Run, names: Sequence[str], look: Look, reference: Reference) -> str:
    """Return the same for a place where it is read.

    Raises:
        KeyError: if there is no table of that name.
    """
    lines = [look.stress(line) for line in make_headlines(run)]
    if OVERVIEW in names:
        lines += [look.say(sentence) for sentence in make_answers(run)]
    tables = [_render_table(run, TABLES[name], look, reference) for name in names]
    return stack(*lines, *tables, look.enumerate(make_footer(run)))


def _render_table(run: Run, table: RunTable, look: Look, reference: Reference) -> str:
    named = reference.describe(run.cases)
    if table.timed and run.settings.quick:
        return stack(look.head(table.title.format(reference=named)), look.say("Nothing was timed."))
    if table.render is not None:
        return table.render(run, look)
    return render_table(table, list_rows(table.rows(run, reference)), look, reference=named)
