"""An arm runs a case its own way."""

from __future__ import annotations

from typing import Any

import pytest

from bench.record.arm import Arm
from tests.makers.runs import TWO


def test_arm_overrides_the_case() -> None:
    """The table goes by base's name; each arm runs its own variant."""
    case = TWO[0]
    assert Arm().case(case) == case
    assert Arm(dtype="float64", compile="on").case(case).id == "mlp-forward-b64-cpu-float64-compiled"
    assert Arm(layout="channels_last", threads=2).case(case).id == f"{case.id}-channels_last-2threads"


def test_arm_reads_as_it_was_given() -> None:
    """In the answer's footer."""
    assert str(Arm()) == "the working tree"
    assert str(Arm(ref="main", python="/p", variables={"A": "1"})) == "main, python=/p, A=1"
    assert str(Arm(dtype="tf32", threads=2)) == "the working tree, dtype=tf32, threads=2"


@pytest.mark.parametrize(
    "changes", [{"dtype": "float8"}, {"compile": "fast"}, {"layout": "nhwc"}, {"threads": 0}, {"ranks": "2"}], ids=str
)
def test_arm_that_would_make_no_case_raises(changes: dict[str, Any]) -> None:
    """Found in hostile files: it raised only when the answer was rendered."""
    with pytest.raises(ValueError, match=next(iter(changes))):
        Arm(**changes)
