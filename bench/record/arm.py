"""The two sides of a gate: which code, which interpreter, which environment, which variant.

Standard library only.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum

from bench.record.added_later import ADDED_LATER
from bench.record.case import Case, Variant

WORKING_TREE = "the working tree"
"""What an arm's code is taken from where nothing else is said."""


class Side(StrEnum):
    """Which arm."""

    BASE = "base"
    HEAD = "head"


ANY = Case(model="any", step="forward", batch=1, device="cpu", dtype="float32", compile="off")
"""What an arm makes of this case must be a case."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Arm:
    """One side of a gate.

    Attributes:
        ref: a commit, branch or folder whose ``models`` are timed; None for the working tree.
        python: the interpreter; None for the one that runs pytest.
        variables: environment variables, set before its workers' program is executed.
        dtype: overrides every case's; None to leave it.
        compile, layout, threads, ranks: likewise.

    Raises:
        ValueError: if what overrides an axis is not one of its values.
    """

    ref: str | None = None
    python: str | None = None
    variables: Mapping[str, str] = field(default_factory=dict)
    dtype: str | None = None
    compile: str | None = None
    layout: str | None = field(default=None, metadata=ADDED_LATER)
    threads: int | None = field(default=None, metadata=ADDED_LATER)
    ranks: str | None = field(default=None, metadata=ADDED_LATER)

    def __post_init__(self) -> None:
        self.case(ANY)

    @property
    def overrides(self) -> dict[str, str | int]:
        """Return the axes of a variant that this arm names, and what it makes of every case."""
        named = {axis: getattr(self, axis) for axis in Variant._fields}
        return {axis: value for axis, value in named.items() if value is not None}

    def case(self, case: Case) -> Case:
        """Return what this arm runs where `case` is compared."""
        return replace(case, **self.overrides)  # type: ignore[arg-type]  # each is checked by the case

    def runs_like(self, other: Arm) -> bool:
        """Whether nothing but the code can make the two differ."""
        return replace(self, ref=None) == replace(other, ref=None)

    def launched_like(self, other: Arm) -> bool:
        """Whether one launcher can serve both: equal interpreter and environment."""
        return (self.python, self.variables) == (other.python, other.variables)

    def __str__(self) -> str:
        python = {} if self.python is None else {"python": self.python}
        settings = {**python, **self.overrides, **self.variables}
        return ", ".join([self.ref or WORKING_TREE, *(f"{name}={value}" for name, value in settings.items())])
