"""A table as text for the terminal, as Markdown and as CSV."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from pandas import DataFrame
from pandas.api.types import is_numeric_dtype
from tabulate import tabulate  # type: ignore[import-untyped]

from bench.record.case import AXES
from bench.record.run import Run
from reports import escape
from reports.evidence import QUICK
from reports.provenance import footer, headlines
from reports.reference import Reference
from reports.tables import AXIS_COLUMNS, TABLES, Column, Row, Table, footnotes
from reports.units import ABSENT

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
class Look:
    """What differs between the terminal and Markdown."""

    escape: Callable[[str], str]
    style: str
    heading: str
    strong: str
    bullet: str


TERMINAL = Look(escape=escape.plain, style="simple", heading="{}", strong="{}", bullet="  ")
MARKDOWN = Look(escape=escape.markdown, style="pipe", heading="## {}", strong="**{}**", bullet="- ")


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


def sheet(title: str, rows: Sequence[Row], columns: Sequence[Column], look: Look, *, marked: int = 0) -> str:
    """Return rows as a table under its title, into which the axes go that have one value only.

    Args:
        title: above the table.
        rows: at least one, with the six axes or some of them.
        columns: that follow the axes.
        look: of the terminal or of Markdown.
        marked: after how many of the columns the marks of footnotes stand; 0 for a table without footnotes.
    """
    axes = [name for name in AXES if name in rows[0]]
    fixed = [name for name in axes if len(rows) > 1 and len({row[name] for row in rows}) == 1]
    if fixed:
        title += ": " + ", ".join(f"{name} {AXIS_COLUMNS[name].read(rows[0])}" for name in fixed)
    notes = _number(rows) if marked else {}
    shown = list(columns)
    if notes:
        shown.insert(marked, _marks(notes))
    shown = [*(AXIS_COLUMNS[name] for name in axes if name not in fixed), *shown]
    cells = [[look.escape(column.read(row)) for row in rows] for column in shown]
    kept = [index for index, column in enumerate(shown) if not column.optional or set(cells[index]) != {ABSENT}]
    grid = tabulate(
        list(zip(*(cells[index] for index in kept), strict=True)),
        headers=[shown[index].header for index in kept],
        tablefmt=look.style,
        colalign=["right" if shown[index].right else "left" for index in kept],
        disable_numparse=True,
    )
    listed = [f"{look.bullet}{_mark(number)} {look.escape(note)}" for note, number in notes.items()]
    return _stack(look, title, grid, "\n".join(listed))


def _stack(look: Look, title: str, *parts: str) -> str:
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


def records(rows: DataFrame) -> list[Row]:
    """Return the rows of a frame, each as a mapping from its columns."""
    return [{str(name): value for name, value in row.items()} for row in rows.to_dict(orient="records")]


def as_csv(rows: DataFrame) -> str:
    """Return numbers in full precision and base units; absent is an empty cell, warnings are joined by a bar."""
    safe = rows.copy()
    for name in safe.columns:
        if name == "warnings":
            safe[name] = [escape.csv_cell(" | ".join(warnings)) for warnings in safe[name]]
        elif not is_numeric_dtype(safe[name]):
            safe[name] = safe[name].map(escape.csv_cell, na_action="ignore")
    return str(safe.to_csv(index=False, lineterminator="\n"))
