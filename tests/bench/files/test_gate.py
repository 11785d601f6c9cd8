"""The files of a gate: what is written is read back, and nothing else is believed."""

from __future__ import annotations

from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest

from bench.files.gate import GATE_FORMAT, GateLog, read_gate
from bench.files.journal import Journal
from bench.files.log import JournalError, read_log
from bench.files.parse_json import UnreadableError
from bench.record.arm import Side
from bench.record.gate import Fault, FileDifference, Footprint, Looked, Trees
from bench.record.run import Outcome
from tests.makers.gates import CASES, ENDING, empty, events_of, logged, made_gate, stored_gate
from tests.makers.profiles import ADDMM, paired

FAULT = Fault(side=Side.HEAD, case=CASES[1], block=2, outcome=Outcome.TIMEOUT, reason="slow")
TREES = Trees(
    differences=(
        FileDifference(path="models/mlp.py", added=3, removed=1),
        FileDifference(path="models/data.bin", added=None, removed=None),
    ),
    left_out={"models/generated.py": "git ignores it"},
    remarks=("base: main is 0123456789ab (first)",),
)
FOOTPRINT = Footprint(
    side=Side.HEAD,
    model="mlp",
    state={"grad mode": "True -> False"},
    outside={"helper": "/a/helper.py"},
    shared=("helper",),
)
STORED = made_gate(
    faults=(FAULT,),
    new=("x",),
    gone=("y",),
    trees=TREES,
    footprints=(FOOTPRINT,),
    profiles=paired(CASES[0], ADDMM, ADDMM, pairs=1),
)


def test_journal_and_json_hold_the_same(tmp_path: Path) -> None:
    """Either can be read when the other is gone."""
    log, journal = logged(tmp_path, STORED)
    assert log.record() == STORED
    assert read_gate(journal) == STORED
    assert read_log(GATE_FORMAT, stored_gate(tmp_path, STORED)) == (STORED, tuple(events_of(STORED)))


def test_what_was_to_be_seen_is_stored(tmp_path: Path) -> None:
    """A stored answer knows whether it could see what it was to see, and how many blocks its pilot asked for."""
    assert made_gate().plan is not None
    plan = replace(made_gate().plan, blocks=32)  # type: ignore[type-var]
    asked = made_gate(detect=0.02, plan=plan)
    assert read_gate(stored_gate(tmp_path, asked)) == asked


def test_gate_from_before_anything_was_to_be_seen_is_read(tmp_path: Path) -> None:
    """Files of earlier versions have neither of the two."""

    def aged(section: Any) -> Any:
        del section["detect"]
        (plan,) = (event["plan"] for event in section["events"] if event["event"] == "plan")
        del plan["blocks"]
        return section

    assert read_gate(stored_gate(tmp_path, made_gate(), aged)) == made_gate()


@pytest.mark.parametrize("detect", [2, "2%", 1.5, 0.0, True])
def test_what_is_to_be_seen_is_a_share(detect: object, tmp_path: Path) -> None:
    """In a file as on the command line."""
    with pytest.raises(UnreadableError, match="detect"):
        read_gate(stored_gate(tmp_path, made_gate(), lambda section: {**section, "detect": detect}))


def test_journal_that_was_cut_off_holds_what_was_finished(tmp_path: Path) -> None:
    """A torn last line is dropped."""
    stored = replace(STORED, profiles=())
    _, journal = logged(tmp_path, stored)
    lines = journal.read_bytes().splitlines(keepends=True)
    journal.write_bytes(b"".join(lines[:-3]) + lines[-3][:100])
    gate, events = read_log(GATE_FORMAT, journal)
    assert gate.ending is None
    assert len(gate.blocks) == 15
    assert events == tuple(events_of(stored)[:-3])


def test_part_that_goes_on_begins_with_what_was_there(tmp_path: Path) -> None:
    """The new journal is whole by itself; the ending is the last one."""
    log, _ = logged(tmp_path, STORED)
    with Journal(tmp_path / "more.jsonl") as journal:
        more = GateLog(GATE_FORMAT, empty(STORED), journal, earlier=log.events)
        more.add(Looked(blocks=16) if not STORED.looks else ENDING)
    both = replace(STORED, wall_seconds=2 * ENDING.wall_seconds)
    assert read_gate(tmp_path / "more.jsonl") == more.record() == both


def test_gate_killed_in_the_middle_of_its_profiles_has_ended(tmp_path: Path) -> None:
    """Verdicts stood before the first profile: its journal holds them, and nothing is unproven."""
    _, journal = logged(tmp_path, STORED)
    lines = journal.read_bytes().splitlines(keepends=True)
    journal.write_bytes(b"".join(lines[:-1]))
    assert read_gate(journal) == replace(STORED, profiles=STORED.profiles[:-1])


def test_ending_of_an_earlier_part_is_not_that_of_the_later() -> None:
    """A continued gate that died has none."""
    log = GateLog(GATE_FORMAT, empty(STORED), None, earlier=events_of(STORED))
    assert log.record().ending == ENDING
    log.add(FAULT)
    assert log.record().ending is None
    assert log.record().wall_seconds == ENDING.wall_seconds


