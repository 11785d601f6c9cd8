"""A fleet is on disk after each event, and the same from its journal and from its JSON."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from bench.files.fleet import FLEET_FORMAT, FleetLog, make_fleet_section, read_fleet
from bench.files.journal import Journal
from bench.files.parse_json import FLEET_SECTION, OtherKindError, UnreadableError
from bench.files.run import read_run
from bench.record.fleet import FleetFold, NodeEnded, NodeTold
from bench.record.run import Outcome
from tests.makers.fleets import (
    ALPHA,
    BETA,
    empty_fleet,
    fleet_events,
    gate_fleet_events,
    logged_fleet,
    made_fleet,
    run_events,
)
from tests.makers.runs import TWO


@pytest.mark.parametrize("count", range(len(fleet_events()) + 1))
def test_disk_knows_what_the_log_knows_after_each_event(count: int, tmp_path: Path) -> None:
    """Kill it here, and what is on disk is the fleet as far as it got."""
    path = tmp_path / "out.jsonl"
    with Journal(path) as journal:
        log = FleetLog(FLEET_FORMAT, empty_fleet(), journal)
        for event in fleet_events(lost=True)[:count]:
            log.add(event)
        assert read_fleet(path) == log.record()


@pytest.mark.parametrize("lost", [False, True])
def test_json_holds_what_the_journal_holds(lost: bool, tmp_path: Path) -> None:  # noqa: FBT001
    """A run for each node that began one."""
    log = logged_fleet(fleet_events(lost=lost))
    path = tmp_path / "out.json"
    path.write_text(json.dumps({FLEET_SECTION: make_fleet_section(log)}))
    assert read_fleet(path) == log.record() == made_fleet(lost=lost)
    with pytest.raises(OtherKindError, match="a fleet, not a run; put its nodes side by side with"):
        read_run(path)


def test_gates_of_nodes_are_on_disk_as_runs_are(tmp_path: Path) -> None:
    """Event by event in the journal, and as a gate for each node in the JSON."""
    path = tmp_path / "out.jsonl"
    with Journal(path) as journal:
        log = logged_fleet(gate_fleet_events(), journal)
    fleet = log.record()
    assert all(one.gate is not None and one.run is None and one.whole for one in fleet.nodes)
    assert read_fleet(path) == fleet
    path.with_suffix(".json").write_text(json.dumps({FLEET_SECTION: make_fleet_section(log)}))
    assert read_fleet(path.with_suffix(".json")) == fleet


def test_node_that_died_is_a_reason_and_the_others_are_whole() -> None:
    """Every planned case of it has that reason."""
    fleet = made_fleet(lost=True)
    whole, lost = fleet.nodes
    assert whole.whole
    assert not lost.whole
    assert {outcome for outcome, _ in whole.outcomes().values()} == {Outcome.MEASURED}
    assert list(lost.outcomes().values()) == [(Outcome.INTERRUPTED, "NodeDiedError: it was unplugged")] * len(TWO)
    assert fleet.find("beta") is lost


def test_node_that_never_began_has_not_run() -> None:
    """And says so."""
    fold = FleetFold(empty_fleet())
    fold.add(NodeEnded(node=BETA.name, reason="no such place"))
    one, other = fold.record().nodes
    assert set(one.outcomes().values()) == {(Outcome.NOT_RUN, "its node has not begun it")}
    assert set(other.outcomes().values()) == {(Outcome.NOT_RUN, "no such place")}


@pytest.mark.parametrize(
    ("event", "fault"),
    [
        (NodeEnded(node="gamma", reason=None), "gamma is no node of the fleet"),
        (NodeTold(node=ALPHA.name, event=run_events()[0]), "alpha told something before it began"),
    ],
)
def test_event_that_does_not_fit_is_refused(event: Any, fault: str) -> None:
    """Whoever wrote it."""
    with pytest.raises(ValueError, match=fault):
        FleetFold(empty_fleet()).add(event)


def test_gate_tells_no_event_of_a_run() -> None:
    """A node's journal may be damaged, or hostile: what does not fit is refused where it is read."""
    log = logged_fleet(gate_fleet_events()[:1])
    with pytest.raises(ValueError, match="alpha told what is no part of what it began"):
        log.add(NodeTold(node=ALPHA.name, event=run_events()[-1]))


@pytest.mark.parametrize("line", [{"event": []}, {"event": {"a": 1}}, {}, [], None, {"event": "finish"}], ids=repr)
def test_line_of_a_node_that_is_none_is_one_sentence(line: Any, tmp_path: Path) -> None:
    """Found by a reader: a list cannot be looked up as a word."""
    path = tmp_path / "out.jsonl"
    with Journal(path) as journal:
        logged_fleet(fleet_events()[:3], journal)
    with path.open("a") as file:
        file.write(json.dumps({"event": "line", "node": "alpha", "line": line}) + "\n")
    with pytest.raises(UnreadableError, match=r"line \d"):
        read_fleet(path)


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        (lambda section: section.update(schema=9), "schema 9, this reader knows 1"),
        (lambda section: section.update(engine=7), "engine: expected a text"),
        (lambda section: section["nodes"][0].update(cases=None), "cases: expected a list"),
        (lambda section: section["nodes"].append(section["nodes"][0]), "two nodes have one name"),
        (lambda section: section["nodes"][0]["run"].update(schema=1), "schema 1"),
        (lambda section: section["nodes"][0].update(run=[]), "run: expected an object or null"),
        (lambda section: section["nodes"][0].update(gate=7), "gate: expected an object or null"),
        (lambda section: section.update(facts=7), "facts: expected an object"),
        (lambda section: section["nodes"][0].update(cases=[]), "was run but not planned"),
    ],
)
def test_damaged_file_is_one_sentence(change: Any, fault: str, tmp_path: Path) -> None:
    """As of every other kind."""
    section = json.loads(json.dumps(make_fleet_section(logged_fleet(fleet_events()))))
    change(section)
    path = tmp_path / "out.json"
    path.write_text(json.dumps({FLEET_SECTION: section}))
    with pytest.raises(UnreadableError, match=fault):
        read_fleet(path)
