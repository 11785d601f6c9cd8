"""What a gate may claim, and that it never fails open."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from math import log

import pytest

from bench.record.arm import Side
from bench.record.conditions import Environment
from bench.record.gate import FIRST_FLOPS, Acceptance, Contest, Ending, Fault, Footprint, Gate
from bench.record.run import Outcome
from reports.gate import answer as answer_module
from reports.gate.answer import State, compute_effects, compute_tails, conclude
from reports.stats.verdict import Verdict
from tests.makers.gates import CASES, COUNTS, made_gate

SLOW = CASES[2]


def fault(side: Side, outcome: Outcome = Outcome.CRASHED) -> Fault:
    """Return a fault of the slow case."""
    return Fault(side=side, case=SLOW, block=3, outcome=outcome, reason="broken on purpose")


SKIPPED = tuple(
    Fault(side=side, case=case, block=0, outcome=Outcome.SKIPPED, reason="no") for case in CASES for side in Side
)


def test_identical_code_passes() -> None:
    """And everything is settled."""
    answer = conclude(made_gate())
    assert answer.state is State.PASS
    assert answer.settled
    assert {ruling.verdict for ruling in answer.rulings.values()} == {Verdict.UNCHANGED}
    assert answer.controls[Contest.SLOWED].verdict is Verdict.REGRESSED


def test_effect_is_the_median_of_quads_in_logs() -> None:
    """A steady drift inside a quad cancels."""
    gate = made_gate(blocks=8, looks=(8,), slower={SLOW: 0.05}, scatter=0.0)
    assert compute_effects(gate, Contest.ARMS, [SLOW])[SLOW] == pytest.approx([0.0488] * 8, abs=0.004)


def test_tail_is_the_mean_over_the_slices_of_a_block_in_logs() -> None:
    """One slice of six that takes twice as long: the median over quads does not see it."""
    gate = made_gate(blocks=8, looks=(8,), stalls={SLOW: 1.0}, scatter=0.0)
    assert compute_tails(gate, Contest.ARMS, [SLOW])[SLOW] == pytest.approx([log(7 / 6)] * 8, abs=0.006)
    assert compute_effects(gate, Contest.ARMS, [SLOW])[SLOW] == pytest.approx([0.0] * 8, abs=0.006)


def test_rare_stall_is_a_regression() -> None:
    """A sixth of the slices takes ten times as long: whoever waits for the slowest call notices."""
    answer = conclude(made_gate(stalls={SLOW: 9.0}))
    assert answer.state is State.REGRESSED
    assert answer.regressed == [SLOW]
    assert answer.rulings[SLOW].by_tail
    assert answer.rulings[SLOW].median_verdict is Verdict.UNCHANGED


def test_control_that_stalls_against_itself_proves_nothing() -> None:
    """A machine that stalls one process and not the other makes verdicts on tails, too."""
    answer = conclude(made_gate(same_stall=9.0))
    assert answer.state is State.UNPROVEN
    assert "the machine is not fit" in answer.problems[0]


def test_control_must_be_caught_by_its_median() -> None:
    """Every slice of it was slowed: a tail alone does not show that a median could be seen."""
    gate = made_gate(caught=False)
    stalled = [
        replace(
            block,
            pairings=tuple(
                replace(pairing, head_seconds=(*pairing.head_seconds[:-1], 0.01))
                if pairing.contest is Contest.SLOWED
                else pairing
                for pairing in block.pairings
            ),
        )
        for block in gate.blocks
    ]
    answer = conclude(replace(gate, blocks=tuple(stalled)))
    assert answer.controls[Contest.SLOWED].verdict is Verdict.REGRESSED
    assert answer.state is State.UNPROVEN
    assert "was not caught (unchanged)" in answer.problems[0]


def test_accepted_median_does_not_accept_a_tail() -> None:
    """Six percent were accepted, not a stall of ten times."""
    known = Acceptance(case="*", up_to=0.1, reason="stabler", until="9999-12-31")
    assert conclude(made_gate(slower={SLOW: 0.06}, accepted=(known,))).state is State.PASS
    answer = conclude(made_gate(slower={SLOW: 0.06}, stalls={SLOW: 9.0}, accepted=(known,)))
    assert answer.regressed == [SLOW]


def test_slower_case_is_regressed_and_no_other() -> None:
    """The point of it all."""
    answer = conclude(made_gate(slower={SLOW: 0.06}))
    assert answer.state is State.REGRESSED
    assert answer.regressed == [SLOW]


def test_noise_is_inconclusive() -> None:
    """Neither a pass nor a failure."""
    answer = conclude(made_gate(seed=1, scatter=0.1, slowdown=0.9))
    assert answer.state is State.INCONCLUSIVE
    assert not answer.settled


def test_gate_that_could_not_see_what_it_was_to_see_is_inconclusive() -> None:
    """Every case is unchanged, and half a percent could have hidden in each."""
    seen, unseen = conclude(made_gate(detect=0.05)), conclude(made_gate(detect=0.021))
    assert (seen.state, seen.blind, seen.settled) == (State.PASS, False, True)
    assert (unseen.state, unseen.blind, unseen.settled) == (State.INCONCLUSIVE, True, False)
    assert not unseen.count(Verdict.INCONCLUSIVE)
    assert unseen.visible == max(ruling.visible for ruling in unseen.rulings.values())


def test_regression_is_found_whatever_else_could_not_be_seen() -> None:
    """More blocks would not take it back, so that there is nothing to wait for."""
    answer = conclude(made_gate(slower={SLOW: 0.06}, detect=0.021))
    assert (answer.state, answer.blind, answer.settled) == (State.REGRESSED, True, True)


def test_fault_in_head_fails() -> None:
    """A crash is worse than a slowdown, and no reason to be silent about the other cases."""
    answer = conclude(made_gate(faults=(fault(Side.HEAD),)))
    assert answer.state is State.FAILED
    assert answer.failed == {SLOW: fault(Side.HEAD)}
    assert SLOW not in answer.rulings
    assert len(answer.rulings) == len(CASES) - 1


@pytest.mark.parametrize("sides", [(Side.BASE,), (Side.BASE, Side.HEAD)])
def test_fault_in_base_proves_nothing(sides: tuple[Side, ...]) -> None:
    """There is nothing to compare with."""
    answer = conclude(made_gate(faults=tuple(map(fault, sides))))
    assert answer.state is State.UNPROVEN
    assert "is crashed in base: broken on purpose" in answer.problems[0]


def test_case_that_neither_arm_can_run_is_skipped() -> None:
    """An absent device is nobody's fault."""
    skipped = (fault(Side.BASE, Outcome.SKIPPED), fault(Side.HEAD, Outcome.SKIPPED))
    answer = conclude(made_gate(faults=skipped))
    assert answer.state is State.PASS
    assert answer.skipped == {SLOW: "broken on purpose"}


