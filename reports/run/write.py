"""Writes a run's tables, pictures and page into a folder: each file whole, or the old one untouched."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from itertools import product
from pathlib import Path

from bench.record.run import Run
from reports.figures.reference import Reference
from reports.run.tables import TABLES
from reports.run.text import render
from reports.show.files import text_output, whatever_happens, write_outputs
from reports.show.table import Format

OUT = Path(__file__).resolve().parents[1] / "out"
"""What is generated goes here, into one folder per result file."""


def out_folder(file: Path) -> Path:
    """Return where the reports of a result file go by default."""
    return OUT / file.stem


def write_reports(
    run: Run, folder: Path, *, reference: Reference | None = None, say: Callable[[str], None] | None = None
) -> list[Path]:
    """Write every table as CSV and Markdown, every picture as SVG and PNG, and the page; return the files.

    Of a quick run there are tables only, and of operators and layers only if they were asked for.

    Args:
        run: the run.
        folder: made if it is not there.
        reference: what speed-ups are measured against.
        say: takes a sentence for each picture that has nothing to draw.

    Raises:
        OSError: if the folder cannot be made or written, or the disk is full.
    """
    names = [name for name, table in TABLES.items() if table.made(run)]
    tables = write_tables(run, folder, names, (Format.CSV, Format.MARKDOWN), reference=reference)
    pictures = write_plots(run, folder, reference=reference, say=say)
    return tables + pictures + write_page(run, folder, reference=reference, say=say)


def write_page(
    run: Run, folder: Path, *, reference: Reference | None = None, say: Callable[[str], None] | None = None
) -> list[Path]:
    """Write the page of a run; return its path. A page that cannot be made is a sentence and keeps nothing else back.

    Raises:
        OSError: if the folder cannot be made or written, or the disk is full.
    """
    from reports.run.page import page_output

    return write_outputs(folder, [whatever_happens(page_output(run, reference or Reference()))], say=say)


def write_tables(
    run: Run, folder: Path, names: Iterable[str], forms: Iterable[Format], *, reference: Reference | None = None
) -> list[Path]:
    """Write tables by name, one file for each and format; return the files.

    Raises:
        OSError: if the folder cannot be made or written, or the disk is full.
    """
    outputs = [
        text_output(f"{name}{form.suffix}", partial(render, run, [name], form, reference or Reference()))
        for name, form in product(names, forms)
    ]
    return write_outputs(folder, outputs)


def write_plots(
    run: Run,
    folder: Path,
    *,
    names: Iterable[str] | None = None,
    reference: Reference | None = None,
    say: Callable[[str], None] | None = None,
) -> list[Path]:
    """Write pictures by name, all that the run is asked for if none are given; return the files.

    Raises:
        OSError: if the folder cannot be made or written, or the disk is full.
    """
    from reports.run.plots import list_drawn, plot_output

    outputs = [plot_output(name, run, reference) for name in (list_drawn(run) if names is None else names)]
    return write_outputs(folder, outputs, say=say)
