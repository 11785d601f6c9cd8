"""The options of a comparison; ``--strict`` alone is pytest's own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import pytest

from bench.arms import Arm, Side, parse_arms

BUDGET_SECONDS = 300.0
"""Wall time of a comparison where none is given."""

GATE_SLICE_SECONDS = 0.006
"""Shorter than in a plain run: a block has many slices, and more blocks help more than longer slices."""

MOST_BLOCKS = 60
"""Blocks after which it ends whatever is left of its time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GateOptions:
    """What is compared, checked.

    Attributes:
        arms: both, by side.
        strict: whether an inconclusive case is a failure (exit code 7).
        add_blocks: whether to go on with the comparison that --benchmark-json names.
        exhaust: whether to spend the whole budget even when every case is settled.
    """

    arms: Mapping[Side, Arm]
    strict: bool
    add_blocks: bool
    exhaust: bool


def add_gate_options(parser: pytest.Parser) -> None:
    """Register the options of a comparison."""
    gate = parser.getgroup("accelbench-gate", "accelbench: compared with what (a regression check)")
    gate.addoption(
        "--against",
        metavar="REF",
        default=None,
        help="compare the working tree's models with those of a commit, branch or folder; a case that got slower "
        "is a failed test",
    )
    gate.addoption(
        "--arm",
        metavar="NAME=KEY=VALUE,...",
        action="append",
        default=[],
        help="what base or head is: ref, python (an interpreter), dtype, compile, or an environment variable in "
        "capitals, as in --arm head=OMP_NUM_THREADS=1",
    )
    gate.addoption("--strict-gate", action="store_true", help="with --against: exit code 7 if a case is inconclusive")
    gate.addoption(
        "--add-blocks",
        action="store_true",
        help="with --against: go on with the comparison in --benchmark-json instead of rolling the dice again",
    )
    gate.addoption(
        "--exhaust",
        action="store_true",
        help="with --against: spend the whole budget even when every case is settled, for the narrowest intervals",
    )


def read_gate_options(config: pytest.Config) -> GateOptions | None:
    """Return what is compared, checked; None if nothing is.

    Raises:
        pytest.UsageError: if something is unknown, contradictory or refused; the message says what to do.
    """
    get = config.getoption
    against, texts = get("against"), get("arm")
    if against is None and not texts:
        for name in ("strict_gate", "add_blocks", "exhaust"):
            if get(name):
                raise pytest.UsageError(f"--{name.replace('_', '-')} goes with --against or --arm")
        return None
    try:
        arms = parse_arms(against, texts)
    except ValueError as error:
        raise pytest.UsageError(f"--arm: {error}") from error
    if get("lf", default=False) or get("failedfirst", default=False):
        raise pytest.UsageError(
            "--lf on a comparison rolls the dice again for the cases that lost: use --add-blocks, which adds evidence"
        )
    for name, instead in {
        "quick": "a comparison is about time; run --quick without --against",
        "resume": "go on with a stored comparison by --add-blocks",
        "plan": "--plan without --against shows the cases",
    }.items():
        if get(name):
            raise pytest.UsageError(f"--{name} with --against: {instead}")
    if get("add_blocks") and not get("benchmark_json"):
        raise pytest.UsageError("--add-blocks: name the comparison with --benchmark-json")
    return GateOptions(
        arms=arms,
        strict=bool(get("strict_gate")),
        add_blocks=bool(get("add_blocks")),
        exhaust=bool(get("exhaust")),
    )
