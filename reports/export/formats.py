"""The formats: each is a function from a run to the text or bytes that another tool reads.

Sources: github-action-benchmark, README, "customSmallerIsBetter"; Bencher, "Bencher Metric Format (BMF)".
"""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from bench.record.case import Case
from bench.record.how_many import how_many
from bench.record.run import Run
from reports.figures import frame
from reports.figures.evidence import Evidence, examine
from reports.figures.provenance import provenance
from reports.show.table import as_csv
from reports.show.units import Unit, text

NANOSECONDS = 1e9
"""Bencher counts a latency in nanoseconds."""


class MissingLibraryError(Exception):
    """A format takes a library that is not installed; the message says which and how to get it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportFormat:
    """One format.

    Attributes:
        suffix: of its file.
        help: who reads it.
        make: from a run to the file's content.
    """

    suffix: str
    help: str
    make: Callable[[Run], bytes]


def _list_timed(run: Run) -> Iterator[tuple[Case, Evidence]]:
    for case, evidence in examine(run).items():
        if evidence.seconds is not None:
            yield case, evidence


def make_action_benchmark(run: Run) -> bytes:
    """Return what github-action-benchmark reads as ``customSmallerIsBetter``: seconds per iteration of each case."""
    where = provenance(run)
    entries = []
    for case, evidence in _list_timed(run):
        seconds = evidence.seconds
        assert seconds is not None, "it was timed"
        entry: dict[str, object] = {"name": case.id, "unit": "s/iteration", "value": seconds.centre}
        if seconds.low is not None and seconds.high is not None:
            entry["range"] = f"[{seconds.low:.6g}, {seconds.high:.6g}]"
        figure = text(Unit.SECONDS, seconds.centre, seconds.low, seconds.high)
        entry["extra"] = (
            f"{figure} over {how_many(seconds.n, 'launch')}\n{where.machine}\ntorch {where.torch_version}\n"
            f"commit {where.commit}"
        )
        entries.append(entry)
    return _as_json(entries)


def make_bencher(run: Run) -> bytes:
    """Return Bencher's metric format: latency in nanoseconds and throughput, each with its interval."""
    results: dict[str, dict[str, dict[str, float]]] = {}
    for case, evidence in _list_timed(run):
        seconds = evidence.seconds
        assert seconds is not None, "it was timed"
        rate = seconds.per(case.batch)
        results[case.id] = {
            "latency": _measure(seconds.centre, seconds.low, seconds.high, NANOSECONDS),
            "throughput": _measure(rate.centre, rate.low, rate.high, 1.0),
        }
    return _as_json(results)


def _measure(value: float, low: float | None, high: float | None, factor: float) -> dict[str, float]:
    ends = {} if low is None or high is None else {"lower_value": low * factor, "upper_value": high * factor}
    return {"value": value * factor, **ends}


def make_csv(run: Run) -> bytes:
    """Return every figure of every case, in base units."""
    return as_csv(frame.cases(run)).encode()


def make_parquet(run: Run) -> bytes:
    """Return the same table in columns with types, sentences as one text.

    Raises:
        MissingLibraryError: without pyarrow.
    """
    content = io.BytesIO()
    cases = frame.cases(run)
    cases["warnings"] = cases["warnings"].map(" | ".join)
    cases.attrs = {}
    try:
        cases.to_parquet(content, engine="pyarrow", index=False)
    except ImportError as error:
        raise MissingLibraryError("parquet needs pyarrow: pip install '.[history]', or choose csv") from error
    return content.getvalue()


def _as_json(content: object) -> bytes:
    return (json.dumps(content, indent=2, ensure_ascii=True, allow_nan=False) + "\n").encode()


FORMATS: Mapping[str, ExportFormat] = {
    "github-action-benchmark": ExportFormat(
        suffix=".json", help="customSmallerIsBetter, seconds per iteration", make=make_action_benchmark
    ),
    "bencher": ExportFormat(suffix=".json", help="Bencher Metric Format, latency and throughput", make=make_bencher),
    "csv": ExportFormat(suffix=".csv", help="every figure of every case", make=make_csv),
    "parquet": ExportFormat(suffix=".parquet", help="the same, typed; needs pyarrow", make=make_parquet),
}
"""Every format by name."""
