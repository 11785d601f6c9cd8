"""The tables of a run as text for the terminal, as Markdown and as CSV."""

from __future__ import annotations

from collections.abc import Sequence

from bench.record.run import Run
from reports.figures.reference import Reference
from reports.run.tables import TABLES, Table
from reports.run.words import footer, headlines
from reports.show.table import (
    MARKDOWN,
    TERMINAL,
    Format,
    Look,
    _stack,
    as_csv,
    records,
    sheet,
)


def render(run: Run, names: Sequence[str], form: Format, reference: Reference) -> str:
    """Return tables by name, with what must be read before them and where they come from below.

    Raises:
        KeyError: if there is no table of that name.
    """
    if form is Format.CSV:
        return "\n".join(as_csv(TABLES[name].rows(run, reference)) for name in names)
    look = TERMINAL if form is Format.TEXT else MARKDOWN
    parts = [look.strong.format(look.escape(line)) for line in headlines(run)]
    parts += [_table(run, TABLES[name], look, reference) for name in names]
    parts.append("\n".join(f"{look.bullet}{look.escape(line)}" for line in footer(run)))
    return "\n\n".join(parts) + "\n"


def _table(run: Run, table: Table, look: Look, reference: Reference) -> str:
    title = table.title.format(reference=reference)
    if table.timed and run.settings.quick:
        return _stack(look, title, "Nothing was timed.")
    rows = records(table.rows(run, reference))
    if not rows:
        return _stack(look, title, table.empty)
    return sheet(title, rows, table.columns, look, marked=table.marked)
