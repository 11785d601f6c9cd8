"""Where and how a run was measured: its environment and its settings.

Standard library only. Seconds and bytes throughout; absent is None with a reason.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from bench.record.observations import not_negative, positive

MOST_LAUNCHES = 1000
"""An interval looks at every pair of launches."""

Scalar = str | int | float | bool | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Environment:
    """Where a run was made: facts by dotted name, such as ``torch.version`` or ``steady.bound_threads``.

    A fact that could not be found is None and has its reason under the same name with ``.reason``.
    """

    facts: Mapping[str, Scalar]

    def __getitem__(self, name: str) -> Scalar:
        return self.facts[name]

    def get(self, name: str) -> Scalar:
        """Return a fact, None if this environment does not know it."""
        return self.facts.get(name)


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """How a run was asked to measure.

    Attributes:
        launches: fresh processes per case, each one replicate.
        seed: of weights, random images and the order within sets.
        quick: every case runs once as a test and nothing is timed.
        case_seconds: slices of one case over all launches, in seconds, where no budget is given.
        min_slices: least number of slices of a case over all launches.
        slice_seconds: aim for the length of one slice.
        budget_seconds: wall time for the whole run; None for case_seconds each.
        timeout_seconds: limit for one request to a worker: one preparation or one slice.
    """

    launches: int = 8
    seed: int = 0
    quick: bool = False
    case_seconds: float = 1.0
    min_slices: int = 5
    slice_seconds: float = 0.01
    budget_seconds: float | None = None
    timeout_seconds: float = 300.0

    def __post_init__(self) -> None:
        if self.launches > MOST_LAUNCHES:
            raise ValueError(f"launches is {self.launches}; at most {MOST_LAUNCHES} are compared pair by pair")
        positive(self, "launches", "min_slices", "slice_seconds", "budget_seconds", "timeout_seconds")
        not_negative(self, "case_seconds")
