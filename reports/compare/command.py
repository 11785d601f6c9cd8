"""``python -m reports compare``: results of several machines or devices side by side."""

from __future__ import annotations

import sys
from argparse import ArgumentParser, ArgumentTypeError, Namespace
from collections.abc import Sequence
from math import isfinite
from pathlib import Path

from bench.files.parse import UnreadableError
from reports.compare.contenders import Contender, load_contenders
from reports.compare.page import render_comparison, write_comparison
from reports.compare.rows import Match
from reports.compare.tables import COMPARE_TABLES
from reports.show.escape import plain
from reports.show.table import Format

ALL = "all"


def configure_compare(parser: ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument("files", type=Path, nargs="+", metavar="FILE", help="a .json or .jsonl of `pytest bench`")
    parser.add_argument("--reference", metavar="NAME", help="whom speed-ups are over (default: the first contender)")
    parser.add_argument(
        "--price",
        type=_price,
        action="append",
        default=[],
        metavar="NAME=USD",
        help="price of a contender per hour: adds what a million images cost; can be given for each",
    )
    parser.add_argument("--table", choices=[*COMPARE_TABLES, ALL], help="which table (default: all; matched for csv)")
    parser.add_argument("--format", type=Format, choices=list(Format), default=Format.TEXT, help="(default: text)")
    parser.add_argument("--out", type=Path, metavar="DIR", help="write a page with pictures and CSVs there instead")


def run_compare(options: Namespace) -> int:
    """Print the tables, or write the page where --out names a folder.

    Raises:
        UnreadableError: if a file cannot be used, the files have nothing in common, or a name is unknown.
        OSError: if the folder cannot be written.
    """
    contenders = load_contenders(options.files)
    named = {one.name: one for one in contenders}
    match = Match(
        contenders=contenders,
        reference=contenders[0] if options.reference is None else _contender(named, "--reference", options.reference),
        prices={_contender(named, "--price", name).name: usd for name, usd in options.price},
    )
    if options.out is not None:
        written, undrawn = write_comparison(match, options.out)
        sys.stderr.writelines(f"not drawn: {plain(why)}\n" for why in undrawn)
        sys.stdout.writelines(f"{path}\n" for path in written)
        return 0
    if hasattr(sys.stdout, "reconfigure"):
        sys.stdout.reconfigure(errors="replace")  # a dash must not end a report on an old console
    sys.stdout.write(render_comparison(match, _names(options), options.format))
    return 0


def _names(options: Namespace) -> Sequence[str]:
    """Return the tables to print: two are not one CSV."""
    if options.format is Format.CSV:
        if options.table == ALL:
            raise UnreadableError("--format csv prints one table: name it with --table, or give --out for all of them")
        return [options.table or "matched"]
    return list(COMPARE_TABLES) if options.table in (None, ALL) else [options.table]


def _contender(named: dict[str, Contender], option: str, name: str) -> Contender:
    if name not in named:
        raise UnreadableError(f"{option}: no contender {name!r}; there are {', '.join(named)}")
    return named[name]


def _price(text: str) -> tuple[str, float]:
    name, equals, amount = text.rpartition("=")
    try:
        usd = float(amount)
    except ValueError:
        usd = -1.0
    if not equals or not name or not isfinite(usd) or usd <= 0:
        raise ArgumentTypeError(f"{text!r} is not NAME=USD, such as h100=2.50")
    return name, usd
