"""``python -m reports``: tables and plots from a result file of ``pytest bench``, without torch."""

from __future__ import annotations

import os
import sys
from argparse import ArgumentParser, ArgumentTypeError, Namespace, RawDescriptionHelpFormatter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

from bench.files.parse import UnreadableError
from bench.files.run import read
from reports.compare.command import configure_compare, run_compare
from reports.figures.reference import Reference, parse_reference
from reports.gate.command import configure_gate, run_gate
from reports.run.tables import TABLES
from reports.run.text import render
from reports.run.write import out_folder, write_plots, write_reports, write_tables
from reports.show.escape import plain
from reports.show.table import Format

UNUSABLE = 2
"""Exit code for a bad option, and for a file that cannot be read or written."""

BROKEN_PIPE = 141
"""Exit code when the reader of our output left early, as a shell reports SIGPIPE."""

ALL = "all"

EXAMPLES = """examples:
  python -m reports table out.json
  python -m reports table out.json --table speedup --reference dtype=bfloat16
  python -m reports table out.jsonl --format csv > summary.csv
  python -m reports plot out.json --out pictures
  python -m reports write out.json
  python -m reports compare cpu.json h100.json mac.json --out page
  python -m reports compare out.json --price cuda=2.50 --reference cpu
  python -m reports gate gate.json --format markdown
  python -m reports gate base.json head.json
"""


class Parser(ArgumentParser):
    """Says what is wrong with an option in one line."""

    def error(self, message: str) -> NoReturn:
        """Print the line and end with exit code 2."""
        self.exit(UNUSABLE, f"{self.prog}: {plain(message)} (see --help)\n")


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """One subcommand.

    Attributes:
        help: what it does, one line.
        configure: adds its own options.
        run: carries it out and returns the exit code.
    """

    help: str
    configure: Callable[[ArgumentParser], object]
    run: Callable[[Namespace], int]


def main(argv: Sequence[str] | None = None) -> int:
    """Carry out a command line; return 0, or 2 if an option, a file or a folder cannot be used."""
    try:
        options = _parser().parse_args(argv)
    except SystemExit as stop:  # --help, or an option that cannot be used: argparse has said which
        return stop.code if isinstance(stop.code, int) else 0
    command: Command = options.command
    try:
        code = command.run(options)
        sys.stdout.flush()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # or the interpreter's own flush complains
        return BROKEN_PIPE
    except UnreadableError as error:
        return _fail(str(error))
    except OSError as error:
        place = error.filename or options.out or "standard output"
        return _fail(f"{place}: {error.strerror or error}; name another place with --out, or free this one")
    return code


def _fail(sentence: str) -> int:
    sys.stderr.write(f"python -m reports: {plain(sentence)}\n")
    return UNUSABLE


def _parser() -> ArgumentParser:
    parser = Parser(
        prog="python -m reports",
        description="Tables and plots from a result file of `pytest bench`.",
        epilog=EXAMPLES,
        formatter_class=RawDescriptionHelpFormatter,
    )
    subparsers = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")
    for name, command in COMMANDS.items():
        sub = subparsers.add_parser(name, help=command.help, description=command.help)
        sub.set_defaults(command=command)
        command.configure(sub)
    return parser


def _configure_run(parser: ArgumentParser) -> None:
    """Add what every command has that reports on one run."""
    parser.add_argument("file", type=Path, metavar="FILE", help="a .json or .jsonl of `pytest bench`")
    parser.add_argument("--out", type=Path, metavar="DIR", help="folder to write to")
    parser.add_argument(
        "--reference",
        type=_reference,
        default=Reference(),
        metavar="dtype=D,compile=C",
        help="what speed-ups are measured against (default: dtype=float32,compile=off)",
    )


def _reference(text: str) -> Reference:
    try:
        return parse_reference(text)
    except ValueError as error:
        raise ArgumentTypeError(str(error)) from error


def _configure_table(parser: ArgumentParser) -> None:
    _configure_run(parser)
    parser.add_argument("--table", choices=[*TABLES, ALL], help="which table (default: all; summary for csv)")
    parser.add_argument("--format", type=Format, choices=list(Format), default=Format.TEXT, help="(default: text)")


def _table(options: Namespace) -> int:
    """Print tables, or write them where --out names a folder."""
    run = read(options.file)
    form: Format = options.format
    one_by_one = form is Format.CSV and options.out is None  # two tables are not one CSV
    named = options.table or ("summary" if one_by_one else ALL)
    names = list(TABLES) if named == ALL else [named]
    if one_by_one and len(names) > 1:
        return _fail("--format csv prints one table: name it with --table, or give --out for a file of each")
    if options.out is None:
        if hasattr(sys.stdout, "reconfigure"):
            sys.stdout.reconfigure(errors="replace")  # an em dash must not end a report on an old console
        sys.stdout.write(render(run, names, form, options.reference))
    else:
        _say_paths(write_tables(run, options.out, names, [form], reference=options.reference))
    return 0


def _configure_plot(parser: ArgumentParser) -> None:
    _configure_run(parser)
    parser.add_argument("--plot", metavar="NAME", help="throughput, latency, speedup or spread (default: all)")


def _plot(options: Namespace) -> int:
    """Write pictures and print their paths."""
    from reports.run.plots import PLOTS

    if options.plot not in (None, *PLOTS):
        return _fail(f"unknown plot {options.plot!r}; known: {', '.join(PLOTS)}")
    names = list(PLOTS) if options.plot is None else [options.plot]
    folder = options.out or out_folder(options.file)
    _say_paths(write_plots(read(options.file), folder, names=names, reference=options.reference, say=_skip))
    return 0


def _write(options: Namespace) -> int:
    """Write everything and print the paths."""
    folder = options.out or out_folder(options.file)
    _say_paths(write_reports(read(options.file), folder, reference=options.reference, say=_skip))
    return 0


def _skip(sentence: str) -> None:
    sys.stderr.write(f"not drawn: {plain(sentence)}\n")


def _say_paths(paths: Sequence[Path]) -> None:
    for path in paths:
        sys.stdout.write(f"{path}\n")


COMMANDS: dict[str, Command] = {
    "table": Command(help="print tables, or write them to --out", configure=_configure_table, run=_table),
    "plot": Command(help="draw plots into --out or reports/out/<name of FILE>/", configure=_configure_plot, run=_plot),
    "write": Command(
        help="write all tables and plots into --out or reports/out/<name of FILE>/",
        configure=_configure_run,
        run=_write,
    ),
    "compare": Command(
        help="put results of several machines or devices side by side",
        configure=configure_compare,
        run=run_compare,
    ),
    "gate": Command(
        help="print the verdicts of a comparison (--against), or what two stored runs can say",
        configure=configure_gate,
        run=run_gate,
    ),
}
"""Every subcommand by name, in the order of the help."""

if __name__ == "__main__":
    sys.exit(main())
