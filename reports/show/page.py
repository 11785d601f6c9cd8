"""One page for every question: a single file of HTML that loads nothing, from sections that were made elsewhere.

Whatever comes from a file is escaped where it becomes a part; the template escapes everything that is no part.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template
from markupsafe import Markup

from reports.show.escape import page as escape
from reports.show.escape import plain
from reports.show.files import NothingToDrawError
from reports.show.table import PAGE, Column, Row, Table, read_word, render_table
from reports.show.units import ABSENT

if TYPE_CHECKING:
    from matplotlib.figure import Figure

HERE = Path(__file__).resolve().parent

TEMPLATE, STYLE, SCRIPT = "page.html.jinja", "page.css", "page.js"
"""The three files that a page is made of; it holds all of them itself."""

NAME = "report.html"
"""What the page of every question is called."""

MOST_DRAWN = 250
"""Of more cases no picture is drawn: nobody would look through it."""

FACTS = Table(
    columns=(
        Column(header="fact", read=read_word("fact"), right=False),
        Column(header="value", read=read_word("value"), right=False),
    )
)
"""How the facts of an environment read."""

NO_ANSWER = "No sentence is supported by its interval: the tables say what was measured."
"""Stands where a run allows no answer in words."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """A part of a page with a place in its address.

    Attributes:
        name: what the address calls it.
        title: its heading.
        body: HTML that is safe.
    """

    name: str
    title: str
    body: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PageText:
    """What a page says around its sections, as plain text.

    Attributes:
        title: what it is about.
        about: what was done, in one line.
        warnings: what must be read before any number.
        answers: the answer in words.
        foot: where and how it was made.
    """

    title: str
    about: str
    warnings: Sequence[str] = ()
    answers: Sequence[str] = ()
    foot: Sequence[str] = ()


@cache
def _template() -> Template:
    loader = FileSystemLoader(HERE)
    environment = Environment(loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True)
    return environment.get_template(TEMPLATE)


def render_page(text: PageText, sections: Iterable[Section], *, data: object = None, script: str = "") -> str:
    """Return a whole page.

    Args:
        text: what it says around its sections.
        sections: its parts.
        data: what a script of its own reads, as JSON; None for nothing.
        script: that script, beside the one of every page.
    """
    return (
        _template().render(
            data="" if data is None else Markup(_embed(data)),  # noqa: S704  it holds nothing that ends an element
            title=plain(text.title),
            about=plain(text.about),
            warnings=[plain(sentence) for sentence in text.warnings],
            answers=[plain(sentence) for sentence in text.answers],
            no_answer=NO_ANSWER,
            sections=[
                {"name": section.name, "title": section.title, "body": Markup(wrap_tables(section.body))}  # noqa: S704
                for section in sections
                if section.body
            ],
            foot=[plain(line) for line in text.foot],
            css=Markup((HERE / STYLE).read_text(encoding="utf-8")),  # noqa: S704  our own file
            script=Markup((HERE / SCRIPT).read_text(encoding="utf-8") + script),  # noqa: S704  our own files
        )
        + "\n"
    )


def _embed(data: object) -> str:
    """Return data as JSON that can stand inside an element of a page: no text in it begins or ends one."""
    said = json.dumps(data, ensure_ascii=True, allow_nan=False, separators=(",", ":"))
    return said.replace("&", "\\u0026").replace("<", "\\u003c").replace(">", "\\u003e")


def wrap_tables(body: str) -> str:
    """Return HTML in which a wide table scrolls by itself, and the page does not."""
    return body.replace("<table", '<div class="wide" tabindex="0" role="region" aria-label="table"><table').replace(
        "</table>", "</table></div>"
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Filterable:
    """A table whose rows a reader sorts, filters and opens.

    Attributes:
        table: how a row reads; its axes are what it is filtered by.
        caption: says what a row is, for whoever does not see the table.
        values: the number of a row in a column, by the column's heading, where its text does not sort as it should.
        details: HTML that is safe behind each row, by the row's name; empty for none.
        name: of a row: what its first cell says and its address holds.
        heading: of the first cells.
    """

    table: Table
    caption: str
    values: Mapping[str, Callable[[Row], object]]
    details: Mapping[str, str]
    name: Callable[[Row], str]
    heading: str = "case"


def render_filterable(made: Filterable, rows: Sequence[Row]) -> str:
    """Return a table that can be sorted and filtered, and below it what its rows open to."""
    filled = [
        column
        for column in made.table.columns
        if not column.optional or any(column.read(row) != ABSENT for row in rows)
    ]
    values = {column: list(dict.fromkeys(column.read(row) for row in rows)) for column in filled if column.axis}
    fixed = [column for column, found in values.items() if found == [column.usual] or len(found) == 1 < len(rows)]
    shown = [column for column in filled if column not in fixed]
    said = [f"{column.header} {values[column][0]}" for column in fixed if values[column][0] != column.usual]
    caption = ": ".join([made.caption.removesuffix("."), ", ".join(said)]) + "." if said else made.caption
    filters = "".join(
        _render_filter(number, column, values[column]) for number, column in enumerate(shown, start=1) if column.axis
    )
    first = escape(made.heading)
    heads = "".join(_render_head(column) for column in shown)
    body = "\n".join(_render_row(made, shown, row) for row in rows)
    return (
        f'<div data-table><form class="filters" hidden onsubmit="return false">{filters}'
        '<label>find<input type="search" name="find"></label><button type="button">show all</button>'
        '<span class="count" role="status"></span></form>'
        f"<table><caption>{escape(caption)}</caption><thead><tr>"
        f'<th scope="col" data-name="{first}">{first}</th>{heads}</tr></thead>'
        f"<tbody>\n{body}\n</tbody></table></div>{_render_details(made)}"
    )


def _render_filter(number: int, column: Column, values: Sequence[str]) -> str:
    """Return the choice of an axis; none where all rows have the same."""
    if len(values) < 2:  # noqa: PLR2004  one is no choice
        return ""
    options = "".join(f'<option value="{escape(value)}">{escape(value)}</option>' for value in values)
    name = escape(column.header)
    return (
        f'<label>{name}<select name="{name}" data-column="{number}"><option value="">all</option>{options}'
        "</select></label>"
    )


def _render_head(column: Column) -> str:
    kind = ' class="number"' if column.right else ""
    return f'<th scope="col" data-name="{escape(column.header)}"{kind}>{escape(column.header)}</th>'


def _render_row(made: Filterable, columns: Sequence[Column], row: Row) -> str:
    name = made.name(row)
    anchor = make_anchor(name)
    first = escape(name)
    if name in made.details:
        first = f'<a href="#{anchor}" data-opens="{anchor}">{first}</a>'
    cells = "".join(_render_cell(made, column, row) for column in columns)
    return f'<tr><th scope="row">{first}</th>{cells}</tr>'


def _render_cell(made: Filterable, column: Column, row: Row) -> str:
    said = column.read(row)
    kinds = [*(["number"] if column.right else []), *(["text"] if len(said) > LONG else [])]
    kind = f' class="{" ".join(kinds)}"' if kinds else ""
    read = made.values.get(column.header)
    value = read(row) if read is not None else None
    data = f' data-value="{escape(str(value))}"' if value is not None else ""
    return f"<td{kind}{data}>{escape(said)}</td>"


LONG = 40
"""A cell of more characters is text, which may be broken into lines."""


def _render_details(made: Filterable) -> str:
    if not made.details:
        return ""
    parts = [
        f'<details id="{make_anchor(name)}"><summary>{escape(name)}</summary><div class="inside">{body}</div></details>'
        for name, body in made.details.items()
    ]
    return f'<div class="details">{"".join(parts)}</div>'


def make_anchor(name: str) -> str:
    """Return what an address calls a row: two names that differ may not have the same."""
    return "row-" + re.sub(r"[^a-zA-Z0-9-]", lambda odd: f".{ord(odd[0]):x}.", name)


def render_code(text: str) -> str:
    """Return a command that a reader copies."""
    return f'<pre tabindex="0"><code>{escape(text)}</code></pre>'


def render_prose(markdown: str) -> str:
    """Return a paragraph in which what Markdown emphasises, as in ``*this*``, is emphasised."""
    emphasised = re.sub(r"[*]([^*]+)[*]", r"<em>\1</em>", escape(markdown))
    return f"<p>{emphasised}</p>"


def render_part(table: Table, rows: Sequence[Row]) -> str:
    """Return a table as a part of a page."""
    return render_table(table, rows, PAGE)


def render_picture(draw: Callable[[], Figure], name: str, caption: str) -> str:
    """Return a picture as a part of a page; empty where it has nothing to show.

    Args:
        draw: makes the figure; raises NothingToDrawError where it has nothing to show.
        name: unique in the page.
        caption: what it shows; also for whoever does not see it.
    """
    from reports.show.picture import make_inline  # a page without a picture, as of a history, is there a second sooner

    try:
        svg = make_inline(draw, name, caption)
    except NothingToDrawError:
        return ""
    return f"<figure>{svg}<figcaption>{escape(caption)}</figcaption></figure>"
