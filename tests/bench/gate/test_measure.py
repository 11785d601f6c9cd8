"""Which parts belong to one comparison."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bench.gate.measure import check_continuable
from bench.record.arm import Arm, Side
from bench.record.conditions import Environment, Scalar
from bench.record.gate import Job
from bench.request import SetupError
from tests.makers.jobs import made_job

CARD: dict[str, Scalar] = {
    "arm.base.commit": "1" * 40,
    "arm.base.models": "abc",
    "arm.base.device.cuda.celsius_at_start": 41,
    "arm.base.device.cuda.clock_hertz_at_start": 1.1e9,
    "arm.base.device.cuda.driver": "580.1",
    "code.bench": "def",
    "commit.id": "2" * 40,
    "commit.dirty": False,
    "machine.load_at_start": 0.3,
    "run.started": "2026-11-25T10:00:00+00:00",
}
"""What a machine with an NVIDIA card tells."""


def job(**facts: Scalar) -> Job:
    """Return a comparison that was made where these facts hold."""
    return replace(made_job(blocks=8, looks=(8,)), environment=Environment(facts=CARD | facts), source="gate.json")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("arm.base.device.cuda.celsius_at_start", 44),
        ("arm.base.device.cuda.clock_hertz_at_start", 1.4e9),
        ("machine.load_at_start", 2.1),
        ("run.started", "2026-11-25T11:00:00+00:00"),
        ("commit.id", "3" * 40),
        ("commit.dirty", True),
        ("arm.base.commit", "3" * 40),
    ],
)
def test_a_state_and_a_commit_keep_no_comparison_from_going_on(name: str, value: Scalar) -> None:
    """A card is warmer by now, and a new commit of an unchanged network is the same network."""
    check_continuable(job(), job(**{name: value}))


@pytest.mark.parametrize(
    ("name", "value"), [("arm.base.models", "abd"), ("arm.base.device.cuda.driver", "590.0"), ("code.bench", "deg")]
)
def test_other_code_or_another_driver_is_another_comparison(name: str, value: Scalar) -> None:
    """It is named with both values."""
    with pytest.raises(SetupError, match=f"gate.json cannot be continued here: {name} was {CARD[name]}, is {value}$"):
        check_continuable(job(), job(**{name: value}))


def test_other_arms_are_another_comparison() -> None:
    """The blocks so far answer another question."""
    with pytest.raises(SetupError, match="the arms differ"):
        check_continuable(job(), replace(job(), arms={Side.BASE: Arm(ref="main"), Side.HEAD: Arm(dtype="bfloat16")}))
