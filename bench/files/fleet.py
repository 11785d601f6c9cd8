"""The files of a fleet: a journal that holds every node's lines, and a section of the JSON with what each measured."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from bench.files.decode_fields import DecodeError, decode
from bench.files.gate import EVENTS as GATE_EVENTS
from bench.files.gate import GATE_FORMAT, make_gate_part
from bench.files.log import Format, Line, Log, read_log
from bench.files.parse_json import FLEET_SECTION, OtherKindError, check_schema, entries
from bench.files.run import RECORDS, RUN_FORMAT, make_run_section
from bench.record.case import Case
from bench.record.conditions import Environment
from bench.record.fleet import (
    FLEET_SCHEMA,
    Fleet,
    FleetEvent,
    FleetFold,
    Node,
    NodeBegan,
    NodeEnded,
    NodeRun,
    NodeTold,
    NodeUndone,
)
from bench.record.gate import GATE_SCHEMA, Gate
from bench.record.run import SCHEMA


def make_fleet_section(log: FleetLog) -> Line:
    """Return a fleet as its section of the JSON."""
    fleet = log.record()
    told: dict[str, list[Any]] = {one.node.name: [] for one in fleet.nodes}
    for event in log.events:
        if isinstance(event, NodeTold):
            told[event.node].append(event.event)
    return {
        "schema": FLEET_SCHEMA,
        "engine": fleet.engine,
        "facts": dict(fleet.facts),
        "nodes": [
            {
                **_write_plan(one),
                "undone": dict(one.undone),
                "reason": one.reason,
                "run": None if one.run is None else make_run_section(one.run),
                "gate": None if one.gate is None else make_gate_part(one.gate, told[one.node.name]),
            }
            for one in fleet.nodes
        ],
    }


def read_fleet(path: Path) -> Fleet:
    """Return the fleet that a ``.json`` or ``.jsonl`` file holds.

    Raises:
        UnreadableError: as `read_log`.
    """
    return read_log(FLEET_FORMAT, path)[0]


def read_node_line(node: str, line: object, where: str = "") -> NodeBegan | NodeTold:
    """Return what a line of a node's own journal says; where it stands begins what it raises.

    Raises:
        DecodeError: if it is no such line.
        UnreadableError: if it is of another schema.
    """
    place = f"{where}: {node}" if where else node
    word = line.get("event") if isinstance(line, dict) else None
    if isinstance(line, dict) and isinstance(word, str) and word in (RUN_FORMAT.begin, GATE_FORMAT.begin):
        head = {name: value for name, value in line.items() if name != "event"}
        if word == RUN_FORMAT.begin:
            check_schema(head, place, SCHEMA)
            return NodeBegan(node=node, begun=RUN_FORMAT.read_head(head, f"{place}: "))
        check_schema(head, place, GATE_SCHEMA)
        return NodeBegan(node=node, begun=GATE_FORMAT.read_head(head, f"{place}: "))
    if isinstance(word, str) and word in GATE_EVENTS.keys() - RECORDS.keys():
        return NodeTold(node=node, event=GATE_FORMAT.read_event(line, place))
    return NodeTold(node=node, event=RUN_FORMAT.read_event(line, place))  # a profile is the same in both


def write_node_line(event: NodeBegan | NodeTold) -> Line:
    """Return the line of a node's own journal that says it."""
    if isinstance(event, NodeBegan):
        if isinstance(event.begun, Gate):
            return {"event": GATE_FORMAT.begin, "schema": GATE_SCHEMA, **GATE_FORMAT.write_head(event.begun)}
        return {"event": RUN_FORMAT.begin, "schema": SCHEMA, **RUN_FORMAT.write_head(event.begun)}
    told: Any = event.event
    of_gate = type(told) in GATE_EVENTS.values() and type(told) not in RECORDS.values()
    word, fields = GATE_FORMAT.write_event(told) if of_gate else RUN_FORMAT.write_event(told)
    return {"event": word, **fields}


