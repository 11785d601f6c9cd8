"""``python -m tests.field.block_seconds``: where does the time of a gate's block go?

Carries out one gate of the working tree with itself, of the default twelve cases in eager, and notes in the engine's
process how long each request to a worker, each fork and each signal took. What a worker tells of its own work
(preparing a case, timing a slice) divides the requests further. Prints a table: seconds of a block, the median over
blocks, and the scatter of a block's effects.
"""

from __future__ import annotations

import argparse
import tempfile
from collections import defaultdict
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import median, stdev
from time import monotonic
from typing import Any

import pytest

from bench.files.gate import read_gate
from bench.files.journal import Journal
from bench.gate.block import BlockTimer
from bench.processes.local import Launcher, WorkerProcess
from bench.protocol import Failure, Prepare, TimeSlice
from bench.record.gate import Contest
from reports.gate.answer import compute_effects
from tests.field.program import end_with

CASES = ("--device", "cpu", "--batch", "1,64,1024", "--dtype", "float32,bfloat16", "--compile", "off")

SLICES, LEAD = "what is timed of slices", "before slices and between the reads of the clock"
FIRST_CALL, VERIFY, WARM_UP, BUILD = "first call", "first verification", "warm-up", "networks, inputs, right answers"


class Account:
    """What was spent on what, in the block that is being timed.

    Attributes:
        blocks: seconds by purpose, one for each block.
        now: of the block that is being timed.
    """

    def __init__(self) -> None:
        self.blocks: list[dict[str, float]] = []
        self.now: dict[str, float] = defaultdict(float)

    def ask(self, whole: Callable[..., Any]) -> Callable[..., Any]:
        """Return the method that asks a worker, with an account of it."""

        def ask(worker: WorkerProcess, request: Any, timeout_seconds: float) -> Any:
            begin = monotonic()
            reply = whole(worker, request, timeout_seconds)
            seconds = monotonic() - begin
            if isinstance(reply, Failure):
                self.now["failures"] += seconds
            elif isinstance(request, TimeSlice):
                timed = reply.seconds * request.iterations
                self.now[SLICES] += timed
                self.now[LEAD] += seconds - timed
            elif isinstance(request, Prepare):
                self.now[FIRST_CALL] += reply.first_call_seconds
                self.now[VERIFY] += reply.verify_seconds
                self.now[WARM_UP] += reply.warmup_seconds
                self.now[BUILD] += seconds - reply.first_call_seconds - reply.verify_seconds - reply.warmup_seconds
                self.now["preparations, number"] += 1
            else:
                self.now[type(request).__name__] += seconds
            return reply

        return ask

    def spend(self, purpose: str, whole: Callable[..., Any]) -> Callable[..., Any]:
        """Return a function with an account of its seconds and calls."""

        def spend(*arguments: Any, **named: Any) -> Any:
            begin = monotonic()
            try:
                return whole(*arguments, **named)
            finally:
                self.now[purpose] += monotonic() - begin
                self.now[f"{purpose}, number"] += 1

        return spend

    def block(self, whole: Callable[..., Any]) -> Callable[..., Any]:
        """Return the method that times a block, with an account of the whole block."""

        def time(timer: BlockTimer, index: int, plan: Any) -> Any:
            self.now = defaultdict(float)
            begin = monotonic()
            timed = yield from whole(timer, index, plan)
            if index:
                self.blocks.append({**self.now, "a block": monotonic() - begin})
            return timed

        return time


def main(argv: Sequence[str]) -> int:
    """Carry out the gate and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--blocks", type=int, default=8)
    parser.add_argument("arguments", nargs="*", help="further ones of pytest bench, behind --")
    options = parser.parse_args(argv)
    account = Account()
    WorkerProcess.ask = account.ask(WorkerProcess.ask)  # type: ignore[method-assign]
    WorkerProcess._signal = account.spend("signals", WorkerProcess._signal)  # type: ignore[method-assign]
    WorkerProcess.end = account.spend("ends", WorkerProcess.end)  # type: ignore[method-assign]
    Launcher.start = account.spend("forks", Launcher.start)  # type: ignore[method-assign]
    Journal.append = account.spend("journal", Journal.append)  # type: ignore[method-assign]
    BlockTimer.time = account.block(BlockTimer.time)  # type: ignore[method-assign]
    with tempfile.TemporaryDirectory(prefix="field-block-") as name:
        path = Path(name) / "gate.json"
        code = pytest.main(
            [
                *("bench", "-q", "-p", "no:cacheprovider", *CASES, "--against", str(Path.cwd()), "--exhaust"),
                *("--budget", "24h", "--launches", str(options.blocks), "--reports", name),
                *("--benchmark-json", str(path), *options.arguments),
            ]
        )
        job = read_gate(path)
    print(render(account.blocks))
    scatter = [stdev(values) for values in compute_effects(job, Contest.ARMS, job.live).values()]
    print(f"\nscatter of a block's effect: {median(scatter):.2%} in the median case, {max(scatter):.2%} at most")
    return int(code)


def render(blocks: Sequence[dict[str, float]]) -> str:
    """Return a table of the medians over blocks as Markdown."""
    purposes = list(dict.fromkeys(purpose for block in blocks for purpose in block))
    middle = {purpose: median(block.get(purpose, 0.0) for block in blocks) for purpose in purposes}
    whole = middle["a block"]
    seconds = {purpose: value for purpose, value in middle.items() if not purpose.endswith(", number")}
    seconds["the engine itself"] = 2 * whole - sum(seconds.values())
    lines = [f"| {len(blocks)} blocks, median | seconds | share | number |", "|---|--:|--:|--:|"]
    for purpose, value in sorted(seconds.items(), key=lambda item: -item[1]):
        number = middle.get(f"{purpose}, number")
        lines.append(f"| {purpose} | {value:.2f} | {value / whole:.0%} | {'' if number is None else f'{number:.0f}'} |")
    return "\n".join(lines)


if __name__ == "__main__":
    end_with(main)
