"""A table as text for the terminal, as Markdown and as CSV."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from pandas import DataFrame
from pandas.api.types import is_numeric_dtype
from tabulate import tabulate  # type: ignore[import-untyped]

from bench.case import AXES
from bench.record import Run
from reports import escape
from reports.evidence import QUICK
from reports.provenance import footer, headlines
from reports.reference import Reference
from reports.tables import AXIS_COLUMNS, TABLES, Column, Row, Table, footnotes

SUPERSCRIPT = str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹")


class Format(StrEnum):
    """How a table is written."""

    TEXT = "text"
    MARKDOWN = "markdown"
    CSV = "csv"

    @property
    def suffix(self) -> str:
        """Return the suffix of such a file."""
        return {"text": ".txt", "markdown": ".md", "csv": ".csv"}[self.value]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Look:
    """What differs between the terminal and Markdown."""

    escape: Callable[[str], str]
    style: str
    heading: str
    strong: str
    bullet: str


TERMINAL = _Look(escape=escape.plain, style="simple", heading="{}", strong="{}", bullet="  ")
MARKDOWN = _Look(escape=escape.markdown, style="pipe", heading="## {}", strong="**{}**", bullet="- ")


def render(run: Run, names: Sequence[str], form: Format, reference: Reference) -> str:
    """Return tables by name, with what must be read before them and where they come from below.

    Raises:
        KeyError: if there is no table of that name.
    """
    if form is Format.CSV:
        return "\n".join(_csv(TABLES[name].rows(run, reference)) for name in names)
    look = TERMINAL if form is Format.TEXT else MARKDOWN
    parts = [look.strong.format(look.escape(line)) for line in headlines(run)]
    parts += [_table(run, TABLES[name], look, reference) for name in names]
    parts.append("\n".join(f"{look.bullet}{look.escape(line)}" for line in footer(run)))
    return "\n\n".join(parts) + "\n"


def _table(run: Run, table: Table, look: _Look, reference: Reference) -> str:
    title = table.title.format(reference=reference)
    if table.timed and run.settings.quick:
        return _stack(look, title, "Nothing was timed.")
    rows = _rows(table.rows(run, reference))
    if not rows:
        return _stack(look, title, table.empty)
    fixed = [name for name in AXES if len(rows) > 1 and len({row[name] for row in rows}) == 1]
    if fixed:
        title += ": " + ", ".join(f"{name} {AXIS_COLUMNS[name].read(rows[0])}" for name in fixed)
    columns = [*(AXIS_COLUMNS[name] for name in AXES if name not in fixed), *table.columns]
    notes = _number(rows) if table.marked else {}
    if notes:
        columns.insert(columns.index(table.columns[0]) + table.marked, _marks(notes))
    grid = tabulate(
        [[look.escape(column.read(row)) for column in columns] for row in rows],
        headers=[column.header for column in columns],
        tablefmt=look.style,
        colalign=["right" if column.right else "left" for column in columns],
        disable_numparse=True,
    )
    listed = [f"{look.bullet}{_mark(number)} {look.escape(note)}" for note, number in notes.items()]
    return _stack(look, title, grid, "\n".join(listed))


def _stack(look: _Look, title: str, *parts: str) -> str:
    return "\n\n".join(filter(None, (look.heading.format(look.escape(title)), *parts)))


def _marks(notes: dict[str, int]) -> Column:
    """Return the column of footnote marks, one of its own so that the figures stay aligned."""
    return Column(
        header="",
        read=lambda row: " ".join(_mark(notes[note]) for note in footnotes(row) if note in notes),
        right=False,
    )


def _number(rows: Iterable[Row]) -> dict[str, int]:
    """Return the footnotes of all rows, numbered from 1 in the order in which a reader meets them."""
    found = dict.fromkeys(note for row in rows for note in footnotes(row) if note != QUICK)  # a headline says that
    return {note: number for number, note in enumerate(found, start=1)}


def _mark(number: int) -> str:
    return str(number).translate(SUPERSCRIPT)


def _rows(rows: DataFrame) -> list[Row]:
    return [{str(name): value for name, value in row.items()} for row in rows.to_dict(orient="records")]


def _csv(rows: DataFrame) -> str:
    """Return numbers in full precision and base units; absent is an empty cell, warnings are joined by a bar."""
    safe = rows.copy()
    for name in safe.columns:
        if name == "warnings":
            safe[name] = [escape.csv_cell(" | ".join(warnings)) for warnings in safe[name]]
        elif not is_numeric_dtype(safe[name]):
            safe[name] = safe[name].map(escape.csv_cell, na_action="ignore")
    return str(safe.to_csv(index=False, lineterminator="\n"))
