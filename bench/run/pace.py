"""How much is timed: iterations in a slice, slices in a launch, launches in a budget. Arithmetic only."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import ceil

from bench.record.case import Case
from bench.record.conditions import Settings
from bench.record.observations import Preparation

MIN_SETS = 3
"""Fewest slices of a case in a launch: its value is a median, and the median of one or two hides nothing."""


@dataclass(slots=True)
class Pace:
    """What the pilot and the launches so far taught about how long things take.

    Attributes:
        settings: what was asked for.
        iterations: per slice, fixed for the whole run by the pilot.
        slice_seconds: expected length of a slice.
        scale: how many times the default number of sets fits into the budget.
    """

    settings: Settings
    iterations: dict[Case, int] = field(default_factory=dict)
    slice_seconds: dict[Case, float] = field(default_factory=dict)
    scale: float = 1.0

    def fix(self, case: Case, pilot: Preparation) -> None:
        """Fix a case's iterations per slice from what the pilot saw."""
        self.iterations[case] = self.settings.iterations_for(pilot)
        self.slice_seconds[case] = self.iterations[case] * pilot.estimate_seconds

    def sets(self, case: Case) -> int:
        """Return the number of slices of a case in the next launch."""
        launches = self.settings.launches
        by_time = self.settings.case_seconds / launches / self.slice_seconds[case] * self.scale
        return max(MIN_SETS, ceil(self.settings.min_slices / launches), round(by_time))

    def turns(self, order: Sequence[Sequence[Case]]) -> list[tuple[int, Case]]:
        """Return (set, case) in the order of timing; a slow case sits out some sets, evenly spread.

        Args:
            order: for each set, its cases in random order.
        """
        wanted = {case: self.sets(case) for case in (order[0] if order else ())}
        total = len(order)
        return [
            (index, case)
            for index, cases in enumerate(order)
            for case in cases
            if (index + 1) * wanted[case] // total > index * wanted[case] // total
        ]

    def rescale(
        self,
        *,
        elapsed_seconds: float,
        done: int,
        overhead_seconds: float,
        sliced_seconds: float,
        reserved_seconds: float,
    ) -> None:
        """Fit the remaining launches into what is left of the budget.

        Args:
            elapsed_seconds: since the run began.
            done: launches that are finished.
            overhead_seconds: what a launch costs beside its slices.
            sliced_seconds: what the slices of a launch cost at the present scale.
            reserved_seconds: what only some of the remaining launches cost: theirs is shared by all, so that
                none of them is starved.
        """
        budget, left = self.settings.budget_seconds, self.settings.launches - done
        planned = sum(self.sets(case) * seconds for case, seconds in self.slice_seconds.items())
        if budget is None or left < 1 or sliced_seconds <= 0 or planned <= 0:
            return
        room = (budget - elapsed_seconds - reserved_seconds) / left - overhead_seconds
        at_default = len(self.slice_seconds) * self.settings.case_seconds / self.settings.launches
        self.scale = max(0.0, room) / (at_default * sliced_seconds / planned)

    def exhausted(self, *, elapsed_seconds: float, last_launch_seconds: float, done: int) -> str | None:
        """Return why no further launch is begun: it would end after the budget; None if it is begun."""
        budget = self.settings.budget_seconds
        if budget is None or done == 0 or elapsed_seconds + last_launch_seconds <= budget * BUDGET_SLACK:
            return None
        return f"the budget of {budget:g} s ended after {done} of {self.settings.launches} launches"


BUDGET_SLACK = 1.1
"""A launch that would end up to a tenth over the budget is still begun: a replicate is worth more than punctuality."""


def expected_seconds(cases: Mapping[Case, bool], settings: Settings) -> float:
    """Return a rough forecast of a run's wall time, before anything was measured.

    Args:
        cases: every case that would be measured; True if it compiles.
        settings: how.
    """
    if settings.quick:
        return sum(QUICK_SECONDS + COLD_COMPILE_SECONDS * compiled for compiled in cases.values())
    if settings.budget_seconds is not None:
        return settings.budget_seconds
    once = sum(WARM_SECONDS + COLD_COMPILE_SECONDS * compiled for compiled in cases.values())
    launch = sum(WARM_SECONDS + WARM_COMPILE_SECONDS * compiled for compiled in cases.values())
    return once + settings.launches * launch + settings.case_seconds * len(cases)


QUICK_SECONDS = 0.1
WARM_SECONDS = 0.35
COLD_COMPILE_SECONDS = 3.0
WARM_COMPILE_SECONDS = 0.25
"""Typical costs of one case on two cores of a shared virtual machine; a forecast, not a figure."""
