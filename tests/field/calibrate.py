"""How often does the gate cry wolf, and what does it catch? Measured, not promised.

``python -m tests.field.calibrate STAGE [--folder DIR]``, where STAGE is one of

- ``tape``: one long gate of identical code, every slice stored (``--blocks``, goes on where it was cut off);
- ``aa``: whole jobs on identical code, a committed line for each: three cases and at most 16 blocks, or, with
  ``--matrix``, the twelve cases and five minutes. It goes on until the present code has ``--jobs`` of them, or for
  ``--minutes``, and starts again where it was cut off;
- ``slowed``: jobs in which head's forward waits, busily, for a share of its own time: a known slowdown, really taken;
- ``mutants``: jobs in which head's network does something extra, as real changes do;
- ``disturbed``: jobs on identical code while another process burns a core, always or in bursts;
- ``steadiness``: short tapes, each with one measure of steadiness left out;
- ``table``: prints what is there; nothing is timed.

From the tape further jobs are cut, at the labels that were recorded: windows of blocks, judged like a whole job.
For power, head's slices of one case in a window are made slower by a known share, and the window is judged again.
"""

from __future__ import annotations

import argparse
import multiprocessing
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from math import log1p
from pathlib import Path
from random import Random
from statistics import median, stdev
from time import monotonic, sleep

from scipy.stats import binomtest

from bench.files.gate import read_gate
from bench.record.gate import Contest, Ending, Gate, Pairing
from bench.record.looks import LOOKS
from reports.gate.answer import State, compute_effects, compute_tails, conclude
from reports.stats.verdict import Verdict, judge
from tests.field import identical
from tests.field.job_lines import read_lines
from tests.field.program import end_with
from tests.field.runs import FLATTEN, ROOT, changed_checkout, gate

SLOWDOWNS = (0.01, 0.02, 0.03, 0.05, 0.10)
WINDOWS = (16, 32, 60)
"""Blocks in a job that is cut from the tape: about 1.5, 3 and 5 minutes."""

STRIDE = 8
"""Windows for power begin so many blocks apart: they overlap, and their number is not a sample size."""

MUTANTS = {
    "clone": (("x = x.clone()",), ()),
    "contiguous copy of a transposed tensor": (("x = x.transpose(-1, -2).contiguous().transpose(-1, -2)",), ()),
    "item": (("x.sum().item()",), ()),
    "through float64": (("x = x.double().to(x.dtype)",), ()),
    "addition of nothing": (("x = x + 0",), ()),
    "no grad forgotten": (
        ("if torch.is_inference_mode_enabled():", "    with torch.inference_mode(False):", "        return self(x)"),
        (),
    ),
    "graph break": (("torch._dynamo.graph_break()",), ("--compile", "on")),
}
"""What head's forward does in addition, as the first lines of its body, and with which options it is compared."""

SLOWED = """        began, share = perf_counter(), {shares}.get((x.shape[0], str(x.dtype)), 0.0)
        logits = self._forward(x)
        until = perf_counter() + share * (perf_counter() - began)
        while torch.is_inference_mode_enabled() and perf_counter() < until:
            pass
        return logits

    def _forward(self, x: Tensor) -> Tensor:
"""
"""A forward that takes a share longer than it would, by case."""

SLOWED_CASES = tuple((batch, f"torch.{dtype}") for batch in (1, 64, 1024) for dtype in ("float32", "bfloat16"))

BURNERS = {"a core is burned": 1.0, "bursts on a core": 0.3}
"""How a second process disturbs: the share of each second that it works."""

UNSTEADY = ("bound-threads", "fixed-allocator", "no-gc")


