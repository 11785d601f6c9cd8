"""What is said of a run: metrics, tables and plots, made from its file without importing torch.

Start with `load` in a notebook, or with ``python -m reports --help``.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from os import PathLike

    from pandas import DataFrame


def load(path: str | PathLike[str]) -> DataFrame:
    """Return a result file as one tidy DataFrame, one row per planned case, in base units and full precision.

    Its columns are described in `reports.figures.frame.cases`; what is absent is NaN and has its outcome and reason.

    Raises:
        bench.files.parse_json.UnreadableError: if the file cannot be used; the message says why and what to do.
    """
    from bench.files.run import read_run
    from reports.figures.frame import cases

    return cases(read_run(Path(path)))
