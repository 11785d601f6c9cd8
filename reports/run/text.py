"""The tables of a run as text for the terminal, as Markdown and as CSV."""

from __future__ import annotations

from collections.abc import Sequence

from bench.record.run import Run
from reports.figures.reference import Reference
from reports.run.answer import make_answers
from reports.run.hints import list_hints
from reports.run.tables import TABLES, RunTable
from reports.run.words import make_footer, make_headlines
from reports.show.table import Format, Look, as_csv, list_rows, pick_look, render_table, stack

OVERVIEW = "summary"
"""With the table that answers what was asked comes the answer in words."""


def render(run: Run, names: Sequence[str], form: Format, reference: Reference, *, width: int | None = None) -> str:
    """Return tables by name, with what must be read before them and where they come from below.

    Args:
        run: what was measured.
        names: of the tables.
        form: how they are written.
        reference: of speed-ups.
        width: characters that a line of text has; None for as many as there are.

    Raises:
        KeyError: if there is no table of that name.
    """
    if form is Format.CSV:
        return "\n".join(as_csv(TABLES[name].rows(run, reference)) for name in names)
    return render_look(run, names, pick_look(form, width), reference) + "\n"


def render_look(run: Run, names: Sequence[str], look: Look, reference: Reference) -> str:
    """Return the same for a place where it is read.

    Raises:
        KeyError: if there is no table of that name.
    """
    lines = [look.stress(line) for line in make_headlines(run)]
    said = (*make_answers(run), *list_hints(run)) if OVERVIEW in names else ()
    answers = [look.say(sentence) for sentence in said]
    tables = [_render_table(run, TABLES[name], look, reference) for name in names]
    parts = [*tables, look.enumerate(make_footer(run))]
    return stack(*lines, *parts, *answers) if look.answers_last else stack(*lines, *answers, *parts)


def _render_table(run: Run, table: RunTable, look: Look, reference: Reference) -> str:
    named = reference.describe(run.cases)
    if table.timed and run.settings.quick:
        return stack(look.head(table.title.format(reference=named)), look.say("Nothing was timed."))
    if table.render is not None:
        return table.render(run, look)
    return render_table(table, list_rows(table.rows(run, reference)), look, reference=named)