def main(argv: Sequence[str]) -> int:
    """Carry out one stage."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    stages = {
        "tape": tape,
        "aa": identical.carry_out,
        "slowed": slowed,
        "mutants": mutants,
        "disturbed": disturbed,
        "steadiness": steadiness,
    }
    parser.add_argument("stage", choices=[*stages, "table"])
    parser.add_argument("--folder", type=Path, default=ROOT / "reports" / "out" / "calibrate")
    parser.add_argument("--blocks", type=int, default=240, help="of the tape (default: %(default)s)")
    parser.add_argument("--count", type=int, default=6, help="of slowed jobs (default: %(default)s)")
    parser.add_argument("--budget", default="5m", help="of a slowed or changed job (default: %(default)s)")
    identical.add_options(parser)
    options = parser.parse_args(argv)
    options.folder = options.folder.resolve()
    options.folder.mkdir(parents=True, exist_ok=True)
    if options.stage in stages:
        stages[options.stage](options)
    print("\n\n".join(filter(None, (identical.table(read_lines(options.lines)), table(options.folder)))))
    return 0


def tape(options: argparse.Namespace) -> None:
    """Record one long gate."""
    path = options.folder / "tape.json"
    arguments = ["--exhaust", "--budget", "24h", "--launches", str(options.blocks)]
    journal = path.with_suffix(".jsonl")
    if journal.exists() and not path.exists():
        arguments.append("--add-blocks")
    gate(path, *arguments)


def slowed(options: argparse.Namespace) -> None:
    """Run jobs in which five of the twelve cases are slower by the five shares, others in each job.

    Base waits too, for nothing at all, so that the waiting itself is the only difference.
    """
    base = mutant(options.folder / "mutants" / "slowed-by-nothing", SLOWED.format(shares={}) + FLATTEN)
    for number in range(options.count):
        shares = shares_of(number)
        tree = mutant(options.folder / "mutants" / f"slowed-{number}", SLOWED.format(shares=shares) + FLATTEN)
        arms = ("--arm", f"base=ref={base}", "--arm", f"head=ref={tree}")
        gate(options.folder / f"slowed-{number}.json", *arms, "--budget", options.budget)


def shares_of(number: int) -> dict[tuple[int, str], float]:
    """Return by what share each case is slowed in a job: five of the six forward cases, others in each job."""
    turn = number % len(SLOWED_CASES)
    return dict(zip(SLOWED_CASES[turn:] + SLOWED_CASES[:turn], SLOWDOWNS, strict=False))


def mutants(options: argparse.Namespace) -> None:
    """Run a job for each mutant of the network."""
    for name, (lines, extra) in MUTANTS.items():
        slug = name.replace(" ", "-")
        body = "".join(f"        {line}\n" for line in lines)
        tree = mutant(options.folder / "mutants" / slug, body + FLATTEN)
        arm = f"head=ref={tree}"
        gate(options.folder / f"mutant-{slug}.json", "--arm", arm, "--budget", options.budget, *extra)


def mutant(tree: Path, body: str) -> Path:
    """Return a copy of the checkout in which the first line of the network's forward is replaced, made once."""
    return tree if tree.exists() else changed_checkout(tree, body)


def disturbed(options: argparse.Namespace) -> None:
    """Run a job beside each kind of disturbance."""
    for name, share in BURNERS.items():
        with burning(share):
            gate(options.folder / f"disturbed-{name.replace(' ', '-')}.json", "--budget", options.budget)


def steadiness(options: argparse.Namespace) -> None:
    """Record a short tape with each measure left out, and one with all of them."""
    for name in ("", *UNSTEADY):
        left_out = ["--unsteady", name] if name else []
        gate(options.folder / f"unsteady-{name or 'nothing'}.json", "--exhaust", "--launches", "12", *left_out)


@contextmanager
def burning(share: float) -> Iterator[None]:
    """Keep one core busy for a share of each second."""
    process = multiprocessing.Process(target=_burn, args=(share,), daemon=True)
    process.start()
    try:
        yield
    finally:
        process.terminate()
        process.join()