def _write_plan(one: NodeRun) -> Line:
    return {"node": asdict(one.node), "cases": [asdict(case) for case in one.cases]}


def _read_plan(plan: object, where: str) -> NodeRun:
    if not isinstance(plan, dict):
        raise DecodeError(f"{where}: expected an object")
    cases = enumerate(entries(plan, "cases"))
    return NodeRun(
        node=decode(Node, plan.get("node"), f"{where}.node"),
        cases=tuple(decode(Case, case, f"{where}.cases[{index}]") for index, case in cases),
    )


def _write_head(fleet: Fleet) -> Line:
    return {
        "engine": fleet.engine,
        "facts": dict(fleet.facts),
        "nodes": [_write_plan(one) for one in fleet.nodes],
    }


def _read_head(head: Line, where: str) -> Fleet:
    engine = head.get("engine")
    if not isinstance(engine, str):
        raise DecodeError(f"{where}engine: expected a text")
    plans = enumerate(entries(head, "nodes"))
    facts = decode(Environment, {"facts": head.get("facts", {})}, where).facts  # files of earlier versions have none
    nodes = tuple(_read_plan(plan, f"{where}nodes[{index}]") for index, plan in plans)
    return Fleet(engine=engine, nodes=nodes, facts=facts)


def _write_event(event: FleetEvent) -> tuple[str, Line]:
    match event:
        case NodeBegan() | NodeTold():
            return "line", {"node": event.node, "line": write_node_line(event)}
        case NodeUndone():
            return "undone", {"node": event.node, "undone": dict(event.undone)}
        case NodeEnded():
            return "ended", {"node": event.node, "reason": event.reason}


def _read_event(line: object, where: str) -> FleetEvent:
    match line:
        case {"event": "line", "node": str(node), "line": told, **rest} if not rest:
            return read_node_line(node, told, where)
        case {"event": "undone", **fields}:
            return decode(NodeUndone, fields, where)
        case {"event": "ended", **fields}:
            return decode(NodeEnded, fields, where)
        case _:
            raise DecodeError(f"{where}: not an event of a fleet")


def _find_section(document: object, path: Path) -> Line:
    section = document.get(FLEET_SECTION) if isinstance(document, dict) else None
    if isinstance(section, dict):
        return section
    raise OtherKindError(f"{path}: no {FLEET_SECTION!r} section; make it with `pytest bench --nodes ENGINE`")


def _read_section(section: Line) -> tuple[Fleet, Sequence[FleetEvent]]:
    fleet = _read_head(section, "")
    events: list[FleetEvent] = []
    for one, told in zip(fleet.nodes, entries(section, "nodes"), strict=True):
        name = one.node.name
        events.append(decode(NodeUndone, {"node": name, "undone": told.get("undone")}, name))
        forms: tuple[tuple[str, int, Format[Any, Any]], ...] = (
            ("run", SCHEMA, RUN_FORMAT),
            ("gate", GATE_SCHEMA, GATE_FORMAT),
        )
        for kind, schema, form in forms:
            if isinstance(part := told.get(kind), dict):
                check_schema(part, name, schema)
                begun, happened = form.read_section(part)
                events += [NodeBegan(node=name, begun=begun), *(NodeTold(node=name, event=event) for event in happened)]
            elif part is not None:
                raise DecodeError(f"{name}: {kind}: expected an object or null")
        events.append(decode(NodeEnded, {"node": name, "reason": told.get("reason")}, name))
    return fleet, events


FLEET_FORMAT: Format[Fleet, FleetEvent] = Format(
    schema=FLEET_SCHEMA,
    begin="fleet",
    no_journal="not the journal of a fleet; make one with --nodes",
    write_head=_write_head,
    read_head=_read_head,
    write_event=_write_event,
    read_event=_read_event,
    find_section=_find_section,
    read_section=_read_section,
    fold=FleetFold,
)
"""How a fleet lies on disk."""

FleetLog = Log[Fleet, FleetEvent]
