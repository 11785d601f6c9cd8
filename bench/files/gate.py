"""The files of a gate: its events as lines of a journal, and the same events in a section of the final JSON."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from bench.files.decode_fields import DecodeError, decode
from bench.files.log import Format, Line, Log, read_log
from bench.files.parse_json import GATE_SECTION, OtherKindError, entries
from bench.record.arm import Arm
from bench.record.case import Case
from bench.record.conditions import Environment, Settings
from bench.record.gate import (
    GATE_SCHEMA,
    Acceptance,
    Block,
    Counts,
    Ending,
    Fault,
    Footprint,
    Gate,
    GateEvent,
    GateFold,
    Looked,
    Opened,
    Plan,
    Trees,
)
from bench.record.profile import Profiled

EVENTS: Mapping[str, type[Any]] = {
    "trees": Trees,
    "opened": Opened,
    "counts": Counts,
    "footprint": Footprint,
    "fault": Fault,
    "plan": Plan,
    "block": Block,
    "looked": Looked,
    "profiled": Profiled,
    "ending": Ending,
}
"""What a gate's lines hold, by the word they begin with."""

WORDS = {kind: word for word, kind in EVENTS.items()}


def make_gate_section(log: GateLog) -> Line:
    """Return a gate as our section of the JSON: the same events as in the journal."""
    return make_gate_part(log.record(), log.events)


def make_gate_part(gate: Gate, events: Iterable[GateEvent]) -> Line:
    """Return a gate and its events as a section of a JSON."""
    written = [_write_event(event) for event in events]
    return {
        "schema": GATE_SCHEMA,
        **_write_head(gate),
        "events": [{"event": word, **fields} for word, fields in written],
    }


def read_gate(path: Path) -> Gate:
    """Return the gate that a ``.json`` or ``.jsonl`` file holds.

    Raises:
        UnreadableError: as `read_log`.
    """
    return read_log(GATE_FORMAT, path)[0]


def _write_head(gate: Gate) -> Line:
    return {
        "environment": asdict(gate.environment),
        "settings": asdict(gate.settings),
        "arms": {side: asdict(arm) for side, arm in gate.arms.items()},
        "cases": [asdict(case) for case in gate.cases],
        "floors": dict(gate.floors),
        "accepted": [asdict(acceptance) for acceptance in gate.accepted],
        "idle_patterns": list(gate.idle_patterns),
        "detect": gate.detect,
        "gates": gate.gates,
    }


def _read_head(head: Line, where: str) -> Gate:
    arms, floors = head.get("arms"), head.get("floors")
    if not isinstance(arms, dict) or not isinstance(floors, dict):
        raise DecodeError(f"{where}arms and floors must be objects")
    if not all(type(floor) is float for floor in floors.values()):
        raise DecodeError(f"{where}floors: expected numbers")
    idle_patterns = head.get("idle_patterns", [])  # files of earlier versions have none
    if not isinstance(idle_patterns, list) or not all(isinstance(pattern, str) for pattern in idle_patterns):
        raise DecodeError(f"{where}idle_patterns: expected a list of texts")
    detect = head.get("detect")  # likewise
    if detect is not None and type(detect) is not float:
        raise DecodeError(f"{where}detect: expected a number or null")
    gates = head.get("gates", 1)  # likewise
    if type(gates) is not int:
        raise DecodeError(f"{where}gates: expected a whole number")
    return Gate(
        environment=decode(Environment, head.get("environment"), f"{where}environment"),
        settings=decode(Settings, head.get("settings"), f"{where}settings"),
        arms={side: decode(Arm, arm, f"{where}arms.{side}") for side, arm in arms.items()},
        cases=tuple(decode(Case, case, f"{where}cases[{index}]") for index, case in enumerate(entries(head, "cases"))),
        floors=floors,
        accepted=tuple(
            decode(Acceptance, acceptance, f"{where}accepted[{index}]")
            for index, acceptance in enumerate(entries(head, "accepted"))
        ),
        idle_patterns=tuple(idle_patterns),
        detect=detect,
        gates=gates,
    )


def _write_event(event: GateEvent) -> tuple[str, Line]:
    word = WORDS[type(event)]
    return word, {word: asdict(event)}


def _read_event(line: object, where: str) -> GateEvent:
    word = line.get("event") if isinstance(line, dict) else None
    if not isinstance(line, dict) or not isinstance(word, str) or word not in EVENTS or line.keys() != {"event", word}:
        raise DecodeError(f"{where}: not an event of a gate")
    event: GateEvent = decode(EVENTS[word], line[word], f"{where}: {word}")
    return event


def _find_section(document: object, path: Path) -> Line:
    section = document.get(GATE_SECTION) if isinstance(document, dict) else None
    if isinstance(section, dict):
        return section
    raise OtherKindError(f"{path}: no {GATE_SECTION!r} section; make it with `pytest bench --against REF`")


def _read_section(section: Line) -> tuple[Gate, Sequence[GateEvent]]:
    lines = enumerate(entries(section, "events"), start=1)
    return _read_head(section, ""), [_read_event(line, f"event {number}") for number, line in lines]


GATE_FORMAT: Format[Gate, GateEvent] = Format(
    schema=GATE_SCHEMA,
    begin="compare",
    no_journal="not the journal of a gate; make one with --against",
    write_head=_write_head,
    read_head=_read_head,
    write_event=_write_event,
    read_event=_read_event,
    find_section=_find_section,
    read_section=_read_section,
    fold=GateFold,
)
"""How a gate lies on disk."""

GateLog = Log[Gate, GateEvent]
