"""A comparison as text, Markdown or CSV, and as a page with its pictures whose every figure is explained."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from pandas import DataFrame

from bench.files.whole import write_whole
from reports.compare.rows import Match, headline
from reports.compare.tables import SHEETS, Sheet
from reports.show.table import MARKDOWN, TERMINAL, Format, Look, as_csv, sheet

PAGE = "compare.md"


def render_comparison(match: Match, names: Sequence[str], form: Format) -> str:
    """Return tables of a comparison by name, under what was compared."""
    if form is Format.CSV:
        return "\n".join(as_csv(DataFrame(SHEETS[name].rows(match))) for name in names)
    look = TERMINAL if form is Format.TEXT else MARKDOWN
    parts = [look.escape(headline(match)), _who(match, look)]
    parts += [_sheet(match, SHEETS[name], look) for name in names]
    return "\n\n".join(parts) + "\n"


def _who(match: Match, look: Look) -> str:
    lines = [f"{one.name}: {one.description} ({one.source}, {one.device})" for one in match.contenders]
    return "\n".join(f"{look.bullet}{look.escape(line)}" for line in lines)


def _sheet(match: Match, what: Sheet, look: Look) -> str:
    title = what.title.format(reference=match.reference.name)
    rows = what.rows(match)
    if not rows:
        return f"{look.heading.format(look.escape(title))}\n\n{what.empty}"
    return sheet(title, rows, what.columns, look, marked=what.marked)


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
    for name, what in SHEETS.items():
        path = folder / f"{name}.csv"
        write_whole(path, as_csv(DataFrame(what.rows(match))).encode())
        written.append(path)
    path = folder / PAGE
    write_whole(path, page(match, drawn).encode())
    return [path, *written], undrawn


def page(match: Match, pictures: Iterable[str]) -> str:
    """Return the whole comparison as one Markdown page, each table with what its figures mean."""
    parts = ["# Accelerators compared", MARKDOWN.escape(headline(match)), _who(match, MARKDOWN)]
    parts += [f"![{name}]({name}.svg)" for name in pictures]
    for what in SHEETS.values():
        parts += [_sheet(match, what, MARKDOWN), what.meaning]
    return "\n\n".join(parts) + "\n"
