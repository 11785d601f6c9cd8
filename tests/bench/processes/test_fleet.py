"""Every message of a node is taken before its next one is asked for, and a node that is lost costs no other one."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping

import pytest

from bench.processes.fleet import Waiting, carry_out
from bench.processes.remote import Task
from bench.record.fleet import FleetEvent, FleetFold, NodeEnded, NodeTold
from tests.makers.fleets import ALPHA, BETA, LOST, FakeEngine, empty_fleet, node_messages, run_events

TASK = Task(tree=b"", command=["true"])


def drive(
    engine: FakeEngine, add: Callable[[FleetEvent], None], stop: Callable[[], str | None] = lambda: None
) -> list[FleetEvent | Waiting]:
    """Carry out a task on both nodes, and return what was shown."""
    shown: list[FleetEvent | Waiting] = []
    tasks = {place.name: (place, TASK) for place in (ALPHA, BETA)}
    carry_out(engine, tasks, add=add, show=shown.append, stop=stop)
    return shown


def reasons_of(events: list[FleetEvent]) -> Mapping[str, str | None]:
    """Return why each node ended."""
    return {event.node: event.reason for event in events if isinstance(event, NodeEnded)}


def test_two_nodes_add_up_to_two_runs() -> None:
    """Each in its own order, whatever the other does."""
    engine = FakeEngine({place.name: node_messages(run_events()) for place in (ALPHA, BETA)})
    fold = FleetFold(empty_fleet())
    drive(engine, fold.add)
    assert all(one.whole and one.reason is None for one in fold.record().nodes)


def test_message_is_taken_before_the_next_is_asked_for() -> None:
    """Kill the driver anywhere, and its journal lacks at most the message on its way."""
    taken, asked = {"alpha": 0, "beta": 0}, {"alpha": 0, "beta": 0}

    def ask(name: str) -> None:
        asked[name] += 1
        assert asked[name] <= taken[name] + 1

    def add(event: FleetEvent) -> None:
        taken[event.node] += 1

    engine = FakeEngine({place.name: node_messages(run_events(), code=None) for place in (ALPHA, BETA)}, ask)
    drive(engine, add)
    assert asked == {"alpha": 6, "beta": 6}


def test_node_that_is_lost_has_a_reason_and_the_other_goes_on() -> None:
    """At once where it cannot be started, too."""
    messages = {"alpha": node_messages(run_events()), "beta": [*node_messages(run_events())[:2], LOST]}
    events: list[FleetEvent] = []
    drive(FakeEngine(messages), events.append)
    assert reasons_of(events) == {"alpha": None, "beta": "NodeDiedError: it was unplugged"}


@pytest.mark.parametrize(
    ("last", "reason"),
    [
        (
            json.dumps({"line": '{"event": "nonsense"}\n'}),
            "what it says cannot be read: beta: not an event of a journal",
        ),
        ("no JSON", "what it says cannot be read: "),
        (json.dumps({"odd": 1}), "what it says cannot be read: no message of a node"),
        (json.dumps({"ended": 4, "said": ["ERROR: no such file", ""]}), "exit code 4: ERROR: no such file"),
        (OSError("the switch is off"), "OSError: the switch is off"),
    ],
)
def test_whatever_a_node_says_ends_at_most_itself(last: str | Exception, reason: str) -> None:
    """It is data from elsewhere; what runs there is stopped."""
    messages = {"alpha": node_messages(run_events()), "beta": [*node_messages(run_events())[:2], last]}
    engine, events = FakeEngine(messages), []
    drive(engine, events.append)
    told = reasons_of(events)
    assert told["alpha"] is None
    assert str(told["beta"]).startswith(reason)
    assert sum(isinstance(event, NodeTold) for event in events) == len(run_events())


def test_run_that_came_to_its_end_is_whole_whatever_follows() -> None:
    """A failed test is exit code 1, and a node may die when all is told."""
    messages = {
        "alpha": node_messages(run_events(), code=1),
        "beta": [*node_messages(run_events(), code=None), LOST],
    }
    events: list[FleetEvent] = []
    drive(FakeEngine(messages), events.append)
    assert reasons_of(events) == {"alpha": None, "beta": None}


def test_driver_that_is_stopped_stops_every_node() -> None:
    """And says why of each."""
    reason: list[str] = []

    def ask(name: str) -> None:
        reason.append(f"stopped by {name}")

    engine = FakeEngine({place.name: node_messages(run_events()[:1], code=None) for place in (ALPHA, BETA)}, ask)
    events: list[FleetEvent] = []
    drive(engine, events.append, stop=lambda: "stopped by SIGINT" if reason else None)
    assert set(reasons_of(events).values()) == {"stopped by SIGINT"}
    assert {"alpha", "beta"} <= set(engine.stopped)


def test_journal_that_cannot_be_written_ends_every_node() -> None:
    """What was measured so far is on disk."""
    engine = FakeEngine({place.name: node_messages(run_events()) for place in (ALPHA, BETA)})

    def add(_: FleetEvent) -> None:
        raise OSError("No space left on device")

    with pytest.raises(OSError, match="No space left"):
        drive(engine, add)
    assert {"alpha", "beta"} <= set(engine.stopped)


def test_wait_for_a_host_is_shown_and_not_written_down() -> None:
    """It is nothing that was measured."""
    waiting = json.dumps({"waiting": 3})
    messages = {place.name: [waiting, *node_messages(run_events())] for place in (ALPHA, BETA)}
    events: list[FleetEvent] = []
    shown = drive(FakeEngine(messages), events.append)
    assert sum(isinstance(event, Waiting) for event in shown) == 2
    assert not any(isinstance(event, Waiting) for event in events)
