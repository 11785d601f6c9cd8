"""The sequential design keeps its promise: one red gate in a hundred, however often blocks are added."""

from __future__ import annotations

from itertools import count, islice, pairwise

import numpy as np
import pytest

from bench.record import looks
from bench.record.looks import ALONE, LOOK_EVERY, LOOKS, MOST_ALPHA, Design, Look
from reports.stats.signflip import adjusted_p
from reports.stats.verdict import Verdict, judge

ALL_LOOKS = tuple(islice((blocks for blocks in count(1) if ALONE.is_look(blocks)), ALONE.most_looks))
"""Numbers of blocks of every look that a gate can have."""


def test_alphas_of_all_looks_that_can_ever_be_made_sum_to_one_percent() -> None:
    """The promise: one red gate in a hundred, in each direction."""
    assert sum(ALONE.allowed_error(number)[0] for number in range(200)) <= MOST_ALPHA + 1e-12


def test_every_look_of_the_table_can_be_reached() -> None:
    """One table of all columns spends the whole alpha: half of the first could not be reached after eight blocks."""
    for look in LOOKS:
        assert 2.0**-look.blocks <= look.alpha
    assert 2.0 ** -LOOKS[0].blocks > LOOKS[0].alpha / 2


@pytest.mark.parametrize("number", range(ALONE.most_looks))
def test_every_look_has_enough_blocks_for_its_alpha(number: int) -> None:
    """All signs agree by chance in 1 of 2^blocks: with fewer blocks nothing could ever be called slower."""
    assert 2.0 ** -ALL_LOOKS[number] <= ALONE.allowed_error(number)[0]


@pytest.mark.parametrize("number", range(ALONE.most_looks))
def test_every_look_can_call_a_case_slower(number: int) -> None:
    """Also beyond sixteen blocks, where random sign patterns stand for all of them."""
    blocks = ALL_LOOKS[number]
    generator = np.random.default_rng(number)
    slower, same = 0.1 + generator.normal(0, 0.01, blocks), generator.normal(0, 0.01, blocks)
    assert adjusted_p(np.column_stack([slower, same]))[0][0] <= ALONE.allowed_error(number)[0]


def test_looks_come_later_and_later_and_risk_no_more() -> None:
    """The first has most to decide."""
    assert [look.blocks for look in LOOKS] == sorted({look.blocks for look in LOOKS})
    for before, after in pairwise(LOOKS):
        assert (after.alpha, after.level) <= (before.alpha, before.level)
    assert LOOKS[0].blocks == ALONE.least_blocks


def test_looks_go_on_in_a_fixed_grid() -> None:
    """After the table, every thirty blocks, whoever adds how many."""
    last = LOOKS[-1].blocks
    assert [blocks for blocks in range(last + 1, last + 4 * LOOK_EVERY) if ALONE.is_look(blocks)] == [
        last + LOOK_EVERY,
        last + 2 * LOOK_EVERY,
        last + 3 * LOOK_EVERY,
    ]


def test_a_first_part_has_the_grid_and_its_end() -> None:
    """Whoever foresees what it will show goes by the looks that it will have."""
    assert ALONE.looks_up_to(20) == (8, 16, 20)
    assert ALONE.looks_up_to(16) == (8, 16)
    assert ALONE.looks_up_to(100) == (8, 16, 32, 60, 90, 100)


@pytest.mark.parametrize(("blocks", "look"), [(0, 8), (8, 8), (9, 16), (33, 60), (61, 90), (91, 120)])
def test_the_next_look_is_on_the_grid(blocks: int, look: int) -> None:
    """How many blocks a pilot's scatter asks for moves no look."""
    assert ALONE.next_look(blocks) == look
    assert ALONE.is_look(ALONE.next_look(blocks))


def test_the_last_look_that_can_find_anything_is_the_last_of_the_grid() -> None:
    """More blocks than these are never asked for."""
    assert ALL_LOOKS[-1] == ALONE.most_looked


def test_a_look_that_is_put_into_the_table_is_a_look_of_both_sides(monkeypatch: pytest.MonkeyPatch) -> None:
    """The one who measures makes it, the one who judges gives it its alpha and shifts those after it."""
    assert not ALONE.is_look(24)
    monkeypatch.setattr(looks, "LOOKS", (*LOOKS[:2], Look(blocks=24, alpha=0.0001, level=0.003), *LOOKS[2:]))
    assert ALONE.is_look(24)
    assert ALONE.allowed_error(2) == (0.0001, 0.003)
    assert ALONE.allowed_error(3) == (LOOKS[2].alpha, LOOKS[2].level)


def test_a_verdict_uses_the_alpha_of_its_look(monkeypatch: pytest.MonkeyPatch) -> None:
    """A table that may risk nothing calls nothing slower."""
    effects = {"slower": [0.1 + 0.001 * index for index in range(8)]}
    floors = {"slower": 0.02}
    assert judge(effects, effects, (8,), floors)["slower"].verdict is Verdict.REGRESSED
    monkeypatch.setattr(Design, "allowed_error", lambda *_: (0.0, LOOKS[0].level))
    assert judge(effects, effects, (8,), floors)["slower"].verdict is not Verdict.REGRESSED


@pytest.mark.parametrize(("gates", "first"), [(1, 8), (2, 9), (3, 10), (10, 12), (100, 15)])
def test_gates_that_share_an_error_look_later_and_risk_as_much_together(gates: int, first: int) -> None:
    """The first look is where all signs agree by chance in no more than its part of the alpha."""
    design = Design(gates)
    assert design.least_blocks == design.grid[0] == design.next_look(0) == first
    assert 2.0**-first <= LOOKS[0].alpha / gates < 2.0 ** -(first - 1)
    assert gates * sum(design.allowed_error(number)[0] for number in range(200)) <= MOST_ALPHA + 1e-12
    assert not any(design.is_look(blocks) for blocks in range(first))


@pytest.mark.parametrize("gates", [2, 10, 100])
def test_every_look_of_gates_that_share_an_error_can_call_a_case_slower(gates: int) -> None:
    """A part of an alpha that random sign patterns cannot tell from nothing would be no look."""
    design = Design(gates)
    looks_of_all = list(islice((blocks for blocks in count(1) if design.is_look(blocks)), design.most_looks))
    assert looks_of_all[-1] == design.most_looked
    for number, blocks in enumerate(looks_of_all):
        generator = np.random.default_rng(number)
        slower, same = 0.1 + generator.normal(0, 0.01, blocks), generator.normal(0, 0.01, blocks)
        assert adjusted_p(np.column_stack([slower, same]))[0][0] <= design.allowed_error(number)[0]


def test_nine_looks_of_a_gate_alone_can_find_something() -> None:
    """Those of the table and five that are added."""
    assert (ALONE.most_looks, ALONE.most_looked) == (9, 210)


@pytest.mark.parametrize("gates", [0, -1, 1.5, True, 101])
def test_number_of_gates_that_cannot_be_raises(gates: object) -> None:
    """An error is shared among whole gates."""
    with pytest.raises(ValueError, match="share an error"):
        Design(gates)  # type: ignore[arg-type]
