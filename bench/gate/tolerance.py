"""What a gate tolerates: the smallest change that counts, and known regressions; from pyproject.toml.

[tool.accelbench.floors]
"mlp-forward-b1-*" = 0.05

[[tool.accelbench.accepted]]
case = "mlp-backward-b64-*"
up_to = 0.08
reason = "the new loss is stabler"
until = "2027-01-31"
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from bench.files.decode_fields import DecodeError, decode
from bench.record.case import Case
from bench.record.gate import Acceptance, default_floor
from bench.request import SetupError


@dataclass(frozen=True, slots=True, kw_only=True)
class Tolerance:
    """What the file says.

    Attributes:
        floors: by pattern of case ids, the first that fits counts.
        accepted: known regressions.
    """

    floors: Mapping[str, float]
    accepted: tuple[Acceptance, ...]

    def floor(self, case: Case, marked: float | None) -> float:
        """Return the smallest change of a case that counts.

        Args:
            case: the case.
            marked: of the test's own marker, which goes first; None if it has none.
        """
        if marked is not None:
            return marked
        for pattern, floor in self.floors.items():
            if fnmatchcase(case.id, pattern):
                return floor
        return default_floor(case)

    def find_idle(self, cases: Sequence[Case]) -> tuple[str, ...]:
        """Return the patterns, of floors and of known regressions, that fit none of the cases: often a typing error."""
        patterns = dict.fromkeys((*self.floors, *(acceptance.case for acceptance in self.accepted)))
        return tuple(pattern for pattern in patterns if not any(fnmatchcase(case.id, pattern) for case in cases))


def read_tolerance(path: Path) -> Tolerance:
    """Return what ``[tool.accelbench]`` of a pyproject.toml says; nothing special if there is none.

    Raises:
        SetupError: if it cannot be read, or says something unknown or impossible.
    """
    try:
        tool: Any = tomllib.loads(path.read_text(encoding="utf-8")).get("tool", {})
        table: Any = tool.get("accelbench", {}) if isinstance(tool, dict) else None
    except FileNotFoundError:
        table = {}
    except (OSError, ValueError) as error:
        raise SetupError(f"{path}: {error}") from error
    where = f"{path}: [tool.accelbench]"
    if not isinstance(table, dict):
        raise SetupError(f"{where}: it must be a table, as in the README")
    if unknown := sorted(table.keys() - {"floors", "accepted"}):
        raise SetupError(f"{where}: unknown key {unknown[0]!r}; known: floors, accepted")
    try:
        return Tolerance(
            floors={pattern: share_of(value, pattern) for pattern, value in table.get("floors", {}).items()},
            accepted=tuple(_accepted(table.get("accepted", []))),
        )
    except (ValueError, AttributeError, TypeError) as error:
        raise SetupError(f"{where}: {error}") from error


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


def share_of(value: object, what: str) -> float:
    """Return a floor, checked.

    Raises:
        ValueError: if it is not a share between 0 and 1.
    """
    if not isinstance(value, int | float) or isinstance(value, bool) or not 0 < value < 1:
        raise ValueError(f"the floor of {what} is {value!r}; it must be a share such as 0.05")
    return float(value)


def _accepted(entries: Iterable[object]) -> Iterable[Acceptance]:
    for index, entry in enumerate(entries):
        try:
            yield decode(Acceptance, _as_read(entry), f"accepted[{index}]")
        except DecodeError as error:
            raise ValueError(str(error)) from error


def _as_read(entry: object) -> object:
    """Return an entry with a TOML date, which may stand without quotes, as text."""
    if isinstance(entry, dict) and hasattr(entry.get("until"), "isoformat"):
        return {**entry, "until": entry["until"].isoformat()}
    return entry
