"""Whole jobs on identical code: how often is one red, unproven or inconclusive? A committed line for each.

Nothing changed, so whatever is called slower or faster is an error. Jobs are pooled where the code that an answer
depends on is the same (`decisive_code`), and the series and the machine are.
"""

from __future__ import annotations

import argparse
import shutil
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from time import monotonic

from tests.field.decisive_code import fingerprint
from tests.field.job_lines import FOLDER, Ended, JobLine, append_lines, count_ended, describe_place, pool, read_lines
from tests.field.own_answer import read_answer
from tests.field.runs import ROOT, gate

TOOL = "accelbench"


@dataclass(frozen=True, slots=True, kw_only=True)
class Series:
    """Jobs that are carried out alike.

    Attributes:
        arguments: of pytest.
        jobs: how many are wanted.
    """

    arguments: Sequence[str]
    jobs: int


SERIES: Mapping[str, Series] = {
    "three": Series(
        arguments=(
            *("-k", "forward-b1-cpu-float32 or backward-b64-cpu-float32 or forward-b1024-cpu-bfloat16"),
            *("--launches", "16", "--budget", "10m"),
        ),
        jobs=300,
    ),
    "matrix": Series(arguments=(), jobs=10),
}
"""Three cases of the twelve, a short, a middle and a long one, of which three hundred jobs take an afternoon; and the
twelve as they come, in the five minutes that a gate takes."""


def add_options(parser: argparse.ArgumentParser) -> None:
    """Register the options of this stage."""
    parser.add_argument("--matrix", action="store_true", help="aa: the twelve cases in five minutes")
    wanted = ", ".join(f"{series.jobs} of {name}" for name, series in SERIES.items())
    parser.add_argument("--jobs", type=int, help=f"aa: of the present code, in all (default: {wanted})")
    parser.add_argument("--minutes", type=float, default=float("inf"), help="aa: begins no job after so many")
    parser.add_argument("--lines", type=Path, default=FOLDER / "identical.jsonl", help="aa: (default: %(default)s)")


def carry_out(options: argparse.Namespace) -> None:
    """Carry out jobs until the present code has as many as are wanted, or the time is over."""
    name = "matrix" if options.matrix else "three"
    wanted = SERIES[name].jobs if options.jobs is None else options.jobs
    deadline = monotonic() + 60 * options.minutes
    code = fingerprint(ROOT)
    while monotonic() < deadline:
        numbers = [line.number for line in read_lines(options.lines) if (line.version, line.series) == (code, name)]
        if len(numbers) >= wanted:
            return
        line = carry_out_job(name, max(numbers, default=0) + 1, options.folder, code)
        if fingerprint(ROOT) != code:
            print(f"{name} {line.number}: the code was changed while it was measured, so that it does not count")
            return
        append_lines(options.lines, line)
        print(f"{name} {line.number}: {line.answer.said}; {line.seconds:.0f} s", flush=True)


def carry_out_job(series: str, number: int, folder: Path, code: str) -> JobLine:
    """Carry out one job, from its beginning, and keep its files if it is red or unproven."""
    path = folder / f"aa-{series}-{number}.json"
    files = [path.with_suffix(suffix) for suffix in (".json", ".jsonl", ".log")]
    for file in files:  # of a job that was cut off
        file.unlink(missing_ok=True)
    place, begin = describe_place(), monotonic()
    exit_code = gate(path, *SERIES[series].arguments, "--seed", str(number), "--reports", str(folder / "reports"))
    seconds = monotonic() - begin
    answer = read_answer(path, exit_code)
    shutil.rmtree(folder / "reports", ignore_errors=True)
    if answer.ended not in {Ended.RED, Ended.UNPROVEN}:
        for file in files:
            file.unlink(missing_ok=True)
    return JobLine(
        tool=TOOL,
        version=code,
        series=series,
        number=number,
        slower=0.0,
        slowed=None,
        answer=answer,
        seconds=round(seconds, 1),
        **place,
    )


def table(lines: Sequence[JobLine]) -> str:
    """Return how jobs on identical code ended, one row for each pool, as Markdown; empty if there is none."""
    if not lines:
        return ""
    current = fingerprint(ROOT)
    rows = [
        "| code | series | red | unproven | inconclusive | cases unchanged | blocks | seconds | machine |",
        "|---|---|---|---|---|---|--:|--:|---|",
    ]
    for (_, version, series, machine, torch), jobs in pool(lines).items():
        words = Counter(word for job in jobs for word in job.answer.verdicts.values())
        cells = (
            f"{version} (this)" if version == current else version,
            series,
            *(count_ended(jobs, ended) for ended in (Ended.RED, Ended.UNPROVEN, Ended.INCONCLUSIVE)),
            f"{words['unchanged']} of {words.total()}",
            f"{median(job.answer.replicates for job in jobs):.0f}",
            f"{median(job.seconds for job in jobs):.0f}",
            f"{machine}, torch {torch}",
        )
        rows.append(f"| {' | '.join(cells)} |")
    return "\n".join(rows)
