"""``python -m reports``: tables and plots from a result file of ``pytest bench``, without torch."""

from __future__ import annotations

import gc
import os
import sys
from argparse import ArgumentParser, Namespace, RawDescriptionHelpFormatter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

from bench.files.gate import read_gate
from bench.files.parse_json import OtherKindError, UnreadableError
from bench.files.run import read_run
from bench.record.gate import Gate
from bench.record.run import Run
from reports.compare.command import configure_compare, run_compare
from reports.compare.contenders import load_contenders
from reports.compare.rows import Match
from reports.export.command import configure_export, run_export
from reports.figures.reference import Reference
from reports.gate.answer import conclude
from reports.gate.command import configure_gate, run_gate
from reports.history.command import configure_history, run_history
from reports.history.entries import Entry, Judged, enter_gate, enter_run
from reports.run.command import (
    configure_plot,
    configure_table,
    configure_write,
    run_plot,
    run_table,
)
from reports.run.write import out_folder, write_reports
from reports.show.command import OptionError, print_paths, say_not_drawn
from reports.show.escape import plain
from reports.show.files import Output, write_outputs

UNUSABLE = 2
"""Exit code for a bad option, and for a file that cannot be read or written."""

BROKEN_PIPE = 141
"""Exit code when the reader of our output left early, as a shell reports SIGPIPE."""

EXAMPLES = """examples:
  python -m reports table out.json
  python -m reports table out.json --table speedup --reference dtype=bfloat16
  python -m reports table out.jsonl --format csv > summary.csv
  python -m reports plot out.json --out pictures
  python -m reports write out.json
  python -m reports page gate.json
  python -m reports history add out.json
  python -m reports history page
  python -m reports export --to bencher out.json > bmf.json
  python -m reports compare cpu.json h100.json mac.json --out page
  python -m reports compare out.json --price cuda=2.50 --reference cpu
  python -m reports gate gate.json --format markdown
  python -m reports gate base.json head.json
"""
"""The help ends with a command for each question."""


class Parser(ArgumentParser):
    """Says what is wrong with an option in one line."""

    def error(self, message: str) -> NoReturn:
        """Print the line and end with exit code 2."""
        self.exit(UNUSABLE, f"{self.prog}: {plain(message)} (see --help)\n")


def configure_page(parser: ArgumentParser) -> None:
    """Add the arguments of the page."""
    parser.add_argument("files", type=Path, nargs="+", metavar="FILE", help="a .json or .jsonl of `pytest bench`")
    parser.add_argument("--out", type=Path, metavar="DIR", help="folder to write report.html to")


def run_page(options: Namespace) -> int:
    """Write the page of a run, of a gate or of several runs side by side, and print its path.

    Raises:
        UnreadableError: if a file cannot be used.
        OSError: if the folder cannot be written.
    """
    folder = options.out or out_folder(options.files[0])
    print_paths(write_outputs(folder, [_choose_page(options.files)]))
    return 0


def _write_either(options: Namespace) -> int:
    """Write all that there is of a run, or of a gate, and print the paths.

    Raises:
        UnreadableError: if the file cannot be used.
        OSError: if the folder cannot be written.
    """
    from reports.gate.write import write_answer

    measured = _read_either(options.file)
    folder = options.out or out_folder(options.file)
    if isinstance(measured, Run):
        print_paths(write_reports(measured, folder, reference=options.reference, say=say_not_drawn))
    else:
        print_paths(write_answer(conclude(measured), folder))
    return 0


def _choose_page(files: Sequence[Path]) -> Output:
    """Return the page of one file, whatever it holds, or of several runs."""
    from reports.compare import html
    from reports.gate import page as gate_page
    from reports.run import page as run_page

    if len(files) > 1:
        contenders = load_contenders(files)
        return html.page_output(Match(contenders=contenders, reference=contenders[0], prices={}))
    measured = _read_either(files[0])
    if isinstance(measured, Run):
        return run_page.page_output(measured, Reference())
    return gate_page.page_output(conclude(measured))


def _read_either(path: Path) -> Run | Gate:
    """Return what a file holds.

    Raises:
        UnreadableError: if it is neither a run nor a gate.
    """
    try:
        return read_run(path)
    except OtherKindError as no_run:
        try:
            return read_gate(path)
        except OtherKindError:
            raise no_run from None


def _read_entry(path: Path) -> Entry:
    """Return a file as a history keeps it.

    Raises:
        UnreadableError: if it cannot be used.
        OptionError: if it holds no figure.
    """
    measured = _read_either(path)
    if isinstance(measured, Run):
        return enter_run(measured)
    rulings = conclude(measured).rulings.items()
    judged = {
        case: Judged(verdict=ruling.verdict.value, change=ruling.change, low=ruling.low, high=ruling.high)
        for case, ruling in rulings
    }
    return enter_gate(measured, judged)


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


COMMANDS: dict[str, Command] = {
    "table": Command(help="print tables, or write them to --out", configure=configure_table, run=run_table),
    "plot": Command(
        help="draw plots into --out or reports/out/<name of FILE>/", configure=configure_plot, run=run_plot
    ),
    "write": Command(
        help="write all tables, plots and the page of a run or a gate into --out or reports/out/<name of FILE>/",
        configure=configure_write,
        run=_write_either,
    ),
    "page": Command(
        help="write the page of a run, a gate or several runs into --out or reports/out/<name of FILE>/",
        configure=configure_page,
        run=run_page,
    ),
    "compare": Command(
        help="put results of several machines or devices side by side",
        configure=configure_compare,
        run=run_compare,
    ),
    "history": Command(
        help="keep runs and gates over time, and show how each case went",
        configure=configure_history,
        run=lambda options: run_history(options, _read_entry),
    ),
    "export": Command(
        help="print a run in the format of another tool, or write it to --out",
        configure=configure_export,
        run=run_export,
    ),
    "gate": Command(
        help="print the verdicts of a gate (--against), or what two stored runs can say",
        configure=configure_gate,
        run=run_gate,
    ),
}
"""Every subcommand by name, in the order of the help."""


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
    except (UnreadableError, OptionError) as error:
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


if __name__ == "__main__":
    gc.disable()  # a command ends before it would pay to look for cycles: records hold none, and there are millions
    sys.exit(main())
