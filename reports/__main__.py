"""``python -m reports``: tables and plots from a result file of ``pytest bench``, without torch."""

from __future__ import annotations

import os
import sys
from argparse import ArgumentParser, Namespace, RawDescriptionHelpFormatter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NoReturn

from bench.files.parse_json import UnreadableError
from reports.compare.command import configure_compare, run_compare
from reports.gate.command import configure_gate, run_gate
from reports.run.command import (
    configure_plot,
    configure_table,
    configure_write,
    run_plot,
    run_table,
    run_write,
)
from reports.show.command import OptionError
from reports.show.escape import plain

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
        help="write all tables and plots into --out or reports/out/<name of FILE>/",
        configure=configure_write,
        run=run_write,
    ),
    "compare": Command(
        help="put results of several machines or devices side by side",
        configure=configure_compare,
        run=run_compare,
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
    sys.exit(main())
