"""What a person sees while a gate measures: one line for each thing that happens."""

from __future__ import annotations

from collections.abc import Callable
from typing import assert_never

from bench.gate.block import Turn
from bench.gate.profiles import REPLICATES
from bench.gate.schedule import Event
from bench.record.gate import Block, Counts, Ending, Fault, Footprint, Gate, Looked, Opened, Plan, Trees
from bench.record.how_many import how_many
from bench.record.profile import Profiled
from reports.show.units import duration


class GateProgress:
    """One line when a stage begins, one for each block, one for each fault: readable in a log."""

    def __init__(
        self, write: Callable[[str], None], cases: int, budget_seconds: float | None, headline: Callable[[Gate], str]
    ) -> None:
        self._write = write
        self._cases = cases
        self._budget = budget_seconds
        self._headline = headline
        self._opening = True
        self._spent = 0.0
        self._replicate = 0

    def say(self, sentence: str) -> None:
        """Show a sentence."""
        self._write(sentence)

    def show(self, event: Event, gate: Callable[[], Gate]) -> None:  # noqa: C901  one for each event
        """Show an event; `gate` makes the gate so far."""
        match event:
            case Turn():
                if self._opening:
                    self._opening = False
                    self._write(f"both arms: verify and count {how_many(self._cases, 'case')}")
            case Plan():
                quads = sum(share.quads for share in event.shares)
                looks = ", ".join(map(str, gate().design.grid))
                cases = how_many(len(event.shares), "case")
                asked = f"; at most {how_many(event.blocks, 'block')}" if event.blocks else ""
                self._write(
                    f"pilot done: {cases}, {how_many(quads, 'quad')} a block; looks after {looks} blocks{asked}"
                )
            case Fault():
                self._write(f"{event.case.id}: {event.outcome} in {event.side}: {event.reason}")
            case Block():
                self._spent += event.wall_seconds
                of = f" of {duration(self._budget)}" if self._budget else ""
                self._write(
                    f"block {event.index}: {duration(event.wall_seconds)}; {duration(self._spent)}{of} in blocks"
                )
            case Looked():
                self._write(f"look after {event.blocks} blocks: {self._headline(gate())}")
            case Profiled():
                if event.replicate != self._replicate:
                    self._replicate = event.replicate
                    self._write(f"profile {event.replicate} of {REPLICATES}: both arms, to find out what changed")
                if event.reason is not None:
                    self._write(f"{event.case.id}: not profiled in {event.side}: {event.reason}")
            case Ending():
                self._write(f"done in {duration(event.wall_seconds)}: {event.reason}")
            case Counts() | Opened() | Trees() | Footprint():
                pass  # the answer tells them
            case _:
                assert_never(event)
