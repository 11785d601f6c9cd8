"""One committed line for each whole job of a field program: what was compared, how it ended, with which code."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from enum import StrEnum
from importlib.metadata import version
from pathlib import Path
from typing import Any

from scipy.stats import binomtest

from bench.files.decode_fields import DecodeError, decode
from bench.files.parse_json import UnreadableError, content_of, parse
from bench.host.git import git_line
from bench.host.processor import processor
from tests.field.runs import ROOT

FOLDER = Path(__file__).with_name("jobs")
"""Where committed lines lie."""


Pool = tuple[str, str, str, str, str]
"""Tool, version, series, machine and torch."""

SLOWER = "regressed"
"""A verdict."""


class Ended(StrEnum):
    """How a job ended, in one word for every tool."""

    RED = "red"
    UNPROVEN = "unproven"
    INCONCLUSIVE = "inconclusive"
    PASSED = "passed"


@dataclass(frozen=True, slots=True, kw_only=True)
class JobAnswer:
    """What a tool said of one job.

    Attributes:
        ended: how the job ended, in the word for every tool.
        said: how, in the tool's own words.
        verdicts: the tool's word on each case.
        figures: what it measured of each case, by `CASE NAME`; times are in seconds, changes shares.
        replicates: blocks, or runs of each side.
    """

    ended: Ended
    said: str
    verdicts: Mapping[str, str]
    figures: Mapping[str, tuple[float, ...]]
    replicates: int


@dataclass(frozen=True, slots=True, kw_only=True)
class JobLine:
    """One job.

    Attributes:
        tool: what judged.
        version: of the tool; of ours the fingerprint of the code that its answer depends on.
        series: what it compared, by a name; jobs of one tool, version, series, machine and torch are pooled.
        number: of the job in its series, from 1.
        slower: by what share head's case was slowed; 0 on identical code.
        slowed: the case; None on identical code.
        answer: what the tool said.
        seconds: wall time of the job.
        machine: processor and cores.
        torch: its version.
        commit: of this repository.
        began: when, in UTC.
    """

    tool: str
    version: str
    series: str
    number: int
    slower: float
    slowed: str | None
    answer: JobAnswer
    seconds: float
    machine: str
    torch: str
    commit: str
    began: str

    def __post_init__(self) -> None:
        if (self.slower > 0) != (self.slowed is not None):
            raise ValueError("slower and slowed go together")

    @property
    def pool(self) -> Pool:
        """Return what must be equal for two jobs to be counted together."""
        return self.tool, self.version, self.series, self.machine, self.torch

    @property
    def caught(self) -> bool:
        """Whether the case that was slowed is called slower."""
        return self.slowed is not None and self.answer.verdicts.get(self.slowed) == SLOWER


def describe_place() -> dict[str, str]:
    """Return what a line says about where and when its job begins."""
    return {
        "machine": f"{processor()}, {os.cpu_count()} cores",
        "torch": version("torch"),
        "commit": git_line(ROOT, "rev-parse", "--short", "HEAD"),
        "began": datetime.now(UTC).isoformat(timespec="seconds"),
    }


def read_lines(path: Path) -> list[JobLine]:
    """Return the jobs of a file; none if there is no such file.

    Raises:
        UnreadableError: if a line is not one of a job.
    """
    if not path.exists():
        return []
    found = []
    for number, line in enumerate(content_of(path).splitlines(), start=1):
        try:
            found.append(decode(JobLine, parse(line, f"{path}:{number}")))
        except DecodeError as error:
            raise UnreadableError(f"{path}:{number}: {error}; take the line away, and its job is done again") from error
    return found


def append_lines(path: Path, *lines: JobLine) -> None:
    """Add jobs to a file, all of them or none; they are on disk when this returns."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a", encoding="utf-8") as file:
        file.write("".join(json.dumps(asdict(line)) + "\n" for line in lines))
        file.flush()
        os.fsync(file.fileno())


def pool(lines: Iterable[JobLine]) -> dict[Pool, list[JobLine]]:
    """Return the jobs that may be counted together, by what they have in common, in the order of the file."""
    pools: dict[Pool, list[JobLine]] = {}
    for line in lines:
        pools.setdefault(line.pool, []).append(line)
    return pools


def count_ended(lines: Iterable[JobLine], ended: Ended) -> str:
    """Return how many jobs ended so, with the exact 95 % interval."""
    return rate(lines, lambda line: line.answer.ended is ended)


def rate(lines: Iterable[JobLine], is_so: Callable[[JobLine], Any]) -> str:
    """Return in how many jobs something is so, with the exact 95 % interval of Clopper and Pearson."""
    seen = [bool(is_so(line)) for line in lines]
    if not seen:
        return "none of 0"
    interval = binomtest(sum(seen), len(seen)).proportion_ci(method="exact")
    return f"{sum(seen)} of {len(seen)} ({100 * interval.low:.1f} to {100 * interval.high:.1f} %)"
