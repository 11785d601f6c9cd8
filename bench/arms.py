"""The two sides of a comparison: which code, which interpreter, which environment, which variant.

Standard library only.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum

from bench.case import DTYPES, Case, check_compile, unknown

WORKING_TREE = "the working tree"
"""What an arm's code is taken from where nothing else is said."""

VARIABLE = re.compile(r"[A-Z_][A-Z0-9_]*")
KEYS = ("ref", "python", "dtype", "compile")


class Side(StrEnum):
    """Which arm."""

    BASE = "base"
    HEAD = "head"


@dataclass(frozen=True, slots=True, kw_only=True)
class Arm:
    """One side of a comparison.

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

    def launched_like(self, other: Arm) -> bool:
        """Whether one launcher can serve both: equal interpreter and environment."""
        return (self.python, self.variables) == (other.python, other.variables)

    def __str__(self) -> str:
        settings = {"python": self.python, "dtype": self.dtype, "compile": self.compile, **self.variables}
        given = [f"{name}={value}" for name, value in settings.items() if value is not None]
        return ", ".join([self.ref or WORKING_TREE, *given])


def parse_arms(against: str | None, texts: Sequence[str]) -> dict[Side, Arm]:
    """Return both arms from ``--against REF`` and every ``--arm NAME=KEY=VALUE,...``.

    Raises:
        ValueError: naming what is unknown or said twice.
    """
    said: dict[Side, dict[str, str]] = {side: {} for side in Side}
    if against is not None and not against.strip():
        raise ValueError("--against is empty: name a commit, a branch or a folder")
    if against is not None:
        said[Side.BASE]["ref"] = against
    for text in texts:
        name, _, rest = text.partition("=")
        if name not in list(Side):
            raise ValueError(unknown("arm", name, Side))
        for part in filter(None, (one.strip() for one in rest.split(","))):
            key, equals, value = part.partition("=")
            if not equals or not value or not (key in KEYS or VARIABLE.fullmatch(key)):
                raise ValueError(
                    f"{part!r} is not KEY=VALUE with one of {', '.join(KEYS)} or an environment variable in capitals"
                )
            if key in said[Side(name)]:
                raise ValueError(f"{key} of {name} is given twice")
            said[Side(name)][key] = value
    return {side: _arm(settings) for side, settings in said.items()}


def _arm(settings: Mapping[str, str]) -> Arm:
    if (dtype := settings.get("dtype")) is not None and dtype not in DTYPES:
        raise ValueError(unknown("dtype", dtype, DTYPES))
    if (compile_ := settings.get("compile")) is not None:
        check_compile(compile_)
    return Arm(
        ref=settings.get("ref"),
        python=settings.get("python"),
        variables={name: value for name, value in settings.items() if name not in KEYS},
        dtype=dtype,
        compile=compile_,
    )
