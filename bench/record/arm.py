"""The two sides of a gate: which code, which interpreter, which environment, which variant.

Standard library only.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum

from bench.record.case import Case

WORKING_TREE = "the working tree"
"""What an arm's code is taken from where nothing else is said."""


class Side(StrEnum):
    """Which arm."""

    BASE = "base"
    HEAD = "head"


@dataclass(frozen=True, slots=True, kw_only=True)
class Arm:
    """One side of a gate.

    Attributes:
        ref: a commit, branch or folder whose ``models`` are timed; None for the working tree.
        python: the interpreter; None for the one that runs pytest.
        variables: environment variables, set before its workers' program is executed.
        dtype: overrides every case's; None to leave it.
        compile: likewise.
    """

    ref: str | None = None
    python: str | None = None
    variables: Mapping[str, str] = field(default_factory=dict)
    dtype: str | None = None
    compile: str | None = None

    def case(self, case: Case) -> Case:
        """Return what this arm runs where `case` is compared."""
        return replace(case, dtype=self.dtype or case.dtype, compile=self.compile or case.compile)

    def runs_like(self, other: Arm) -> bool:
        """Whether nothing but the code can make the two differ."""
        return replace(self, ref=None) == replace(other, ref=None)

    def launched_like(self, other: Arm) -> bool:
        """Whether one launcher can serve both: equal interpreter and environment."""
        return (self.python, self.variables) == (other.python, other.variables)

    def __str__(self) -> str:
        settings = {"python": self.python, "dtype": self.dtype, "compile": self.compile, **self.variables}
        given = [f"{name}={value}" for name, value in settings.items() if value is not None]
        return ", ".join([self.ref or WORKING_TREE, *given])