def test_case_that_only_head_cannot_run_fails() -> None:
    """A dtype that used to work is a regression of another kind."""
    assert conclude(made_gate(faults=(fault(Side.HEAD, Outcome.SKIPPED),))).state is State.FAILED


def test_control_that_was_not_caught_proves_nothing() -> None:
    """Who misses 20 % on purpose would miss 5 % by accident."""
    answer = conclude(made_gate(caught=False, slower={SLOW: 0.06}))
    assert answer.state is State.UNPROVEN
    assert not answer.settled
    assert "was not caught" in answer.problems[0]


@pytest.mark.parametrize(
    ("gate", "todo"),
    [
        (made_gate(same=0.08), "let nothing else run here and begin a new gate, since a verdict that stands"),
        (made_gate(caught=False), "let nothing else run here and begin a new gate, since a verdict that stands"),
        (
            made_gate(seed=2, scatter=0.1, slowdown=0.1),
            "about 10 more blocks (--add-blocks), or let nothing else run here",
        ),
    ],
    ids=["same", "slowed-unchanged", "slowed-inconclusive"],
)
def test_control_that_failed_says_what_to_do(gate: Gate, todo: str) -> None:
    """More blocks help where nothing is decided yet, and nowhere else."""
    answer = conclude(gate)
    assert answer.state is State.UNPROVEN
    assert todo in answer.problems[0]


def test_load_is_named_where_a_control_failed() -> None:
    """It is the usual reason."""
    gate = made_gate(same=0.08)
    busy = Environment(facts={**gate.environment.facts, "machine.load_at_start": 3.5, "machine.cores": 2})
    assert "(the load was 3.5 on 2 cores when it began)" in conclude(replace(gate, environment=busy)).problems[0]
    assert "the load was" not in conclude(gate).problems[0]


@pytest.mark.parametrize("same", [0.08, -0.08])
def test_control_that_cries_wolf_proves_nothing(same: float) -> None:
    """Base is not slower, nor faster, than itself."""
    answer = conclude(made_gate(same=same))
    assert answer.state is State.UNPROVEN
    assert "the machine is not fit" in answer.problems[0]


@pytest.mark.parametrize(
    "gate",
    [
        made_gate(blocks=4, looks=()),
        made_gate(looks=()),
        made_gate(plan=None),
        made_gate(blocks=0, looks=(), plan=None),
        made_gate(blocks=3, looks=(), ending=Ending(reason="no", broken=True, stopped=False, wall_seconds=1.0)),
        made_gate(faults=SKIPPED),
    ],
    ids=["few-blocks", "no-look", "no-plan", "nothing", "broken", "all-skipped"],
)
def test_job_that_measured_nothing_is_never_a_pass(gate: Gate) -> None:
    """It never fails open."""
    answer = conclude(gate)
    assert answer.state is State.UNPROVEN
    assert answer.problems
    assert not answer.settled


