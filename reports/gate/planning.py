"""What a gate will be able to see, and in what time: from the scatter of its pilot, or of a stored gate's blocks."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from math import pi, sqrt
from statistics import median, stdev

from bench.record.case import Case
from bench.record.gate import Block, Contest, Gate, quad_effects
from bench.record.looks import ALONE, Design
from reports.gate.answer import compute_effects
from reports.stats.forecast import forecast_visible

CONTROLS = 2
"""A block times one case so many times more, for the controls."""

MEDIAN_ERROR = sqrt(pi / 2)
"""The standard error of a median of normal values is so many times that of their mean."""

CAREFUL = 1.25
"""A pilot's scatter is taken for so much larger where it chooses the blocks. On 270 recorded blocks of twelve cases the
largest scatter that one block tells of was 0.84 to 2.15 times that of the other blocks (the middle 60 %), on 289 blocks
of one case 0.43 to 1.55 times. A gate ends at the first look that shows enough, so that too many cost nothing then."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Prospect:
    """What blocks like those that were seen will show.

    Attributes:
        scatters: standard deviation of a block's log effect on the median, by case id.
        floors: the smallest change that counts, as a share, likewise.
        block_seconds: wall time of a block.
        before_seconds: wall time before the first block.
        design: the looks.
    """

    scatters: Mapping[str, float]
    floors: Mapping[str, float]
    block_seconds: float
    before_seconds: float
    design: Design = ALONE

    def list_visible(self, blocks: int) -> dict[str, float]:
        """Return the smallest slowdown of each case that so many blocks would show; empty if they are too few."""
        if blocks < self.design.least_blocks:
            return {}
        return forecast_visible(self.scatters, self.floors, blocks, self.design)

    def find_visible(self, blocks: int) -> float | None:
        """Return the smallest slowdown that so many blocks would show in any case; None if they are too few."""
        return max(self.list_visible(blocks).values(), default=None)

    def find_blocks(self, share: float, *, careful: float = 1.0) -> int | None:
        """Return the first look of the fixed grid at which a slowdown would show in any case; None if none would do.

        Args:
            share: the slowdown.
            careful: how many times the scatter is counted.
        """
        scatters = {name: careful * scatter for name, scatter in self.scatters.items()}
        blocks = self.design.next_look(0)
        while max(forecast_visible(scatters, self.floors, blocks, self.design).values()) > share:
            if blocks >= self.design.most_looked:
                return None
            blocks = self.design.next_look(blocks + 1)
        return blocks

    def count_blocks(self, seconds: float) -> int:
        """Return how many blocks a budget holds."""
        return max(0, int((seconds - self.before_seconds) / self.block_seconds))

    def count_seconds(self, blocks: int) -> float:
        """Return how long so many blocks take, with what is before them."""
        return self.before_seconds + blocks * self.block_seconds


def foresee_from_pilot(
    pilot: Block, floors: Mapping[str, float], before_seconds: float, design: Design = ALONE
) -> Prospect:
    """Return what a pilot tells of the blocks behind it: it has one block, whose quads scatter.

    Args:
        pilot: the block that is discarded.
        floors: the smallest change of each case that counts.
        before_seconds: until the pilot ended.
        design: the looks.
    """
    scatters = {
        pairing.case.id: MEDIAN_ERROR * stdev(quad_effects(pairing)) / sqrt(len(pairing.base_outside))
        for pairing in pilot.pairings
        if pairing.contest is Contest.ARMS
    }
    return Prospect(
        scatters=scatters,
        floors={name: floors[name] for name in scatters},
        block_seconds=pilot.wall_seconds,
        before_seconds=before_seconds,
        design=design,
    )


def foresee_from_gate(gate: Gate, cases: Collection[Case], floors: Mapping[str, float]) -> Prospect | None:
    """Return what the blocks of a stored gate tell of further ones; None if it cannot tell of all these cases.

    Args:
        gate: the stored one.
        cases: what is to be measured; fewer than it had take less time.
        floors: the smallest change of each case that counts.
    """
    live = gate.live
    if len(gate.blocks) < gate.design.least_blocks or not cases or not set(cases) <= set(live):
        return None
    walls = [block.wall_seconds for block in gate.blocks]
    share = (len(cases) + CONTROLS) / (len(live) + CONTROLS)
    block_seconds = share * median(walls)
    return Prospect(
        scatters={case.id: stdev(values) for case, values in compute_effects(gate, Contest.ARMS, cases).items()},
        floors={case.id: floors[case.id] for case in cases},
        block_seconds=block_seconds,
        before_seconds=max(share * (gate.wall_seconds - sum(walls)), block_seconds),  # the pilot is before the first
        design=gate.design,
    )
