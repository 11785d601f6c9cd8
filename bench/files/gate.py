"""The files of a comparison: its events as a journal while it lasts, and as a section of the final JSON.

Standard library only; one strict reader for both.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from bench.files.decode import DecodeError, decode
from bench.files.journal import Journal
from bench.files.parse import GATE_SECTION, UnreadableError, check_schema, content_of, entries, journal_lines, parse
from bench.record.arm import Arm
from bench.record.case import Case
from bench.record.conditions import Environment, Settings
from bench.record.gate import JOB_SCHEMA, Acceptance, Block, Counts, Ending, Fault, Job, Looked, Opened, Plan

EVENTS: Mapping[str, type[Any]] = {
    "opened": Opened,
    "counts": Counts,
    "fault": Fault,
    "plan": Plan,
    "block": Block,
    "looked": Looked,
    "ending": Ending,
}
"""What a comparison's lines hold, by the word they begin with."""

NAMES = {kind: name for name, kind in EVENTS.items()}
BEGIN = "compare"

LogEvent = Opened | Counts | Fault | Plan | Block | Looked | Ending


class JournalError(OSError):
    """An event is in memory only; the message says why."""


class JobLog:
    """A comparison as it grows: every event is on disk before the next is asked for.

    Args:
        begun: the job before anything was seen, or an earlier part of it that is continued.
        journal: where events go; None to keep them in memory only.
        earlier: the events of that earlier part.
    """

    def __init__(self, begun: Job, journal: Journal | None, earlier: tuple[LogEvent, ...] = ()) -> None:
        self._begun = replace(begun, new=(), gone=(), plan=None, counts=(), faults=(), blocks=(), looks=(), ending=None)
        self._journal = journal
        self.events: list[LogEvent] = []
        if journal is not None:
            journal.append(BEGIN, **_head(self._begun))
        for event in earlier:
            self.add(event)

    def add(self, event: LogEvent) -> None:
        """Write an event and keep it.

        Raises:
            JournalError: if it could not be written; it is kept all the same, and the next are in memory only.
        """
        self.events.append(event)
        if self._journal is None:
            return
        name = NAMES[type(event)]
        try:
            self._journal.append(name, **{name: asdict(event)})
        except OSError as error:
            where, self._journal = self._journal.path, None  # what follows a torn line would spoil the whole
            raise JournalError(f"the journal cannot be written: {error.strerror or error} ({where})") from error

    def keep(self, event: LogEvent) -> None:
        """Keep an event, and write it too if that still works; from memory it reaches the JSON."""
        with suppress(JournalError):
            self.add(event)

    def job(self) -> Job:
        """Return the job as far as it got."""
        return job_of(self._begun, self.events)


def job_of(begun: Job, events: list[LogEvent]) -> Job:
    """Return what a job's events add up to.

    Raises:
        ValueError: if they do not fit together.
    """
    opened, plan, wall_seconds = Opened(new=(), gone=()), None, 0.0
    counts: dict[tuple[str, Case], Counts] = {}
    faults: list[Fault] = []
    blocks: list[Block] = []
    looks: list[int] = []
    for event in events:
        match event:
            case Opened():
                opened = event
            case Counts():
                counts[event.side, event.case] = event
            case Fault():
                faults.append(event)
            case Plan():
                plan = event
            case Block():
                blocks.append(event)
            case Looked():
                looks.append(event.blocks)
            case Ending():
                wall_seconds += event.wall_seconds
    return replace(
        begun,
        new=opened.new,
        gone=opened.gone,
        plan=plan,
        counts=tuple(counts.values()),
        faults=tuple(faults),
        blocks=tuple(blocks),
        looks=tuple(looks),
        ending=events[-1] if events and isinstance(events[-1], Ending) else None,  # an earlier part's is over
        wall_seconds=wall_seconds,
    )


def job_section(log: JobLog) -> dict[str, Any]:
    """Return a comparison as our section of the JSON: the same events as in the journal."""
    begun = log.job()
    return {
        **_head(begun),
        "events": [{"event": NAMES[type(one)], NAMES[type(one)]: asdict(one)} for one in log.events],
    }


def _head(begun: Job) -> dict[str, Any]:
    return {
        "schema": JOB_SCHEMA,
        "environment": asdict(begun.environment),
        "settings": asdict(begun.settings),
        "arms": {side: asdict(arm) for side, arm in begun.arms.items()},
        "cases": [asdict(case) for case in begun.cases],
        "floors": dict(begun.floors),
        "accepted": [asdict(one) for one in begun.accepted],
    }


def read_job(path: Path) -> tuple[Job, tuple[LogEvent, ...]]:
    """Return the comparison that a ``.json`` or ``.jsonl`` file holds, and its events.

    Raises:
        UnreadableError: if the file is missing, too large, not JSON, foreign, of another schema, or inconsistent.
    """
    content = content_of(path)
    try:
        if path.suffix == ".jsonl":
            head, *lines = journal_lines(content, path)
            if not isinstance(head, dict) or head.pop("event", None) != BEGIN:
                raise UnreadableError(f"{path}:1: not the journal of a comparison; make one with --against")
        else:
            document = parse(content, str(path))
            section = document.get(GATE_SECTION) if isinstance(document, dict) else None
            if not isinstance(section, dict):
                raise UnreadableError(f"{path}: no {GATE_SECTION!r} section; make it with `pytest bench --against REF`")
            head, lines = dict(section), entries(section, "events")
            head.pop("events")
        check_schema(head, str(path), JOB_SCHEMA)
        events = [_event(line, f"event {number}") for number, line in enumerate(lines, start=1)]
        return replace(job_of(_begun(head), events), source=str(path)), tuple(events)
    except ValueError as error:  # a DecodeError is one too
        raise UnreadableError(f"{path}: {error}; the file is damaged or not ours: measure again") from error


def _begun(head: dict[str, Any]) -> Job:
    arms, floors = head.get("arms"), head.get("floors")
    if not isinstance(arms, dict) or not isinstance(floors, dict):
        raise DecodeError("arms and floors must be objects")
    if not all(type(value) is float for value in floors.values()):
        raise DecodeError("floors: expected numbers")
    return Job(
        environment=decode(Environment, head.get("environment"), "environment"),
        settings=decode(Settings, head.get("settings"), "settings"),
        arms={side: decode(Arm, arm, f"arms.{side}") for side, arm in arms.items()},
        cases=tuple(decode(Case, one, f"cases[{index}]") for index, one in enumerate(entries(head, "cases"))),
        floors=floors,
        accepted=tuple(
            decode(Acceptance, one, f"accepted[{index}]") for index, one in enumerate(entries(head, "accepted"))
        ),
    )


def _event(line: object, where: str) -> LogEvent:
    name = line.get("event") if isinstance(line, dict) else None
    if not isinstance(line, dict) or not isinstance(name, str) or name not in EVENTS or line.keys() != {"event", name}:
        raise DecodeError(f"{where}: not an event of a comparison")
    event: LogEvent = decode(EVENTS[name], line[name], f"{where}: {name}")
    return event