def test_job_that_died_proves_nothing() -> None:
    """Even if everything was settled by then; one that is still going on is judged as it stands."""
    gate = made_gate(ending=None)
    assert conclude(gate).state is State.UNPROVEN
    assert "it died before its end" in conclude(gate).problems[0]
    assert conclude(gate, finished=False).state is State.PASS
    assert conclude(gate, finished=False).settled


def test_statistics_that_raise_prove_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """A fault of ours is no pass of theirs."""

    def broken(*_: object) -> None:
        raise ZeroDivisionError("oh")

    monkeypatch.setattr(answer_module, "judge", broken)
    answer = conclude(made_gate())
    assert answer.state is State.UNPROVEN
    assert answer.problems == ("the statistics failed: ZeroDivisionError: oh",)


@pytest.mark.parametrize(
    ("changes", "accepted"),
    [
        ({}, True),
        ({"case": "mlp-forward-*"}, False),
        ({"up_to": 0.03}, False),
        ({"until": "2030-01-01"}, False),
        ({"until": "2030-01-02"}, True),
    ],
)
def test_known_regression_does_not_fail_until_its_last_day(changes: dict[str, object], *, accepted: bool) -> None:
    """With a reason, up to a size, and not forever."""
    known = replace(
        Acceptance(case="mlp-backward-*", up_to=0.1, reason="stabler", until="2031-01-01"),
        **changes,  # type: ignore[arg-type]
    )
    slow = next(case for case in CASES if case.step == "backward")
    answer = conclude(made_gate(slower={slow: 0.06}, accepted=(known,)), today=lambda: date(2030, 1, 2))
    assert (answer.state is State.PASS) is accepted
    assert (slow in answer.accepted) is accepted
    assert answer.rulings[slow].verdict is Verdict.REGRESSED


def left_behind(side: Side = Side.HEAD, *, shared: tuple[str, ...] = (), **state: str) -> Footprint:
    """Return what the code of one arm left behind: a helper from elsewhere, and settings."""
    return Footprint(side=side, model="mlp", state=state, outside={"helper": "/a/helper.py"}, shared=shared)


def test_file_that_both_arms_load_proves_nothing() -> None:
    """A change in it is in base as well as in head."""
    answer = conclude(
        made_gate(footprints=(left_behind(Side.BASE, shared=("helper",)), left_behind(shared=("helper",))))
    )
    assert answer.state is State.UNPROVEN
    (problem,) = answer.problems
    assert problem.startswith("mlp loads helper from /a/helper.py, which is outside the compared tree")


def test_installed_copy_of_a_project_is_told_with_what_to_do() -> None:
    """It is the usual reason why a module of a project comes from elsewhere than its tree."""
    gate = made_gate(footprints=(left_behind(Side.BASE, shared=("helper",)), left_behind(shared=("helper",))))
    facts = {**gate.environment.facts, "arm.base.project": "abc"}
    (problem,) = conclude(replace(gate, environment=Environment(facts=facts))).problems
    assert problem.endswith("uninstall it, or name its folder in the project by --src")
    assert "--src" not in conclude(gate).problems[0]


def test_file_from_outside_the_repository_is_no_problem() -> None:
    """It is named, as what is installed is not."""
    assert conclude(made_gate(footprints=(left_behind(),))).state is State.PASS


@pytest.mark.parametrize("side", Side)
def test_answer_that_is_looked_up_proves_nothing(side: Side) -> None:
    """The second iteration on the same input has no operations left to count."""
    without = {name: count for name, count in COUNTS.items() if name != "flops"}
    remembered = {**without, FIRST_FLOPS: COUNTS["flops"]}
    other = Side.BASE if side is Side.HEAD else Side.HEAD
    answer = conclude(made_gate(counts={side: remembered, other: COUNTS}))
    assert answer.state is State.UNPROVEN
    assert len(answer.problems) == len(CASES)
    assert f"{CASES[0].id} computes nothing in {side} on an input that it has seen before" in answer.problems[0]
    assert (
        conclude(made_gate(counts={side: without, other: COUNTS})).state is State.PASS
    )  # elementwise work counts as 0
    cached = {**COUNTS, FIRST_FLOPS: COUNTS["flops"] + 1}
    assert conclude(made_gate(counts=dict.fromkeys(Side, cached))).state is State.PASS
    uncounted = made_gate(counts={side: remembered, other: COUNTS}, flops_reasons={side: "no formula"})
    assert conclude(uncounted).state is State.PASS
