"""One table for every question: rows and columns as text for the terminal, as Markdown and as CSV."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from itertools import pairwise
from textwrap import fill
from typing import Any

from pandas import DataFrame, isna
from pandas.api.types import is_numeric_dtype
from tabulate import tabulate  # type: ignore[import-untyped]

from reports.show import escape
from reports.show.units import ABSENT, Unit, text
from reports.show.words import join_words

Row = Mapping[str, Any]
"""One row of numbers by the names of its columns, in base units and full precision."""

SUPERSCRIPT = str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹")
"""The small raised digits are what nobody takes for a digit of a figure."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """How one column of a table reads.

    Attributes:
        header: its heading.
        read: from a row of numbers to a cell's text.
        right: whether it is aligned to the right, as numbers are.
        optional: whether it is left out where no row has anything in it.
        axis: whether it goes into the title where all of several rows have the same in it.
        usual: how a value of an axis reads that is said nowhere where all rows have it; None for none.
        dispensable: where a line is too short for all columns, the one with the largest number goes first; those of 0
            stay.
    """

    header: str
    read: Callable[[Row], str]
    right: bool = True
    optional: bool = False
    axis: bool = False
    usual: str | None = None
    dispensable: int = 0


def axis_column(
    name: str, *, label: Callable[[Any], str] = str, right: bool = False, usual: str | None = None
) -> Column:
    """Return the column of an axis; `label` says how a value of it reads."""
    return Column(header=name, read=lambda row: label(row[name]), right=right, axis=True, usual=usual)


def read_figure(name: str, unit: Unit, *, interval: bool = False) -> Callable[[Row], str]:
    """Return how to read a figure of a row, with its interval where asked for."""
    if interval:
        return lambda row: text(unit, row[name], row[f"{name}_low"], row[f"{name}_high"])
    return lambda row: text(unit, row[name])


def label_number(value: Any) -> str:
    """Return how a whole number reads that may be absent."""
    return ABSENT if isna(value) else str(value)


def read_word(name: str) -> Callable[[Row], str]:
    """Return how to read a value that is a word already."""
    return lambda row: str(row[name])


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
    """How the parts of a report are written where they are read: a value for each such place.

    Attributes:
        escape: makes any text harmless there.
        grid: what tabulate calls a table there.
        heading: around the title of a table; ``{}`` stands for the text here and below.
        strong: around what must be read first.
        sentence: around a sentence that stands alone.
        item: around each line of a list.
        items: around the list.
        width: characters that a line has; None for as many as there are.
        grouped: whether an empty line parts the groups of a table.
        answers_last: whether the answer in words stands below the tables, where the eye is when they are printed.
    """

    escape: Callable[[str], str]
    grid: str
    heading: str = "{}"
    strong: str = "{}"
    sentence: str = "{}"
    item: str = "{}"
    items: str = "{}"
    width: int | None = None
    grouped: bool = False
    answers_last: bool = False

    def head(self, title: str) -> str:
        """Return the title of a table."""
        return self.heading.format(self.escape(title))

    def stress(self, sentence: str) -> str:
        """Return what must be read first."""
        return self._fit(self.strong.format(self.escape(sentence)))

    def say(self, sentence: str) -> str:
        """Return a sentence that stands alone."""
        return self._fit(self.sentence.format(self.escape(sentence)))

    def enumerate(self, lines: Iterable[str]) -> str:
        """Return lines as a list; an empty text if there are none."""
        items = [self._fit(self.item.format(self.escape(line))) for line in lines]
        return self.items.format("\n".join(items)) if items else ""

    def _fit(self, line: str) -> str:
        """Return a line broken between words where it is too long, as far in as it begins."""
        if self.width is None:
            return line
        text = line.lstrip()
        indent = " " * (len(line) - len(text))
        return fill(
            text,
            self.width,
            initial_indent=indent,
            subsequent_indent=indent,
            break_long_words=False,
            break_on_hyphens=False,
        )


TERMINAL = Look(escape=escape.plain, grid="simple", item="  {}", grouped=True, answers_last=True)
"""Plain text; a list is indented, so that its lines are told from sentences."""

MARKDOWN = Look(escape=escape.markdown, grid="pipe", heading="## {}", strong="**{}**", item="- {}")
"""Markdown as GitHub reads it."""

PAGE = Look(
    escape=escape.page,
    grid="unsafehtml",
    heading="<h3>{}</h3>",
    strong="<p><strong>{}</strong></p>",
    sentence="<p>{}</p>",
    item="<li>{}</li>",
    items="<ul>{}</ul>",
)
"""A part of a page of HTML; every text in it went through `escape`."""

LOOKS: Mapping[Format, Look] = {Format.TEXT: TERMINAL, Format.MARKDOWN: MARKDOWN}
"""The look of each format that is read by people; a CSV has none, it holds numbers."""


def pick_look(form: Format, width: int | None, looks: Mapping[Format, Look] = LOOKS) -> Look:
    """Return the look of a format; a line of text has `width` characters, or as many as there are."""
    return replace(looks[form], width=width) if form is Format.TEXT else looks[form]


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """A table whose rows are still to come.

    Attributes:
        title: above it, with the names in braces that `render_table` is given; empty for none.
        columns: in display order.
        empty: the sentence in place of a table without rows; the headings alone stand there if it is empty too.
        notes: what must be said of a row below the table; each different note is numbered once.
        marked: after how many of the columns that are no axis the numbers of a row's notes stand.
        group: axes whose values the rows of one group share.
    """

    title: str = ""
    columns: tuple[Column, ...]
    empty: str = ""
    notes: Callable[[Row], Iterable[str]] | None = None
    marked: int = 0
    group: tuple[str, ...] = ()


WIDER = "A wider terminal shows {}, too."
"""Said where columns were left out; ``{}`` stands for their headings."""


def render_table(table: Table, rows: Sequence[Row], look: Look, **names: object) -> str:
    """Return rows as a table under its title, into which the axes go that have one value only.

    Args:
        table: what its columns are.
        rows: in display order.
        look: of the place where it is read.
        names: what stands for the names in the title.
    """
    title = table.title.format(**names)
    if not rows and table.empty:
        return stack(look.head(title), look.say(table.empty))
    axes = [column for column in table.columns if column.axis and {column.read(row) for row in rows} != {column.usual}]
    fixed = [column for column in axes if len(rows) > 1 and len({column.read(row) for row in rows}) == 1]
    if fixed:
        title += ": " + ", ".join(f"{column.header} {column.read(rows[0])}" for column in fixed)
    numbers = _number_notes(table, rows)
    shown = [column for column in table.columns if not column.axis]
    if numbers:
        shown.insert(table.marked, _marks_column(table, numbers))
    shown = [*(column for column in axes if column not in fixed), *shown]
    cells = {column: [look.escape(column.read(row)) for row in rows] for column in shown}
    filled = [column for column in shown if not column.optional or set(cells[column]) != {ABSENT}]
    ends = _find_ends(table, rows) if look.grouped else set()
    grid = _make_grid(filled, cells, ends, look)
    dropped = []
    for column in sorted(filled, key=lambda column: column.dispensable, reverse=True):
        if look.width is None or not column.dispensable or _measure(grid) <= look.width:
            break
        filled.remove(column)
        dropped.append(column.header)
        grid = _make_grid(filled, cells, ends, look)
    notes = [f"{_superscript(number)} {note}" for note, number in numbers.items()]
    if dropped:
        notes.append(WIDER.format(join_words(f'"{header}"' for header in reversed(dropped))))
    return stack(look.head(title) if title else "", grid, look.enumerate(notes))


def _make_grid(shown: Sequence[Column], cells: Mapping[Column, Sequence[str]], ends: set[int], look: Look) -> str:
    """Return columns side by side, with an empty line after the rows at which a group ends."""
    lines: list[Sequence[str]] = []
    for index, line in enumerate(zip(*(cells[column] for column in shown), strict=True)):
        lines += [line, ("",) * len(shown)] if index in ends else [line]
    grid = tabulate(
        lines,
        headers=[column.header for column in shown],
        tablefmt=look.grid,
        colalign=["right" if column.right else "left" for column in shown] if lines else None,
        disable_numparse=True,
    )
    return "\n".join(line.rstrip() for line in str(grid).splitlines()) if ends else str(grid)


def _find_ends(table: Table, rows: Sequence[Row]) -> set[int]:
    """Return after which rows another group begins; none where no group has several rows."""
    groups = [tuple(row.get(name) for name in table.group) for row in rows]
    ends = {index for index, (one, following) in enumerate(pairwise(groups)) if one != following}
    return ends if table.group and len(ends) + 1 < len(rows) else set()


def _measure(grid: str) -> int:
    """Return how wide a grid is, in characters."""
    return max(map(len, grid.splitlines()), default=0)


def stack(*parts: str) -> str:
    """Return the parts that are not empty, one below the other."""
    return "\n\n".join(filter(None, parts))


def _number_notes(table: Table, rows: Iterable[Row]) -> dict[str, int]:
    """Return the notes of all rows, numbered from 1 in the order in which a reader meets them."""
    if table.notes is None:
        return {}
    notes = dict.fromkeys(note for row in rows for note in table.notes(row))
    return {note: number for number, note in enumerate(notes, start=1)}


def _marks_column(table: Table, numbers: Mapping[str, int]) -> Column:
    """Return the column of the notes' numbers, one of its own so that the figures stay aligned."""

    def read(row: Row) -> str:
        return " ".join(map(_superscript, sorted(numbers[note] for note in table.notes(row)))) if table.notes else ""

    return Column(header="", read=read, right=False)


def _superscript(number: int) -> str:
    return str(number).translate(SUPERSCRIPT)


def list_rows(frame: DataFrame) -> list[Row]:
    """Return the rows of a frame, each as a mapping from its columns."""
    return [{str(name): value for name, value in row.items()} for row in frame.to_dict(orient="records")]


def as_csv(frame: DataFrame) -> str:
    """Return numbers in full precision and base units; absent is an empty cell, several sentences are joined by a bar.

    Text is made harmless for a spreadsheet.
    """
    safe = frame.copy()
    for name in safe.columns:
        if not is_numeric_dtype(safe[name]):
            safe[name] = safe[name].map(_clean_cell, na_action="ignore")
    return str(safe.to_csv(index=False, lineterminator="\n"))


def _clean_cell(value: Any) -> Any:
    """Return a cell of a CSV: text and sentences escaped, numbers as they are."""
    match value:
        case tuple():
            return escape.csv_cell(" | ".join(value))
        case str():
            return escape.csv_cell(value)
        case _:
            return value