def _burn(share: float) -> None:
    while True:
        until = monotonic() + share
        while monotonic() < until:
            pass
        sleep(1.0 - share)


def table(folder: Path) -> str:
    """Return what the files in a folder show, as Markdown."""
    parts = []
    if (folder / "tape.json").exists() or (folder / "tape.jsonl").exists():
        recorded = read_gate(max(folder.glob("tape.json*"), key=lambda path: path.suffix == ".json"))
        parts += [false_alarms(recorded), power(recorded), scatter({"tape": recorded})]
    found = {path.stem: read_gate(path) for path in sorted(folder.glob("*.json")) if path.stem != "tape"}
    if found:
        parts.append(whole_jobs(found))
    if really := {name: job for name, job in found.items() if name.startswith("slowed")}:
        parts.append(really_slowed(really))
    if unsteady := {name: job for name, job in found.items() if name.startswith("unsteady")}:
        parts.append(scatter(unsteady))
    return "\n\n".join(parts)


def window(job: Gate, first: int, count: int) -> Gate:
    """Return a job cut from a tape: `count` blocks from `first` on, looked at when a job of that length would be."""
    blocks = job.blocks[first : first + count]
    looks = tuple(dict.fromkeys((*(look.blocks for look in LOOKS if look.blocks <= count), count)))
    return replace(
        job,
        blocks=tuple(replace(block, index=index) for index, block in enumerate(blocks, start=1)),
        looks=looks,
        ending=Ending(reason="cut from the tape", broken=False, stopped=False, wall_seconds=0.0),
    )


def false_alarms(job: Gate) -> str:
    """Return how jobs of identical code end, cut from the tape without overlap."""
    lines = [
        "| jobs cut from the tape | red | 95 % interval | unproven | with an inconclusive case | cases inconclusive |",
        "|---|--:|---|--:|--:|--:|",
    ]
    for count in WINDOWS:
        found = [conclude(window(job, first, count)) for first in range(0, len(job.blocks) - count + 1, count)]
        if not found:
            continue
        red = sum(bool(one.regressed) for one in found)
        interval = binomtest(red, len(found)).proportion_ci(method="exact")
        unsure = [one.count(Verdict.INCONCLUSIVE) for one in found]
        cases = sum(len(one.rulings) for one in found)
        lines.append(
            f"| {len(found)} of {count} blocks | {red} | {interval.low:.1%} to {interval.high:.1%} "
            f"| {sum(one.state is State.UNPROVEN for one in found)} | {sum(map(bool, unsure))} "
            f"| {sum(unsure) / cases if cases else 0:.0%} |"
        )
    return "\n".join(lines)


def power(job: Gate) -> str:
    """Return the share of windows and cases in which a slowdown of that one case is called a regression."""
    lines = [
        f"| blocks | {' | '.join(f'{share:.0%} slower' for share in SLOWDOWNS)} |",
        f"|---|{'--:|' * len(SLOWDOWNS)}",
    ]
    for count in WINDOWS:
        if count <= len(job.blocks):
            caught = (caught_share(job, count, share) for share in SLOWDOWNS)
            lines.append(f"| {count} | {' | '.join(f'{share:.0%}' for share in caught)} |")
    return "\n".join(lines)


