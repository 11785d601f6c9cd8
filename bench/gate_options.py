"""The options of a comparison; ``--strict`` alone is pytest's own."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import pytest

from bench.arms import Arm, Side, parse_arms
from bench.job import LEAST_BLOCKS

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
    for given, sentence in refusals(config):
        if given:
            raise pytest.UsageError(sentence)
    if get("add_blocks") and not get("benchmark_json"):
        raise pytest.UsageError("--add-blocks: name the comparison with --benchmark-json")
    return GateOptions(
        arms=arms,
        strict=bool(get("strict_gate")),
        add_blocks=bool(get("add_blocks")),
        exhaust=bool(get("exhaust")),
    )


def refusals(config: pytest.Config) -> Iterator[tuple[bool, str]]:
    """Yield what a comparison cannot honour: whether it was asked for, and the sentence that refuses it."""
    get = config.getoption
    named = {str(one).partition("=")[0] for one in config.invocation_params.args}
    dice = "on a comparison rolls the dice again for the cases that lost: use --add-blocks, which adds evidence"
    yield bool(get("lf", default=False) or get("failedfirst", default=False)), f"--lf {dice}"
    yield bool(get("stepwise", default=False)), f"--stepwise {dice}"
    yield bool(get("quick")), "--quick with --against: a comparison is about time; run --quick without --against"
    disabled = get("benchmark_disable") and not get("benchmark_enable")
    yield bool(disabled), "--benchmark-disable with --against: a comparison is about time"
    yield bool(get("resume")), "--resume with --against: go on with a stored comparison by --add-blocks"
    yield bool(get("plan")), "--plan with --against: --plan without --against shows the cases"
    yield (
        "interleaved" in str(get("unsteady")).split(","),
        "--unsteady interleaved: taking turns is what a comparison is",
    )
    for name in ("--benchmark-max-time", "--benchmark-min-rounds"):
        yield name in named, f"{name} has no effect on a comparison: its time is --budget"
    most = str(get("launches"))
    few = most.isdigit() and int(most) < LEAST_BLOCKS
    yield few, f"--launches {most} with --against is the most blocks: a verdict takes {LEAST_BLOCKS}"
