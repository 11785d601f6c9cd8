"""What is said of a run: metrics, tables and plots, made from its file without importing torch.

Start with `load`, `table`, `picture` and `answer` in a notebook, or with ``python -m reports --help``.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from os import PathLike

    from pandas import DataFrame

    from reports.show.notebook import Shown


def load(path: str | PathLike[str]) -> DataFrame:
    """Return a result file as one tidy DataFrame, one row per planned case, in base units and full precision.

    Its columns are described in `reports.figures.frame.cases`; what is absent is NaN and has its outcome and reason.

    Raises:
        bench.files.parse_json.UnreadableError: if the file cannot be used; the message says why and what to do.
    """
    from bench.files.run import read_run
    from reports.figures.frame import cases

    return cases(read_run(Path(path)))


def table(path: str | PathLike[str], name: str = "summary") -> Shown:
    """Return a table of a run, which shows itself in a notebook and prints as text.

    Args:
        path: a ``.json`` or ``.jsonl`` of ``pytest bench``.
        name: as ``python -m reports table`` calls it.

    Raises:
        bench.files.parse_json.UnreadableError: if the file cannot be used.
        KeyError: if there is no such table; the message lists those that there are.
    """
    from bench.files.run import read_run
    from reports.figures.reference import Reference
    from reports.run.tables import TABLES
    from reports.run.text import render_look
    from reports.show.notebook import Shown
    from reports.show.table import PAGE, TERMINAL

    if name not in TABLES:
        raise KeyError(f"no table {name!r}; there are {', '.join(TABLES)}")
    run = read_run(Path(path))
    text, html = (render_look(run, [name], look, Reference()) for look in (TERMINAL, PAGE))
    return Shown(text=text, html=html)


def answer(path: str | PathLike[str]) -> Shown:
    """Return the answer of a gate, which shows itself in a notebook and prints as text.

    Args:
        path: a ``.json`` or ``.jsonl`` of ``pytest bench --against``.

    Raises:
        bench.files.parse_json.UnreadableError: if the file cannot be used.
    """
    from bench.files.gate import read_gate
    from reports.gate.answer import conclude
    from reports.gate.answer_text import render_look
    from reports.show.notebook import Shown
    from reports.show.table import PAGE, TERMINAL

    concluded = conclude(read_gate(Path(path)))
    text, html = (render_look(concluded, look) for look in (TERMINAL, PAGE))
    return Shown(text=text, html=html)


def picture(path: str | PathLike[str], name: str = "throughput") -> Shown:
    """Return a picture of a run, which shows itself in a notebook.

    Args:
        path: a ``.json`` or ``.jsonl`` of ``pytest bench``.
        name: as ``python -m reports plot`` calls it.

    Raises:
        bench.files.parse_json.UnreadableError: if the file cannot be used.
        KeyError: if there is no such picture; the message lists those that there are.
        reports.show.files.NothingToDrawError: if the run has nothing to show in it.
    """
    from functools import partial

    from bench.files.run import read_run
    from reports.figures.reference import Reference
    from reports.run.plots import PLOTS
    from reports.show.notebook import Shown
    from reports.show.picture import make_inline

    if name not in PLOTS:
        raise KeyError(f"no picture {name!r}; there are {', '.join(PLOTS)}")
    said = f"{name} of {Path(path).name}"
    return Shown(text=said, html=make_inline(partial(PLOTS[name], read_run(Path(path)), Reference()), name, said))
