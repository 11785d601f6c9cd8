"""The rules of the gate on slices that were really timed: a change that moves its error or its power shows here.

`tape.json.xz` is the beginning of a gate of identical code, every slice of it, as ``tests.field.calibrate tape``
recorded it on a shared two-core virtual machine. Jobs are cut from it at the labels that were recorded.
"""

from __future__ import annotations

import lzma
from pathlib import Path
from random import Random
from statistics import stdev

import pytest

from bench.files.gate import read_gate
from bench.record.gate import Contest, Gate
from reports.gate.answer import compute_effects, compute_tails, conclude
from reports.stats.verdict import TAIL_FLOOR, Verdict
from tests.field.calibrate import caught_in, stalled, window

TAPE = Path(__file__).with_name("tape.json.xz")


@pytest.fixture(scope="module")
def tape(tmp_path_factory: pytest.TempPathFactory) -> Gate:
    """The recorded gate."""
    path = tmp_path_factory.mktemp("tape") / "tape.json"
    path.write_bytes(lzma.decompress(TAPE.read_bytes()))
    return read_gate(path)


def test_tape_is_of_identical_code(tape: Gate) -> None:
    """What is called a regression in it is a false alarm."""
    assert tape.environment["arm.base.models"] == tape.environment["arm.head.models"]
    assert len(tape.live) == 12
    assert len(tape.blocks) >= 48


def test_no_job_cut_from_the_tape_is_red(tape: Gate) -> None:
    """Overlapping windows of 8 and 16 blocks: they are no independent sample, but none of them may be red.

    Nor may the control that compares base with itself show a change; hardly a case may be undecided in its tail only.
    """
    assert len(tape.blocks) == 64
    for count in (8, 16):
        undecided, judged = 0, 0
        for first in range(len(tape.blocks) - count + 1):
            found = conclude(window(tape, first, count))
            assert not found.regressed, (count, first, found.regressed)
            assert not any("with itself" in problem for problem in found.problems), (count, first, found.problems)
            undecided += sum(ruling.by_tail for ruling in found.rulings.values())
            judged += len(found.rulings)
        assert undecided <= 0.01 * judged


def test_tail_scatters_little_more_than_its_floor_allows(tape: Gate) -> None:
    """The figures that the floor of a tail is derived from."""
    medians, tails = (
        [stdev(values) for values in compute(tape, Contest.ARMS, tape.live).values()]
        for compute in (compute_effects, compute_tails)
    )
    assert max(medians) == pytest.approx(0.033, abs=0.001)
    assert max(tails) == pytest.approx(0.061, abs=0.001)
    assert max(tails) < TAIL_FLOOR


@pytest.mark.parametrize(("every", "seconds"), [(80, 0.06), (40, 0.03)])
def test_rare_stalls_are_caught_on_the_tape(tape: Gate, every: int, seconds: float) -> None:
    """One call in many takes longer in head, by far: nearly every window of 16 blocks says so, none passes it."""
    timed = {pairing.case: pairing.iterations * len(pairing.head_seconds) for pairing in tape.blocks[0].pairings}
    seeing = [index for index, case in enumerate(tape.live) if timed[case] >= 50]  # fewer calls meet no stall
    verdicts = []
    for first in range(0, len(tape.blocks) - 15, 16):
        for index in seeing:
            job = stalled(window(tape, first, 16), index, every=every, seconds=seconds, random=Random(first + index))
            verdicts.append(conclude(job).rulings[job.live[index]].verdict)
    assert len(verdicts) == 28
    assert verdicts.count(Verdict.REGRESSED) >= 0.85 * len(verdicts)
    assert set(verdicts) <= {Verdict.REGRESSED, Verdict.INCONCLUSIVE}


def test_control_is_caught_in_nearly_every_job_cut_from_the_tape(tape: Gate) -> None:
    """It was slowed for real, by a busy wait."""
    windows = [conclude(window(tape, first, 16)) for first in range(0, len(tape.blocks) - 15, 4)]
    caught = [one.controls[Contest.SLOWED].verdict is Verdict.REGRESSED for one in windows]
    assert sum(caught) >= 0.9 * len(caught)


@pytest.mark.parametrize(("share", "least", "most"), [(0.10, 0.95, 1.0), (0.05, 0.60, 1.0), (0.01, 0.0, 0.02)])
def test_power_on_the_tape_is_what_it_was(tape: Gate, share: float, least: float, most: float) -> None:
    """One case of twelve made slower: a tenth is seen, a hundredth, below the floor, is not."""
    cut = [window(tape, first, 16) for first in range(0, len(tape.blocks) - 15, 8)]
    caught = [caught_in(gate, index, share) for gate in cut for index in range(len(gate.live))]
    assert least <= sum(caught) / len(caught) <= most
