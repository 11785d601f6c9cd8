"""What a gate will be able to see is the figure that it shows in the end, and says nothing of who was faster."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bench.record.gate import Block, Contest
from bench.record.looks import ALONE
from reports.gate.answer import conclude
from reports.gate.planning import CONTROLS, Prospect, foresee_from_gate, foresee_from_pilot
from reports.gate.planning_text import describe_detection, describe_prospect
from tests.makers.gates import CASES, made_gate

FLOORS = {case.id: 0.02 for case in CASES}


def prospect(scatter: float = 0.02, *, block_seconds: float = 5.0, before_seconds: float = 20.0) -> Prospect:
    """Return what blocks of some scatter will show in every case."""
    scatters = {case.id: scatter for case in CASES}
    return Prospect(scatters=scatters, floors=FLOORS, block_seconds=block_seconds, before_seconds=before_seconds)


def pilot_of(**changes: float) -> Block:
    """Return a block that may stand for a pilot."""
    block = made_gate(**changes).blocks[0]  # type: ignore[arg-type]
    return replace(block, index=0)


def swapped(block: Block) -> Block:
    """Return a block in which head was base."""
    return replace(
        block,
        pairings=tuple(
            replace(pairing, base_seconds=pairing.head_seconds, head_seconds=pairing.base_seconds)
            for pairing in block.pairings
        ),
    )


def test_prospect_of_a_stored_gate_is_what_that_gate_shows() -> None:
    """One figure, before and after."""
    gate = made_gate(scatter=0.02, blocks=32, looks=(8, 16, 32))
    foreseen = foresee_from_gate(gate, CASES, gate.floors)
    assert foreseen is not None
    assert foreseen.find_visible(32) == pytest.approx(conclude(gate).visible, rel=0.05)


def test_gate_that_has_not_all_of_the_cases_tells_nothing_of_them() -> None:
    """Nor does one with too few blocks for a scatter."""
    assert foresee_from_gate(made_gate(cases=CASES[:2]), CASES, FLOORS) is None
    assert foresee_from_gate(made_gate(blocks=7, looks=()), CASES, FLOORS) is None
    assert foresee_from_gate(made_gate(), (), FLOORS) is None


def test_fewer_cases_take_less_time() -> None:
    """The controls are two more."""
    gate = made_gate()
    foreseen = foresee_from_gate(gate, CASES[:2], FLOORS)
    assert foreseen is not None
    assert foreseen.block_seconds == pytest.approx(4.0 * (2 + CONTROLS) / (len(CASES) + CONTROLS))
    assert foreseen.before_seconds >= foreseen.block_seconds


def test_pilot_tells_how_it_scatters_and_not_who_was_faster() -> None:
    """What is chosen from it must not lean on its signs: a slower head and its mirror ask for the same blocks."""
    slow = pilot_of(scatter=0.3)
    mirrored = foresee_from_pilot(swapped(slow), FLOORS, 10.0)
    assert foresee_from_pilot(slow, FLOORS, 10.0).scatters == pytest.approx(mirrored.scatters)
    quiet = foresee_from_pilot(pilot_of(scatter=0.0), FLOORS, 10.0)
    assert foresee_from_pilot(slow, FLOORS, 10.0).scatters == pytest.approx(quiet.scatters, rel=0.2)


def test_pilots_controls_are_not_asked() -> None:
    """One of them is slowed on purpose."""
    pilot = pilot_of()
    without = replace(pilot, pairings=tuple(one for one in pilot.pairings if one.contest is Contest.ARMS))
    assert foresee_from_pilot(pilot, FLOORS, 10.0) == foresee_from_pilot(without, FLOORS, 10.0)


def test_blocks_that_are_asked_for_are_a_look_of_the_grid() -> None:
    """The first at which the slowdown shows; more scatter asks for a later one."""
    asked = [prospect(scatter).find_blocks(0.03) for scatter in (0.001, 0.005, 0.01, 0.03, 0.05)]
    assert None not in asked
    assert all(ALONE.is_look(blocks) for blocks in asked if blocks is not None)
    assert asked == sorted(asked, key=lambda blocks: blocks or 0)
    assert asked[0] == 8
    for scatter, blocks in zip((0.01, 0.03), (asked[2], asked[3]), strict=True):
        assert blocks is not None
        before = max(look for look in range(8, blocks) if ALONE.is_look(look)) if blocks > 8 else None
        assert (prospect(scatter).find_visible(blocks) or 1) <= 0.03
        assert before is None or (prospect(scatter).find_visible(before) or 0) > 0.03


def test_slowdown_that_no_number_of_blocks_shows_has_none() -> None:
    """Beyond the last look nothing can be found."""
    assert prospect(0.5).find_blocks(0.03) is None
    assert prospect(0.0).find_blocks(0.03) == 8
    assert prospect(0.02).find_blocks(0.03, careful=20.0) is None


def test_budget_holds_what_is_left_after_the_pilot() -> None:
    """Opening and pilot are paid for first."""
    assert prospect().count_blocks(300.0) == 56
    assert prospect().count_blocks(10.0) == 0
    assert prospect().count_seconds(56) == 300.0


def test_plan_reads_as_which_slowdown_in_which_time() -> None:
    """The budget that was named, and longer ones; more blocks than are allowed say how to allow them."""
    (line,) = describe_prospect(prospect(), 300.0, 60)
    assert line.startswith("slowdowns visible from about ")
    assert " in 5m00s (56 blocks), " in line
    assert " in 10m00s (116 blocks, --launches 116), " in line
    assert f"({ALONE.most_looked} blocks, --launches {ALONE.most_looked})" in line


def test_budget_that_ends_before_the_first_look_is_told_before_it_is_spent() -> None:
    """Beside a burning core a block takes three times as long."""
    *_, line = describe_prospect(prospect(block_seconds=25.0), 180.0, 60)
    assert line.startswith(
        "8 blocks, the fewest that a verdict takes, take about 3m40s, and the budget is 3m00s: raise"
    )


@pytest.mark.parametrize(
    ("blocks", "budget", "words"),
    [
        (32, 300.0, "a slowdown of 3.0 % takes about 32 blocks, 3m00s"),
        (90, 300.0, "7m50s, and the budget is 5m00s: one of 2.2 % will be visible instead; name a longer --budget"),
        (
            None,
            300.0,
            "takes more than 210 blocks, the most that can be looked at: one of 2.2 % will be visible instead",
        ),
        (32, 50.0, "the budget is 50s: none will be visible instead; name a longer --budget"),
    ],
)
def test_time_until_a_slowdown_is_visible_is_told(blocks: int | None, budget: float, words: str) -> None:
    """And, where the budget ends before, what it will show instead."""
    said = describe_detection(prospect(), 0.03, blocks, budget)
    assert words in said
    assert ("instead" in said) is (blocks is None or prospect().count_seconds(blocks) > budget)
