"""``python -m reports table``, ``plot`` and ``write``: tables and pictures of one run."""

from __future__ import annotations

from argparse import ArgumentParser, ArgumentTypeError, Namespace
from pathlib import Path

from bench.files.run import read_run
from reports.figures.reference import Reference, parse_reference
from reports.run.tables import TABLES
from reports.run.text import render
from reports.run.write import out_folder, write_plots, write_tables
from reports.show.command import (
    OptionError,
    add_tables,
    find_width,
    pick_printed,
    pick_tables,
    print_paths,
    print_report,
    say_not_drawn,
)

SINGLE = "summary"
"""The table that is printed as CSV unless another is named: it has every case and every figure."""


def configure_write(parser: ArgumentParser) -> None:
    """Add the arguments that every command has that reports on one run."""
    parser.add_argument("file", type=Path, metavar="FILE", help="a .json or .jsonl of `pytest bench`")
    parser.add_argument("--out", type=Path, metavar="DIR", help="folder to write to")
    parser.add_argument(
        "--reference",
        type=_parse_reference,
        default=Reference(),
        metavar="dtype=D,compile=C,layout=L,threads=N,ranks=R",
        help="what speed-ups are measured against (default: dtype=float32,compile=off, and of layout, threads and "
        "ranks the default where it was measured, else the first)",
    )


def configure_table(parser: ArgumentParser) -> None:
    """Add the arguments of the command that prints tables."""
    configure_write(parser)
    add_tables(parser, TABLES, single=SINGLE)


def configure_plot(parser: ArgumentParser) -> None:
    """Add the arguments of the command that draws."""
    configure_write(parser)
    parser.add_argument("--plot", metavar="NAME", help="throughput, latency, speedup or spread (default: all)")


def run_table(options: Namespace) -> int:
    """Print tables, or write them where --out names a folder.

    Raises:
        UnreadableError: if the file cannot be used.
        OptionError: if several tables are to be one CSV.
        OSError: if the folder cannot be written.
    """
    run = read_run(options.file)
    if options.out is None:
        names = pick_printed(options.table, options.format, TABLES, single=SINGLE)
        print_report(render(run, names, options.format, options.reference, width=find_width()))
    else:
        names = pick_tables(options.table, TABLES)
        print_paths(write_tables(run, options.out, names, [options.format], reference=options.reference))
    return 0


def run_plot(options: Namespace) -> int:
    """Draw pictures and print their paths.

    Raises:
        UnreadableError: if the file cannot be used.
        OptionError: if there is no picture of that name.
        OSError: if the folder cannot be written.
    """
    from reports.run.plots import PLOTS

    if options.plot not in (None, *PLOTS):
        raise OptionError(f"unknown plot {options.plot!r}; known: {', '.join(PLOTS)}")
    names = None if options.plot is None else [options.plot]
    folder = options.out or out_folder(options.file)
    run = read_run(options.file)
    print_paths(write_plots(run, folder, names=names, reference=options.reference, say=say_not_drawn))
    return 0


def _parse_reference(text: str) -> Reference:
    try:
        return parse_reference(text)
    except ValueError as error:
        raise ArgumentTypeError(str(error)) from error
