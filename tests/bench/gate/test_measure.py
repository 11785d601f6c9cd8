"""Which parts belong to one gate."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bench.gate.measure import blocks_per_launcher, check_continuable
from bench.record.arm import Arm, Side
from bench.record.conditions import Environment
from bench.record.gate import Gate
from bench.record.looks import ALONE, LOOK_EVERY, LOOKS
from bench.request import SetupError
from tests.makers.gates import made_gate
from tests.makers.runs import FACTS


def stored() -> Gate:
    """Return a gate that was stored."""
    return replace(made_gate(blocks=8, looks=(8,)), source="gate.json")


def warmed(gate: Gate, **facts: str | int) -> Gate:
    """Return a gate that was made where these facts hold, too."""
    return replace(gate, environment=Environment(facts=FACTS | facts))


def test_a_warmer_card_keeps_no_gate_from_going_on() -> None:
    """Its temperature is a state; with the extra for NVIDIA every gate was refused once."""
    name = "arm.base.device.cuda.celsius_at_start"
    check_continuable(warmed(stored(), **{name: 41}), warmed(stored(), **{name: 44}))


@pytest.mark.parametrize(
    ("name", "before", "after"),
    [
        ("commit.id", "1" * 40, "2" * 40),
        ("commit.dirty", True, False),
        ("commit.id.reason", "no commit yet", ""),
        ("arm.head.commit", "1" * 40, "2" * 40),
        ("arm.head.commit.subject", "before", "after"),
        ("project.commit.id", "1" * 40, "2" * 40),
        ("arm.base.device.cuda.clock_hertz_at_start", 1_100, 1_400),
        ("machine.load_at_start", 1, 2),
    ],
)
def test_a_state_and_a_commit_of_the_same_code_keep_no_gate_from_going_on(
    name: str, before: str | int, after: str | int
) -> None:
    """The code itself is compared, file by file."""
    check_continuable(warmed(stored(), **{name: before}), warmed(stored(), **{name: after}))


def test_an_added_part_may_have_another_number_of_blocks() -> None:
    """It is how many are added, and no part of what a block is."""
    longer = replace(stored(), settings=replace(stored().settings, launches=30, budget_seconds=60.0))
    check_continuable(stored(), longer)


def test_every_difference_is_named_with_both_values() -> None:
    """The blocks so far answer another question."""
    other = replace(
        warmed(stored(), **{"machine.cpu": "Other Processor"}),
        arms={Side.BASE: Arm(ref="main"), Side.HEAD: Arm(dtype="bfloat16")},
        floors={**stored().floors, stored().cases[0].id: 0.05},
        settings=replace(stored().settings, seed=1),
    )
    with pytest.raises(SetupError) as refused:
        check_continuable(stored(), other)
    assert str(refused.value) == (
        "--add-blocks: gate.json cannot be continued here: "
        "machine.cpu was 'Imaginary Processor', is 'Other Processor'; seed was 0, is 1; "
        f"floor of {stored().cases[0].id} was 0.02, is 0.05; "
        "arm head was the working tree, is the working tree, dtype=bfloat16"
    )


def test_a_gate_whose_looks_are_spent_is_not_continued() -> None:
    """A further look could find nothing."""
    added = [LOOKS[-1].blocks + number * LOOK_EVERY for number in range(1, ALONE.most_looks - len(LOOKS) + 1)]
    spent = replace(made_gate(blocks=added[-1], looks=(*(look.blocks for look in LOOKS), *added)), source="gate.json")
    with pytest.raises(SetupError, match="its 9 looks have spent all the error there is"):
        check_continuable(spent, spent)


def test_a_gate_that_never_came_to_a_block_is_begun_again() -> None:
    """There is no plan to go on with."""
    with pytest.raises(SetupError, match="it never came to a block"):
        check_continuable(replace(stored(), plan=None, blocks=(), looks=()), stored())


@pytest.mark.parametrize(
    ("head", "blocks"),
    [(Arm(), 10), (Arm(dtype="bfloat16"), 10), (Arm(python="python3.99"), 1), (Arm(variables={"A": "1"}), 1)],
    ids=["alike", "other-dtype", "other-python", "other-variables"],
)
def test_arms_that_cannot_share_a_launcher_have_fresh_ones_in_each_block(head: Arm, blocks: int) -> None:
    """Hash seed and address layout of one launcher would be head's or base's for several blocks."""
    assert blocks_per_launcher({Side.BASE: Arm(ref="main"), Side.HEAD: head}) == blocks