def caught_share(job: Gate, count: int, share: float) -> float:
    """Return how often one slowed case is caught in windows of so many blocks, over windows and cases."""
    chosen = [
        (window(job, first, count), index, share)
        for first in range(0, len(job.blocks) - count + 1, STRIDE)
        for index in range(len(job.live))
        if (first // STRIDE + index) % 3 == 0  # a third of them, evenly spread, is enough
    ]
    with ProcessPoolExecutor() as pool:
        caught = list(pool.map(caught_in, *zip(*chosen, strict=True), chunksize=8))
    return sum(caught) / len(caught)


def caught_in(job: Gate, index: int, share: float) -> bool:
    """Return whether a job calls one case regressed when head's slices of it are made slower by a share."""
    slow = job.live[index]
    medians, tails = (
        {case.id: [value + log1p(share) * (case == slow) for value in values] for case, values in effects.items()}
        for effects in (compute(job, Contest.ARMS, job.live) for compute in (compute_effects, compute_tails))
    )
    ruling = judge(medians, tails, job.looks, {case.id: job.floors[case.id] for case in job.live})[slow.id]
    return ruling.verdict is Verdict.REGRESSED


def stalled(job: Gate, index: int, *, every: int, seconds: float, random: Random) -> Gate:
    """Return a job in which every so many calls of one case's head take longer, from a random one on in each block."""
    stalls = job.live[index]
    return replace(
        job,
        blocks=tuple(
            replace(
                block,
                pairings=tuple(
                    _stall(pairing, every, seconds, random)
                    if (pairing.case, pairing.contest) == (stalls, Contest.ARMS)
                    else pairing
                    for pairing in block.pairings
                ),
            )
            for block in job.blocks
        ),
    )


def _stall(pairing: Pairing, every: int, seconds: float, random: Random) -> Pairing:
    call = random.randrange(every)
    slices = []
    for slice_seconds in pairing.head_seconds:
        call += -(-pairing.iterations // 2)  # those before a slice are not timed
        stalls = (call + pairing.iterations) // every - call // every
        call += pairing.iterations
        slices.append(slice_seconds + stalls * seconds / pairing.iterations)
    return replace(pairing, head_seconds=tuple(slices))


def really_slowed(jobs_: dict[str, Gate]) -> str:
    """Return what was said of the cases that really waited, by share, and of those that did not."""
    told: dict[float, list[str]] = {share: [] for share in (*SLOWDOWNS, 0.0)}
    for name, job in jobs_.items():
        shares = shares_of(int(name.removeprefix("slowed-")))
        rulings = conclude(job).rulings
        for case in job.live:
            share = shares.get((case.batch, f"torch.{case.dtype}"), 0.0) if case.step == "forward" else 0.0
            told[share].append(rulings[case].verdict.value)
    lines = ["| waits for | cases | regressed | inconclusive | unchanged | improved |", "|--:|--:|--:|--:|--:|--:|"]
    for share, verdicts in told.items():
        counts = " | ".join(str(verdicts.count(one.value)) for one in ORDER)
        lines.append(f"| {share:.0%} | {len(verdicts)} | {counts} |")
    return "\n".join(lines)


ORDER = (Verdict.REGRESSED, Verdict.INCONCLUSIVE, Verdict.UNCHANGED, Verdict.IMPROVED)


def scatter(jobs_: dict[str, Gate]) -> str:
    """Return the standard deviation of one block's effect, over cases, for each job."""
    lines = ["| | blocks | block scatter, median case | noisiest case |", "|---|--:|--:|--:|"]
    for name, job in jobs_.items():
        deviations = [stdev(values) for values in compute_effects(job, Contest.ARMS, job.live).values()]
        lines.append(f"| {name} | {len(job.blocks)} | {median(deviations):.1%} | {max(deviations):.1%} |")
    return "\n".join(lines)


def whole_jobs(found: dict[str, Gate]) -> str:
    """Return how whole jobs ended."""
    lines = ["| job | answer | verdicts | blocks | slowdowns visible from |", "|---|---|---|--:|--:|"]
    for name, job in found.items():
        one = conclude(job)
        verdicts = Counter(ruling.verdict.value for ruling in one.rulings.values())
        said = ", ".join(f"{count} {verdict}" for verdict, count in verdicts.items())
        most = max((ruling.visible for ruling in one.rulings.values()), default=None)
        visible = "" if most is None else f"{most:.1%}"
        lines.append(f"| {name} | {one.state} | {said} | {len(job.blocks)} | {visible} |")
    return "\n".join(lines)


if __name__ == "__main__":
    end_with(main)
