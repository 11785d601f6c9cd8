"""What happened is on disk after each event, and folds into the same record live and stored."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.files.gate import GATE_FORMAT, GateLog, read_gate
from bench.files.journal import Journal
from bench.files.log import JournalError
from bench.files.run import RUN_FORMAT, RunLog, read_run
from bench.record.run import Measured, Outcome, Run, RunEvent, Started
from tests.makers.gates import empty, events_of, made_gate
from tests.makers.runs import FINISH, TWO, hole, made_run, measured, slices

CASE, OTHER = TWO
FIRST = measured(CASE, 1, slices([0.001, 0.002]))
SKIPPED, PILOT = hole(OTHER, 0, Outcome.SKIPPED, "no compiler"), measured(CASE, 0, None)
EVENTS: list[RunEvent] = [
    Started(launch=0, cases=TWO),
    Measured(measurements=(SKIPPED,)),
    Measured(measurements=(PILOT,)),
    Started(launch=1, cases=(CASE,)),
    Measured(measurements=(FIRST,)),
    FINISH,
]
STORED = made_gate(blocks=8, looks=(8,))


def begun() -> Run:
    """Return a run of which nothing is measured yet."""
    return made_run(TWO, [], finish=None)


@pytest.mark.parametrize("count", range(len(EVENTS) + 1))
def test_disk_knows_what_a_runs_log_knows_after_each_event(count: int, tmp_path: Path) -> None:
    """Kill it here, and what is on disk is the run as far as it got."""
    path = tmp_path / "out.jsonl"
    with Journal(path) as journal:
        log = RunLog(RUN_FORMAT, begun(), journal)
        for event in EVENTS[:count]:
            log.add(event)
        assert read_run(path) == log.record()
    if count == len(EVENTS):
        assert log.record().measurements == (SKIPPED, PILOT, FIRST)
        assert log.record().finish == FINISH
        assert log.record().started == ((0, CASE), (0, OTHER), (1, CASE))


@pytest.mark.parametrize("count", range(0, len(events_of(STORED)) + 1, 4))
def test_disk_knows_what_a_gates_log_knows_after_each_event(count: int, tmp_path: Path) -> None:
    """Kill it here, and what is on disk is the gate as far as it got."""
    path = tmp_path / "gate.jsonl"
    with Journal(path) as journal:
        log = GateLog(GATE_FORMAT, empty(STORED), journal)
        for event in events_of(STORED)[:count]:
            log.add(event)
        assert read_gate(path) == log.record()


def test_event_that_cannot_be_written_is_told_once_and_kept_in_memory(tmp_path: Path) -> None:
    """Its file was removed: whoever measures decides what follows, and what was measured is still reported."""
    path = tmp_path / "out.jsonl"
    with Journal(path) as journal:
        log = RunLog(RUN_FORMAT, begun(), journal)
        path.unlink()
        with pytest.raises(JournalError, match=f"the journal cannot be written: .*{path}"):
            log.add(Measured(measurements=(FIRST,)))
        log.add(FINISH)
    assert log.record().measurements == (FIRST,)
    assert log.record().finish == FINISH


def test_part_that_stands_in_the_journal_is_not_written_again(tmp_path: Path) -> None:
    """A run goes on in its own file; a gate's earlier part is copied into a new one."""
    path = tmp_path / "out.jsonl"
    with Journal(path) as journal:
        RunLog(RUN_FORMAT, begun(), journal, earlier=EVENTS[:3])
        before = path.read_bytes()
        log = RunLog(RUN_FORMAT, begun(), journal, earlier=EVENTS[:3], stands=True)
        assert path.read_bytes() == before
        log.add(EVENTS[3])
    assert read_run(path) == log.record()
    assert path.read_bytes().count(b"\n") == before.count(b"\n") + 1