def test_event_is_kept_when_the_disk_is_full(tmp_path: Path) -> None:
    """It reaches the JSON from memory."""
    with Journal(tmp_path / "gate.jsonl") as journal:
        log = GateLog(GATE_FORMAT, empty(STORED), journal)
        journal.path.unlink()
        with pytest.raises(JournalError, match=r"the journal cannot be written: .*gate\.jsonl"):
            log.add(FAULT)
        log.add(ENDING)  # what follows a torn line would spoil the whole
    assert log.record().ending == ENDING
    assert log.record().faults == (FAULT,)


def test_earlier_part_that_cannot_be_written_again_is_a_trouble_of_the_disk(tmp_path: Path) -> None:
    """An OSError like any other: a usage error with its sentence, nothing is compared unseen."""
    with Journal(tmp_path / "gate.jsonl") as journal:
        journal.path.unlink()
        with pytest.raises(OSError, match="removed"):
            GateLog(GATE_FORMAT, empty(STORED), journal, earlier=events_of(STORED))


def without(name: str) -> Any:
    """Return a change that removes a field of the section."""
    return lambda section: {key: value for key, value in section.items() if key != name}


def changed(**fields: Any) -> Any:
    """Return a change that replaces fields of the section."""
    return lambda section: section | fields


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (lambda _: [], "no 'accelbench_gate' section"),
        (changed(schema=99), "schema 99, this reader knows 1"),
        (without("schema"), "schema None"),
        (without("events"), "events: expected a list"),
        (without("floors"), "arms and floors must be objects"),
        (changed(floors={"x": "1"}), "floors: expected numbers"),
        (changed(floors={}), "has no floor"),
        (changed(idle_patterns=[3]), "idle_patterns: expected a list of texts"),
        (changed(idle_patterns="mlp-*"), "idle_patterns: expected a list of texts"),
        (lambda section: section | {"floors": dict.fromkeys(section["floors"], 2.0)}, "not a share between 0 and 1"),
        (changed(arms={}), "has the arms base and head"),
        (changed(arms={"base": {}, "head": {}}), "arms.base: field 'ref' is missing"),
        (lambda section: section | {"cases": section["cases"] * 2}, "holds a case twice"),
        (changed(events=[{"event": "surprise"}]), "event 1: not an event of a gate"),
        (changed(events=[3]), "event 1: not an event of a gate"),
        (changed(events=[{"event": "looked", "looked": {"blocks": 5}}]), "looks are not at blocks"),
        (changed(events=[{"event": "looked", "looked": {"blocks": 5}, "x": 1}]), "not an event"),
        (lambda section: section | {"events": section["events"][-5:]}, "without a gap"),
        (lambda section: section | {"cases": section["cases"][:1]}, "measured but not planned"),
    ],
)
def test_file_that_does_not_fit_is_refused(tmp_path: Path, change: Any, sentence: str) -> None:
    """What, where and what to do, in one line."""
    with pytest.raises(UnreadableError, match=sentence) as caught:
        read_gate(stored_gate(tmp_path, STORED, change))
    assert "\n" not in str(caught.value)
    assert "gate.json" in str(caught.value)


def test_patterns_that_fit_no_case_are_kept_and_earlier_files_have_none(tmp_path: Path) -> None:
    """A field that came later has a default."""
    gate = replace(STORED, idle_patterns=("mpl-*",))
    assert read_gate(stored_gate(tmp_path, gate)).idle_patterns == ("mpl-*",)
    assert read_gate(stored_gate(tmp_path, gate, without("idle_patterns"))).idle_patterns == ()


def test_older_gate_has_no_reason_why_operations_are_not_counted(tmp_path: Path) -> None:
    """It does not say so, and is read as before."""

    def older(section: dict[str, Any]) -> dict[str, Any]:
        for event in section["events"]:
            if event["event"] == "counts":
                del event["counts"]["flops_reason"]
        return section

    assert read_gate(stored_gate(tmp_path, STORED, older)).counts == STORED.counts


@pytest.mark.parametrize("content", [b"", b"{}\n", b'{"event": "begin"}\n', b"\n", b"[1]\n"])
def test_file_that_is_no_journal_of_a_gate_is_refused(tmp_path: Path, content: bytes) -> None:
    """A run's journal is another thing."""
    path = tmp_path / "x.jsonl"
    path.write_bytes(content)
    with pytest.raises(UnreadableError, match=r"x\.jsonl"):
        read_gate(path)


@pytest.mark.parametrize(
    ("field", "value", "sentence"),
    [
        ("base_seconds", (0.001,), "1 values for 3 quads"),
        ("head_seconds", (0.001,) * 5 + (-1.0,), "positive number of seconds"),
        ("head_seconds", (0.001,) * 5 + (float("nan"),), "positive number of seconds"),
        ("base_outside", (), "without a quad"),
        ("iterations", 0, "at least 1"),
        ("yardstick_seconds", 0.0, "must be above 0"),
    ],
)
def test_impossible_pairing_raises(field: str, value: object, sentence: str) -> None:
    """Where it is made, not where it is used."""
    good = STORED.blocks[0].pairings[0]
    with pytest.raises(ValueError, match=sentence):
        type(good)(**{**{name: getattr(good, name) for name in asdict(good)}, field: value})
