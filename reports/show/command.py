"""What the commands share: the options of tables, and how they print."""

from __future__ import annotations

import os
import sys
from argparse import ArgumentParser
from collections.abc import Iterable
from pathlib import Path
from shutil import get_terminal_size

from reports.show.escape import plain
from reports.show.table import Format

ALL = "all"
"""The value of --table that stands for every table."""


class OptionError(Exception):
    """An option cannot be used; the message says why and what to do, in one line."""


def add_format(parser: ArgumentParser) -> None:
    """Add the option that says how tables are printed."""
    parser.add_argument("--format", type=Format, choices=list(Format), default=Format.TEXT, help="(default: text)")


def add_tables(parser: ArgumentParser, names: Iterable[str], *, single: str) -> None:
    """Add the options that say which tables are printed, and how; a CSV is `single` unless another is named."""
    parser.add_argument("--table", choices=[*names, ALL], help=f"which table (default: all; {single} for csv)")
    add_format(parser)


def pick_printed(chosen: str | None, form: Format, names: Iterable[str], *, single: str) -> list[str]:
    """Return the names of the tables to print: two are not one CSV.

    Args:
        chosen: what --table says; None if it is not given.
        form: what --format says.
        names: of all tables.
        single: the one that a CSV holds unless another is chosen.

    Raises:
        OptionError: if all are to be one CSV.
    """
    if form is not Format.CSV:
        return pick_tables(chosen, names)
    if chosen == ALL:
        raise OptionError("--format csv prints one table: name it with --table, or give --out for a file of each")
    return [chosen or single]


def pick_tables(chosen: str | None, names: Iterable[str]) -> list[str]:
    """Return the names of the tables that --table names; all if it is not given."""
    return list(names) if chosen in (None, ALL) else [str(chosen)]


def print_report(text: str) -> None:
    """Print a report; a dash that an old console does not have must not end it."""
    if hasattr(sys.stdout, "reconfigure"):
        sys.stdout.reconfigure(errors="replace")
    sys.stdout.write(text)


def find_width() -> int | None:
    """Return how many characters a line has; None where it is printed into a file, and COLUMNS is not set."""
    return get_terminal_size().columns if sys.stdout.isatty() or os.environ.get("COLUMNS") else None


def print_paths(paths: Iterable[Path]) -> None:
    """Print the paths of written files, one a line, for the next command."""
    sys.stdout.writelines(f"{path}\n" for path in paths)


def say_not_drawn(sentence: str) -> None:
    """Say why a picture is not there, beside what was asked for and not within it."""
    sys.stderr.write(f"not drawn: {plain(sentence)}\n")
