"""A compare as text, Markdown or CSV, and as a page with its pictures whose every figure is explained."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import partial
from pathlib import Path

from pandas import DataFrame

from reports.compare.answer import list_warnings, make_answers
from reports.compare.rows import Match, make_headline
from reports.compare.tables import COMPARE_TABLES, CompareTable
from reports.show.files import text_output, whatever_happens, write_outputs
from reports.show.table import MARKDOWN, Format, Look, as_csv, pick_look, render_table, stack

PAGE = "compare.md"
"""The page has the name of the command that writes it."""


def render_compare(match: Match, names: Sequence[str], form: Format, *, width: int | None = None) -> str:
    """Return tables of a compare by name, with what was compared.

    A line of text has `width` characters; None for as many as there are.
    """
    if form is Format.CSV:
        return "\n".join(as_csv(DataFrame(COMPARE_TABLES[name].rows(match))) for name in names)
    look = pick_look(form, width)
    tables = [_render_table(match, COMPARE_TABLES[name], look) for name in names]
    answers = "\n".join(look.say(sentence) for sentence in make_answers(match))
    said = [look.say(make_headline(match)), *_warn(match, look)]
    parts = [_list_contenders(match, look), *tables]
    return stack(*said, *([*parts, answers] if look.answers_last else [answers, *parts])) + "\n"


def _warn(match: Match, look: Look) -> list[str]:
    return [look.stress(sentence) for sentence in list_warnings(match)]


def _list_contenders(match: Match, look: Look) -> str:
    return look.enumerate(
        f"{contender.name}: {contender.description} ({contender.source}, {contender.device})"
        for contender in match.contenders
    )


def _render_table(match: Match, table: CompareTable, look: Look) -> str:
    return render_table(table, table.rows(match), look, reference=match.reference.name)


def write_compare(match: Match, folder: Path, *, say: Callable[[str], None] | None = None) -> list[Path]:
    """Write the page as Markdown and as HTML, its pictures, and each table as CSV; return the files, the pages first.

    Args:
        match: what is compared with what.
        folder: made if it is not there.
        say: takes a sentence for each picture that has nothing to draw.

    Raises:
        OSError: if the folder cannot be made or written, or the disk is full.
    """
    from reports.compare.html import page_output
    from reports.compare.plots import PICTURES, plot_output

    pictures = write_outputs(folder, [plot_output(name, match) for name in PICTURES], say=say)
    drawn = dict.fromkeys(path.stem for path in pictures)
    tables = [text_output(f"{name}.csv", partial(render_compare, match, [name], Format.CSV)) for name in COMPARE_TABLES]
    pages = [text_output(PAGE, partial(render_page, match, drawn)), whatever_happens(page_output(match))]
    written = write_outputs(folder, [*pages, *tables], say=say)
    return [*written[: len(pages)], *pictures, *written[len(pages) :]]


def render_page(match: Match, pictures: Iterable[str]) -> str:
    """Return the whole compare as one Markdown page, each table with what its figures mean."""
    parts = ["# Accelerators compared", MARKDOWN.escape(make_headline(match)), *_warn(match, MARKDOWN)]
    parts += [*map(MARKDOWN.escape, make_answers(match)), _list_contenders(match, MARKDOWN)]
    parts += [f"![{name}]({name}.svg)" for name in pictures]
    for table in COMPARE_TABLES.values():
        parts += [_render_table(match, table, MARKDOWN), table.meaning]
    return "\n\n".join(parts) + "\n"
