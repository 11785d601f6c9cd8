"""A table as text for the terminal, as Markdown and as CSV."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from pandas import DataFrame, isna
from pandas.api.types import is_numeric_dtype
from tabulate import tabulate  # type: ignore[import-untyped]

from bench.record.case import AXES, compile_label
from bench.record.run import Outcome
from reports.figures.evidence import QUICK
from reports.show import escape
from reports.show.units import ABSENT, Unit, text

Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """How one column of a table reads.

    Attributes:
        header: its heading.
        read: from a row of numbers to a cell's text.
        right: whether it is aligned to the right, as numbers are.
        optional: whether it is left out where no row has anything in it.
    """

    header: str
    read: Callable[[Row], str]
    right: bool = True
    optional: bool = False


def figure(name: str, unit: Unit, *, interval: bool = False) -> Callable[[Row], str]:
    """Return how to read a column of the frame, with its interval where asked for."""
    if interval:
        return lambda row: text(unit, row[name], row[f"{name}_low"], row[f"{name}_high"])
    return lambda row: text(unit, row[name])


def axis(name: str) -> Column:
    """Return the column of an axis; ``compile`` reads as it does in a case's id."""
    if name == "compile":
        return Column(header="compile", read=lambda row: compile_label(row["compile"]), right=False)
    return Column(header=name, read=lambda row: str(row[name]), right=name == "batch")


AXIS_COLUMNS = {name: axis(name) for name in AXES}


def footnotes(row: Row) -> tuple[str, ...]:
    """Return what must stand under the table for this row: why it is a hole, and its warnings."""
    why = row.get("reason")
    reason = () if why is None or isna(why) else (_hole(row, str(why)),)
    return (*reason, *row.get("warnings", ()))


def _hole(row: Row, reason: str) -> str:
    return reason if row["outcome"] == Outcome.MEASURED.value else f"{row['outcome']}: {reason}"


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
