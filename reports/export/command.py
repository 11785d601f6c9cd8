"""``python -m reports export --to FORMAT FILE``: a run as another tool reads it."""

from __future__ import annotations

import sys
from argparse import ArgumentParser, Namespace
from pathlib import Path

from bench.files.run import read_run
from bench.files.whole import write_whole
from reports.export.formats import FORMATS, MissingLibraryError
from reports.show.command import OptionError, print_paths


def configure_export(parser: ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument("file", type=Path, metavar="FILE", help="a .json or .jsonl of `pytest bench`")
    known = "; ".join(f"{name}: {form.help}" for name, form in FORMATS.items())
    parser.add_argument("--to", choices=list(FORMATS), required=True, metavar="FORMAT", help=known)
    parser.add_argument("--out", type=Path, metavar="FILE", help="the file to write (default: standard output)")


def run_export(options: Namespace) -> int:
    """Write a run in another format, to standard output or to a file whose path is printed.

    Raises:
        UnreadableError: if the file cannot be used.
        OptionError: if the format takes a library that is not there.
        OSError: if the file cannot be written.
    """
    try:
        content = FORMATS[options.to].make(read_run(options.file))
    except MissingLibraryError as missing:
        raise OptionError(f"--to {options.to}: {missing}") from missing
    if options.out is None:
        sys.stdout.flush()
        sys.stdout.buffer.write(content)
        return 0
    options.out.parent.mkdir(parents=True, exist_ok=True)
    write_whole(options.out, content)
    print_paths([options.out])
    return 0
