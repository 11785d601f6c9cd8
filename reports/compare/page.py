"""A comparison as text, Markdown or CSV, and as a page with its pictures whose every figure is explained."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from pandas import DataFrame

from bench.files.whole import write_whole
from reports.compare.rows import Match, headline
from reports.compare.tables import COMPARE_TABLES, CompareTable
from reports.show.table import LOOKS, MARKDOWN, Format, Look, as_csv, render_table, stack

PAGE = "compare.md"


def render_comparison(match: Match, names: Sequence[str], form: Format) -> str:
    """Return tables of a comparison by name, under what was compared."""
    if form is Format.CSV:
        return "\n".join(as_csv(DataFrame(COMPARE_TABLES[name].rows(match))) for name in names)
    look = LOOKS[form]
    tables = [_render_table(match, COMPARE_TABLES[name], look) for name in names]
    return stack(look.say(headline(match)), _list_contenders(match, look), *tables) + "\n"


def _list_contenders(match: Match, look: Look) -> str:
    return look.enumerate(
        f"{contender.name}: {contender.description} ({contender.source}, {contender.device})"
        for contender in match.contenders
    )


def _render_table(match: Match, table: CompareTable, look: Look) -> str:
    return render_table(table, table.rows(match), look, reference=match.reference.name)


def write_comparison(match: Match, folder: Path) -> tuple[list[Path], list[str]]:
    """Write the page, its pictures, and each table as CSV; return the files, and why a picture was not drawn.

    Raises:
        OSError: if the folder cannot be made or written, or the disk is full.
    """
    folder.mkdir(parents=True, exist_ok=True)
    written, drawn, undrawn = [], [], []
    from reports.compare.plots import PICTURES, NothingToDrawError, picture_files

    for name in PICTURES:
        try:
            contents = picture_files(name, match)
        except NothingToDrawError as nothing:
            undrawn.append(f"{name}: {nothing}")
            for suffix in (".svg", ".png"):
                (folder / f"{name}{suffix}").unlink(missing_ok=True)  # none stands beside another comparison's tables
            continue
        for suffix, content in contents.items():
            write_whole(folder / f"{name}{suffix}", content)
            written.append(folder / f"{name}{suffix}")
        drawn.append(name)
    for name, table in COMPARE_TABLES.items():
        path = folder / f"{name}.csv"
        write_whole(path, as_csv(DataFrame(table.rows(match))).encode())
        written.append(path)
    path = folder / PAGE
    write_whole(path, page(match, drawn).encode())
    return [path, *written], undrawn


def page(match: Match, pictures: Iterable[str]) -> str:
    """Return the whole comparison as one Markdown page, each table with what its figures mean."""
    parts = ["# Accelerators compared", MARKDOWN.escape(headline(match)), _list_contenders(match, MARKDOWN)]
    parts += [f"![{name}]({name}.svg)" for name in pictures]
    for table in COMPARE_TABLES.values():
        parts += [_render_table(match, table, MARKDOWN), table.meaning]
    return "\n\n".join(parts) + "\n"
