"""``python -m reports history``: runs and gates are added to a dataset, and it is shown as a table or a page."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from reports.show.command import OptionError, add_format, print_paths, print_report
from reports.show.files import write_outputs
from reports.show.table import LOOKS, Format, as_csv

if TYPE_CHECKING:
    from reports.history.entries import Entry

DATASET = "reports/history.parquet"
"""The folder of the history, where none is named."""

NO_LIBRARY = "a history needs pyarrow, fsspec and ruptures: pip install '.[history]'"


def configure_history(parser: ArgumentParser) -> None:
    """Add the commands of a history."""
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND", dest="history")
    add = commands.add_parser("add", help="add runs and gates; what is there already stays as it is")
    add.add_argument("files", nargs="+", type=Path, metavar="FILE", help="a .json or .jsonl of `pytest bench`")
    show = commands.add_parser("show", help="print the latest point of each case beside the earlier ones")
    show.add_argument("--case", metavar="PATTERN", help="only cases whose id fits, as in '*-b64-*'")
    add_format(show)
    page = commands.add_parser("page", help="write history.html: every trend, with its steps")
    page.add_argument("--case", metavar="PATTERN", help="only cases whose id fits")
    page.add_argument("--out", type=Path, metavar="DIR", default=Path("reports/out"), help="(default: %(default)s)")
    for command in (add, show, page):
        command.add_argument(
            "--dataset",
            default=DATASET,
            metavar="URL",
            help="a folder, or any URL that fsspec knows (default: %(default)s)",
        )
        command.set_defaults(out=None) if command is not page else None


def run_history(options: Namespace, read: Callable[[Path], Entry]) -> int:
    """Carry out a command of a history.

    Args:
        options: as parsed.
        read: returns a file as a history keeps it, whatever it holds.

    Raises:
        UnreadableError: if a file cannot be used.
        OptionError: if a library is missing, or the dataset cannot be used.
        OSError: if the dataset or the page cannot be written.
    """
    try:
        from reports.history.dataset import Dataset
        from reports.history.trends import list_trends
    except ImportError as error:
        raise OptionError(f"{NO_LIBRARY} ({error})") from error
    dataset = Dataset.open(options.dataset)
    if options.history == "add":
        entries = [read(path) for path in options.files]  # all or none: a file that cannot be used adds nothing
        added = [dataset.add(entry) for entry in entries]
        known = len(added) - sum(added)
        print_report(f"{options.dataset}: {sum(added)} added" + (f", {known} there already" if known else "") + "\n")
        return 0
    from reports.history.text import frame, pick, render_history

    found, trends = list_trends(dataset)
    picked = pick(trends, options.case)
    if not picked:
        raise OptionError(f"--case {options.case}: no case of the {len(trends)} in {options.dataset} fits it")
    if options.history == "page":
        from reports.history.page import page_output

        print_paths(write_outputs(options.out, [page_output(found, picked)]))
    elif options.format is Format.CSV:
        print_report(as_csv(frame(picked)))
    else:
        print_report(render_history(found, picked, LOOKS[options.format]) + "\n")
    return 0
