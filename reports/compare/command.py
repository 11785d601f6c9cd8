"""``python -m reports compare``: results of several machines or devices side by side."""

from __future__ import annotations

from argparse import ArgumentParser, ArgumentTypeError, Namespace
from math import isfinite
from pathlib import Path

from reports.compare.contenders import Contender, load_contenders
from reports.compare.page import render_compare, write_compare
from reports.compare.rows import Match
from reports.compare.tables import COMPARE_TABLES
from reports.show.command import (
    OptionError,
    add_tables,
    find_width,
    pick_printed,
    print_paths,
    print_report,
    say_not_drawn,
)

SINGLE = "matched"
"""The table that is printed as CSV unless another is named: it has every case of each contender."""


def configure_compare(parser: ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument("files", type=Path, nargs="+", metavar="FILE", help="a .json or .jsonl of `pytest bench`")
    parser.add_argument("--reference", metavar="NAME", help="whom speed-ups are over (default: the first contender)")
    parser.add_argument(
        "--price",
        type=_parse_price,
        action="append",
        default=[],
        metavar="NAME=USD",
        help="price of a contender per hour: adds what a million images cost; can be given for each",
    )
    add_tables(parser, COMPARE_TABLES, single=SINGLE)
    parser.add_argument("--out", type=Path, metavar="DIR", help="write a page with pictures and CSVs there instead")


def run_compare(options: Namespace) -> int:
    """Print the tables, or write the page where --out names a folder.

    Raises:
        UnreadableError: if a file cannot be used, or the files have nothing in common.
        OptionError: if a name is unknown, or several tables are to be one CSV.
        OSError: if the folder cannot be written.
    """
    contenders = load_contenders(options.files)
    named = {contender.name: contender for contender in contenders}
    match = Match(
        contenders=contenders,
        reference=contenders[0]
        if options.reference is None
        else _find_contender(named, "--reference", options.reference),
        prices={_find_contender(named, "--price", name).name: usd for name, usd in options.price},
    )
    if options.out is not None:
        print_paths(write_compare(match, options.out, say=say_not_drawn))
        return 0
    names = pick_printed(options.table, options.format, COMPARE_TABLES, single=SINGLE)
    print_report(render_compare(match, names, options.format, width=find_width()))
    return 0


def _find_contender(named: dict[str, Contender], option: str, name: str) -> Contender:
    if name not in named:
        raise OptionError(f"{option}: no contender {name!r}; there are {', '.join(named)}")
    return named[name]


def _parse_price(text: str) -> tuple[str, float]:
    name, equals, amount = text.rpartition("=")
    try:
        usd = float(amount)
    except ValueError:
        usd = -1.0
    if not equals or not name or not isfinite(usd) or usd <= 0:
        raise ArgumentTypeError(f"{text!r} is not NAME=USD, such as h100=2.50")
    return name, usd
