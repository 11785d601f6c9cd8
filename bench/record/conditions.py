"""Where and how a run or a gate was measured, and whether two of their parts were measured alike.

Standard library only. Seconds and bytes throughout; absent is None with a reason.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from bench.record.case import Case
from bench.record.observations import Preparation, not_negative, positive

MOST_LAUNCHES = 1000
"""An interval looks at every pair of launches."""

STATES = ("run.started", "_at_start")
"""Ends of facts that are a state rather than a property, such as load and temperature: no two parts share them."""

COMMITS = ("commit.id", "commit.id.reason", "commit.dirty", ".commit", ".commit.subject")
"""Ends of facts that name a commit: what it holds is compared itself, as ``code.`` and as an arm's ``models``."""

FREE_SETTINGS = ("budget_seconds", "timeout_seconds")
"""Settings that do not change what a measurement means."""

CLOCK_SHARE = 0.01
"""A slice is so long that one pair of clock reads is at most this share of it."""

HINTS = {"machine.name": " (where the machine is the same, give it the same name: docker run --hostname NAME)"}
"""What would make a difference go away, by the fact's name."""

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
        seed: of weights, random inputs and the order within sets.
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

    def iterations_for(self, pilot: Preparation) -> int:
        """Return how many iterations a slice of a case has, given what the pilot saw of it."""
        aim = max(self.slice_seconds, pilot.clock_seconds / CLOCK_SHARE)
        return max(1, round(aim / pilot.estimate_seconds))


SECRET = re.compile(r"KEY|TOKEN|SECRET|PASSW|CREDENTIAL|AUTH", re.IGNORECASE)
"""The value of an environment variable with such a name is never written down."""


def spell_halves(text: str) -> str:
    """Return a text in which half of a surrogate pair, as the name of a file may hold, is spelt as JSON does.

    No library that encodes texts could show it otherwise.
    """
    return text.encode("utf-8", "backslashreplace").decode()


def veil(name: str, value: str) -> str:
    """Return what may be written down of an environment variable: its value, or that it has one."""
    return "set" if SECRET.search(name) else value


BUSY_LOAD_PER_CORE = 0.75
"""Where so many processes a core want to run, whoever is timed waits for its turn."""


def is_busy(load: float, cores: int) -> bool:
    """Whether a load average says that a machine had other work to do."""
    return load > BUSY_LOAD_PER_CORE * cores


class Part(Protocol):
    """A part of a run or of a gate: where it was measured, how, and what."""

    @property
    def environment(self) -> Environment:
        """Where."""

    @property
    def settings(self) -> Settings:
        """How."""

    @property
    def cases(self) -> Sequence[Case]:
        """What was planned."""


def find_differences(before: Part, after: Part, *, free: tuple[str, ...] = ()) -> list[str]:
    """Return why `after` cannot continue `before`, field by field: another machine, other code, another request.

    States, such as the load, and the names of commits may differ, and so may the settings in `FREE_SETTINGS`.

    Args:
        before: the earlier part.
        after: the later one.
        free: settings beside those that may differ, too.
    """
    planned, selected = set(before.cases), set(after.cases)
    return [
        *_differing(before.environment.facts, after.environment.facts, free=(*STATES, *COMMITS)),
        *_differing(_fields(before.settings), _fields(after.settings), free=(*FREE_SETTINGS, *free)),
        *(f"case {case.id} was planned and is not selected" for case in before.cases if case not in selected),
        *(f"case {case.id} is selected and was not planned" for case in after.cases if case not in planned),
    ]


def is_state(fact: str) -> bool:
    """Whether a fact says in which state the machine was, which explains nothing and is never the same twice."""
    return fact.endswith(STATES)


def _differing(before: Mapping[str, object], after: Mapping[str, object], *, free: tuple[str, ...]) -> Iterator[str]:
    for name in sorted({*before, *after}):
        if not name.endswith(free) and before.get(name) != after.get(name):
            hint = HINTS.get(name, "")
            yield f"{name} was {before.get(name)!r}, is {after.get(name)!r}{hint}"


def _fields(settings: Settings) -> dict[str, object]:
    return {name: getattr(settings, name) for name in Settings.__dataclass_fields__}
