"""The rules of the gate on slices that were really timed: a change that moves its error or its power shows here.

`tape.json.xz` is the beginning of a gate of identical code, every slice of it, as ``tests.field.calibrate tape``
recorded it on a shared two-core virtual machine. Jobs are cut from it at the labels that were recorded.
"""

from __future__ import annotations

import lzma
from pathlib import Path

import pytest

from bench.files.gate import read_gate
from bench.record.gate import Contest, Gate
from reports.gate.answer import State, conclude
from reports.stats.verdict import Verdict
from tests.field.calibrate import caught_in, window

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
    """Overlapping windows of 8 and 16 blocks: they are no independent sample, but none of them may be red."""
    assert len(tape.blocks) == 64
    for count in (8, 16):
        for first in range(len(tape.blocks) - count + 1):
            found = conclude(window(tape, first, count))
            assert found.state is not State.REGRESSED, (count, first, found.regressed)


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
