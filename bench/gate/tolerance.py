"""What a gate tolerates: the smallest change of a case that counts, and known regressions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

from bench.files.parse_json import UnreadableError
from bench.files.project_settings import ProjectSettings, read_project_settings
from bench.record.case import Case
from bench.record.gate import Acceptance, default_floor
from bench.request import SetupError

FLOOR_OF_DETECTED = 0.75
"""Where a slowdown is named that is to be seen, a floor that nobody chose is at most this share of it. What is
significant lies at 0.81 of what is visible or above, so that such a floor costs no power, while a floor at what is to
be seen would hide it in half of all gates."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tolerance:
    """What the file says.

    Attributes:
        floors: by pattern of case ids, the first that fits counts.
        accepted: known regressions.
    """

    floors: Mapping[str, float]
    accepted: tuple[Acceptance, ...]

    def floor(self, case: Case, marked: float | None, detect: float | None = None) -> float:
        """Return the smallest change of a case that counts.

        Args:
            case: the case.
            marked: of the test's own marker, which goes first; None if it has none.
            detect: the slowdown that the gate is to be able to see; None if none was named.

        Raises:
            SetupError: if somebody chose a floor that is not below what is to be seen.
        """
        chosen = marked if marked is not None else self._find_floor(case)
        if chosen is None:
            return default_floor(case) if detect is None else min(default_floor(case), FLOOR_OF_DETECTED * detect)
        if detect is not None and chosen >= detect:
            raise SetupError(
                f"--detect {detect:g}: the floor of {case.id} is {chosen:g}, and a slowdown on its floor is called one "
                "in half of all gates only; lower that floor, or name a larger slowdown"
            )
        return chosen

    def _find_floor(self, case: Case) -> float | None:
        """Return the floor of the first pattern that fits; None if none does."""
        return next((floor for pattern, floor in self.floors.items() if fnmatchcase(case.id, pattern)), None)

    def find_idle(self, cases: Sequence[Case]) -> tuple[str, ...]:
        """Return the patterns, of floors and of known regressions, that fit none of the cases: often a typing error."""
        patterns = dict.fromkeys((*self.floors, *(acceptance.case for acceptance in self.accepted)))
        return tuple(pattern for pattern in patterns if not any(fnmatchcase(case.id, pattern) for case in cases))


def tolerance_of(settings: ProjectSettings) -> Tolerance:
    """Return what a project's settings tolerate."""
    return Tolerance(floors=settings.floors, accepted=settings.accepted)


def read_tolerance(path: Path) -> Tolerance:
    """Return what a pyproject.toml tolerates; nothing special if there is none.

    Raises:
        SetupError: if it cannot be read, or says something unknown or impossible.
    """
    try:
        return tolerance_of(read_project_settings(path))
    except UnreadableError as error:
        raise SetupError(str(error)) from error


def compare_tolerances(base: Tolerance, used: Tolerance) -> list[str]:
    """Return in what base's own commit tolerated something else than what is in force, each a sentence."""
    floors = [
        f"the floor of {pattern} was {_say_floor(base.floors.get(pattern))} in base, is {_say_floor(floor)} in head"
        for pattern in dict.fromkeys((*base.floors, *used.floors))
        if base.floors.get(pattern) != (floor := used.floors.get(pattern))
    ]
    if not floors and list(base.floors) != list(used.floors):
        floors = ["the floors stand in another order than in base, and the first pattern that fits counts"]
    known = [
        f"head accepts {acceptance.case} up to {acceptance.up_to:g} until {acceptance.until}, which base does not"
        for acceptance in used.accepted
        if acceptance not in base.accepted
    ]
    return [*floors, *known]


def _say_floor(floor: float | None) -> str:
    return "the default" if floor is None else f"{floor:g}"
