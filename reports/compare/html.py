"""The page of a compare: who is fastest where, every case of all contenders, and in what they differ, in one file."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from functools import partial

from reports.compare.answer import list_warnings, make_answers
from reports.compare.plots import PICTURES
from reports.compare.rows import Match, describe_shared, make_headline, matched_rows
from reports.compare.tables import COMPARE_TABLES
from reports.show.escape import page as escape
from reports.show.files import Output, text_output
from reports.show.page import (
    NAME,
    Filterable,
    PageText,
    Section,
    render_code,
    render_filterable,
    render_page,
    render_picture,
    render_prose,
)
from reports.show.table import PAGE, Row, render_table
from reports.show.words import join_words

MATCHED = "matched"
"""The table of every case of all contenders: the one that is sorted and filtered."""

TITLES = {
    "best": "The best variant of each",
    "crossover": "From which batch on",
    "ceilings": "What the devices allow",
    "yardstick": "The machines meanwhile",
    "environment": "Where they differ",
}
"""The titles of the sections, by table."""

CAPTIONS = {
    "throughput": "Throughput against batch of all contenders; stars mark crossings.",
    "roofline": "FLOP rate against arithmetic intensity, with what each device allows.",
}
"""What a picture shows, for whoever reads the page aloud."""


def page_output(match: Match) -> Output:
    """Return the page as what is to be written."""
    return text_output(NAME, partial(render_compare_page, match))


def render_compare_page(match: Match) -> str:
    """Return the page of a compare."""
    names = [contender.name for contender in match.contenders]
    text = PageText(
        title=f"accelbench: {', '.join(names)}",
        about=make_headline(match),
        warnings=list_warnings(match),
        answers=make_answers(match),
        foot=[
            f"{contender.name}: {contender.description} ({contender.source}, {contender.device})"
            for contender in match.contenders
        ],
    )
    return render_page(text, _list_sections(match))


def _render_again(match: Match) -> str:
    """Return the commands that measure each contender again, and the one that puts their results side by side."""
    commands: dict[str, list[str]] = {}
    for contender in match.contenders:
        commands.setdefault(contender.command, []).append(contender.name)
    parts = [
        f"<p>{escape(join_words(names))}:</p>{render_code(command)}" for command, names in commands.items() if command
    ]
    files = list(dict.fromkeys(contender.file for contender in match.contenders))
    if not all(files):
        return "".join(parts)
    beside = render_code(shlex.join(["python", "-m", "reports", "compare", *files]))
    return "".join([*parts, f"<p>Their results side by side, in a folder that holds them:</p>{beside}"])


def _list_sections(match: Match) -> Iterator[Section]:
    yield Section(name="pictures", title="Against batch", body="".join(_draw(match, name) for name in PICTURES))
    yield Section(name="best", title=TITLES["best"], body=_render_table(match, "best"))
    yield Section(name="cases", title="Every case", body=_render_matched(match))
    for name, title in TITLES.items():
        if name != "best":
            body = _render_table(match, name).replace(f"<h3>{title}</h3>", "", 1)
            shared = describe_shared(match) if name == "environment" else ""
            yield Section(name=name, title=title, body=body + (f"<p>{escape(shared)}</p>" if shared else ""))
    yield Section(name="again", title="Measure it again", body=_render_again(match))


def _draw(match: Match, name: str) -> str:
    """Return a picture as a part of the page; empty where it has nothing to show."""
    return render_picture(partial(PICTURES[name], match), name, CAPTIONS[name])


def _render_table(match: Match, name: str) -> str:
    """Return a table with what its figures mean; empty where it has no row."""
    table = COMPARE_TABLES[name]
    rows = table.rows(match)
    if not rows:
        return ""
    return f"{render_table(table, rows, PAGE, reference=match.reference.name)}{render_prose(table.meaning)}"


def _render_matched(match: Match) -> str:
    """Return the table of every case of all contenders."""
    table = COMPARE_TABLES[MATCHED]
    made = Filterable(
        table=table,
        caption="Every case that two or more contenders have.",
        values={"time": lambda row: row["seconds"], "images/s": lambda row: row["images_per_second"]},
        details={},
        name=_name_row,
    )
    return f"{render_filterable(made, matched_rows(match))}{render_prose(table.meaning)}"


def _name_row(row: Row) -> str:
    return f"{row['contender']} {row['model']}-{row['step']}-b{row['batch']}"
