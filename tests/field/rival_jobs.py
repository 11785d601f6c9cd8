"""Other tools by their own programs: the same jobs as ours, in turn, at about equal wall time.

``python -m tests.field.rival_jobs [--minutes M] [--old REF] [--folder DIR]``

A job compares two checkouts in forward at batch 1, 64 and 1024 in float32, eager, in about a minute. In twenty of forty
rounds they are equal; in ten each, head's forward waits, busily, for 3 or 10 % of its own time in one of the cases, as
in ``tests.field.calibrate slowed``. In each round every tool has one job, another one first each time:

- ours, and with ``--old`` that of an older commit, by its own rules;
- benchmatrix, installed into a virtual environment in the folder, by its defaults: five runs of base, then five of
  head, and its verdicts at its threshold of 5 % and at one of 2 %, which is our floor;
- pytest-benchmark, by ``--benchmark-compare-fail=min:5%``, the example of its documentation.

Every finished job leaves a line in a committed file; started again, it goes on where it was cut off. The table is
printed at the end, and alone with ``--minutes 0``.
"""

from __future__ import annotations

import argparse
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import median
from time import monotonic

from tests.field.calibrate import SLOWED
from tests.field.job_lines import (
    FOLDER,
    SLOWER,
    Ended,
    JobLine,
    append_lines,
    count_ended,
    describe_place,
    pool,
    rate,
    read_lines,
)
from tests.field.program import end_with
from tests.field.rival_tools import BATCHES, COMMANDS, SUITES, Tool, make_tools, name_case
from tests.field.runs import FLATTEN, ROOT, changed_checkout

KINDS = (0.0, 0.03, 0.0, 0.10)
"""By what share head is slower, round after round."""

ROUNDS = 40
SERIES = "forward of three batch sizes in a minute"


def main(argv: Sequence[str]) -> int:
    """Carry out the jobs that are missing, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=float("inf"), help="begins no job after so many")
    parser.add_argument("--rounds", type=int, default=ROUNDS, help="(default: %(default)s)")
    parser.add_argument("--old", metavar="REF", help="a commit whose gate is one of the tools, too")
    parser.add_argument("--folder", type=Path, default=ROOT / "reports" / "out" / "rivals")
    parser.add_argument("--lines", type=Path, default=FOLDER / "rivals.jsonl", help="(default: %(default)s)")
    options = parser.parse_args(argv)
    if options.minutes > 0:
        folder = options.folder.resolve()
        folder.mkdir(parents=True, exist_ok=True)
        carry_out(make_tools(folder, options.old), options.rounds, options.minutes, folder, options.lines)
    print(table(read_lines(options.lines)))
    return 0


def carry_out(tools: Sequence[Tool], rounds: int, minutes: float, folder: Path, lines: Path) -> None:
    """Carry out the jobs that are not in the file yet, round after round, until they are done or the time is over."""
    deadline = monotonic() + 60 * minutes
    shutil.rmtree(folder / "trees", ignore_errors=True)  # of an earlier checkout
    done = {(line.tool, line.version, line.number) for line in read_lines(lines)}
    for number in range(1, rounds + 1):
        turn = number % len(tools)
        for tool in (*tools[turn:], *tools[:turn]):
            if (tool.answers[0], tool.version, number) in done:
                continue
            if monotonic() > deadline:
                return
            found = carry_out_job(tool, number, folder)
            append_lines(lines, *found)
            for line in found:
                print(f"{number}: {line.tool}: {line.answer.said}; {line.seconds:.0f} s", flush=True)


def carry_out_job(tool: Tool, number: int, folder: Path) -> list[JobLine]:
    """Have a tool judge one job, from its beginning; return its answers."""
    slower, batch = kind_of(number)
    base = make_tree(folder / "trees" / "equal", {})
    head = base
    if slower:
        head = make_tree(folder / "trees" / f"slower-{slower}-{batch}", {(batch, "torch.float32"): slower})
    scratch = folder / "job"
    shutil.rmtree(scratch, ignore_errors=True)
    scratch.mkdir(parents=True)
    place, begin = describe_place(), monotonic()
    answers = tool.judge(base, head, scratch)
    seconds = round(monotonic() - begin, 1)
    return [
        JobLine(
            tool=name,
            version=tool.version,
            series=SERIES,
            number=number,
            slower=slower,
            slowed=name_case(batch) if slower else None,
            answer=answers[name],
            seconds=seconds,
            **place,
        )
        for name in tool.answers
    ]


def kind_of(number: int) -> tuple[float, int]:
    """Return by what share head is slower in a round, counted from 1, and in which batch size."""
    return KINDS[(number - 1) % len(KINDS)], BATCHES[(number - 1) // len(KINDS) % len(BATCHES)]


def make_tree(tree: Path, shares: Mapping[tuple[int, str], float]) -> Path:
    """Return a checkout whose forward waits for a share of its time, with the suites in it; made once."""
    if not tree.exists():
        changed_checkout(tree, SLOWED.format(shares=dict(shares)) + FLATTEN)
        for suite in SUITES:
            shutil.copy(Path(__file__).with_name(suite), tree)
    return tree


def table(lines: Sequence[JobLine]) -> str:
    """Return how each tool did, on identical code and on slower, as Markdown; empty without a line."""
    if not lines:
        return ""
    shares = sorted(set(KINDS) - {0.0})
    caught = "".join(f"| {share:.0%} caught " for share in shares)
    rows = [
        f"| tool | version | red, identical code | inconclusive | unproven {caught}| others | seconds | machine |",
        f"|---|---|---|---|---{'|---' * len(shares)}|---|--:|---|",
    ]
    for (tool, version_, _, machine, torch), jobs in pool(lines).items():
        equal = [job for job in jobs if not job.slower]
        slower = [job for job in jobs if job.slower]
        cells = (
            tool,
            version_,
            *(count_ended(equal, ended) for ended in (Ended.RED, Ended.INCONCLUSIVE, Ended.UNPROVEN)),
            *(rate([job for job in slower if job.slower == share], lambda job: job.caught) for share in shares),
            rate(slower, lambda job: any(job.answer.verdicts[case] == SLOWER for case in others(job))),
            f"{median(job.seconds for job in jobs):.0f}",
            f"{machine}, torch {torch}",
        )
        rows.append(f"| {' | '.join(cells)} |")
    return "\n".join([*rows, "", *(f"- {tool}: `{command}`" for tool, command in COMMANDS.items())])


def others(job: JobLine) -> list[str]:
    """Return the cases of a job that were not slowed."""
    return [case for case in job.answer.verdicts if case != job.slowed]


if __name__ == "__main__":
    end_with(main)
