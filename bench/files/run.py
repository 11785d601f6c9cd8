"""The files of a run: the lines of its journal, and our section of the final JSON."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, cast

from bench.files.decode_fields import DecodeError, decode
from bench.files.log import Format, Line, Log, read_log
from bench.files.parse_json import FLEET_SECTION, GATE_SECTION, SECTION, OtherKindError, entries
from bench.record.case import Case
from bench.record.compiling import Compiled
from bench.record.conditions import Environment, Settings
from bench.record.layers import Layered
from bench.record.observations import Ceiling
from bench.record.profile import Profiled
from bench.record.run import (
    SCHEMA,
    CeilingsFound,
    Finish,
    Measured,
    Measurement,
    Resumed,
    Run,
    RunEvent,
    RunFold,
    Started,
)

RECORDS: Mapping[str, type[Any]] = {
    "profiled": Profiled,
    "layered": Layered,
    "compiled": Compiled,
    "finish": Finish,
}
"""Events that are one record, by the word that they and it have in a journal."""

WORDS = {kind: word for word, kind in RECORDS.items()}


def make_run_section(run: Run) -> Line:
    """Return a run as our section of the JSON."""
    outcomes = run.outcomes().items()
    return {
        "schema": SCHEMA,
        **_write_head(run),
        "outcomes": [
            {"id": case.id, "outcome": outcome.value, "reason": reason} for case, (outcome, reason) in outcomes
        ],
        "started": [{"launch": launch, "cases": [asdict(case)]} for launch, case in run.started],
        "measurements": [asdict(measurement) for measurement in run.measurements],
        "ceilings": [asdict(ceiling) for ceiling in run.ceilings],
        "profiles": [asdict(profiled) for profiled in run.profiles],
        "layers": [asdict(layered) for layered in run.layers],
        "compiled": [asdict(compiled) for compiled in run.compiled],
        "finish": None if run.finish is None else asdict(run.finish),
    }


def read_run(path: Path) -> Run:
    """Return the run that a ``.json`` or ``.jsonl`` file holds.

    Raises:
        UnreadableError: as `read_log`.
    """
    return read_log(RUN_FORMAT, path)[0]


def _write_head(run: Run) -> Line:
    return {
        "environment": asdict(run.environment),
        "settings": asdict(run.settings),
        "cases": [asdict(case) for case in run.cases],
    }


def _read_head(head: Line, where: str) -> Run:
    return Run(
        environment=decode(Environment, head.get("environment"), f"{where}environment"),
        settings=decode(Settings, head.get("settings"), f"{where}settings"),
        cases=tuple(decode(Case, case, f"cases[{index}]") for index, case in enumerate(entries(head, "cases"))),
    )


def _write_event(event: RunEvent) -> tuple[str, Line]:
    match event:
        case Started():
            return "started", asdict(event)
        case Measured():
            return "measured", asdict(event)
        case CeilingsFound():
            return "ceilings", asdict(event)
        case Resumed():
            return "resumed", {"dropped": [{"launch": launch, "case": asdict(case)} for launch, case in event.dropped]}
        case Profiled() | Layered() | Compiled() | Finish():
            word = WORDS[type(event)]
            return word, {word: asdict(event)}


def _read_event(line: object, where: str) -> RunEvent:
    match line:
        case {"event": "started", **mark}:
            return _read_started(mark, where)
        case {"event": "measured", "measurements": list(measurements)}:
            return _read_measured(measurements, f"{where}: ")
        case {"event": "ceilings", "ceilings": list(ceilings)}:
            return _read_ceilings(ceilings, f"{where}: ")
        case {"event": "resumed", "dropped": list(marks)}:
            dropped = (_read_dropped(mark, f"{where}: dropped[{index}]") for index, mark in enumerate(marks))
            return Resumed(dropped=tuple(dropped))
        case {"event": str(word), **held} if word in RECORDS and held.keys() == {word}:
            return _decode_one(RECORDS[word], held[word], f"{where}: {word}")
        case _:
            raise DecodeError(f"{where}: not an event of a journal")


MAKERS = {
    "Google Benchmark": ("benchmarks", "context"),
    "pyperf": ("benchmarks", "metadata", "version"),
    "asv": ("results", "result_columns"),
    "pytest-benchmark alone": ("benchmarks",),
}
"""Other programs whose JSON a reader may have at hand, and which keys it has; the first that fits counts."""


def _find_maker(document: object) -> str:
    """Return whose a JSON is that holds no section of ours."""
    keys = document.keys() if isinstance(document, dict) else set()
    return next((f"made by {maker}" for maker, has in MAKERS.items() if keys >= set(has)), "foreign")


def _find_section(document: object, path: Path) -> Line:
    section = document.get(SECTION) if isinstance(document, dict) else None
    if isinstance(section, dict):
        return section
    if isinstance(document, dict) and GATE_SECTION in document:
        raise OtherKindError(f"{path}: a gate, not a run; read it with `python -m reports gate`")
    if isinstance(document, dict) and FLEET_SECTION in document:
        said = (
            "put its nodes side by side with `python -m reports compare`, or its verdicts with `python -m reports gate`"
        )
        raise OtherKindError(f"{path}: a fleet, not a run; {said}")
    maker = _find_maker(document)
    raise OtherKindError(f"{path}: no {SECTION!r} section ({maker}); make it with `pytest bench --benchmark-json`")


def _read_section(section: Line) -> tuple[Run, Sequence[RunEvent]]:
    marks = enumerate(entries(section, "started"))
    events: list[RunEvent] = [_read_started(mark, f"started[{index}]") for index, mark in marks]
    events.append(_read_measured(entries(section, "measurements"), ""))
    events.append(_read_ceilings(entries(section, "ceilings"), ""))
    for name, kind in (("profiles", Profiled), ("layers", Layered), ("compiled", Compiled)):
        listed = entries(section, name) if name in section else ()  # files of earlier versions have none
        events += [_decode_one(kind, one, f"{name}[{index}]") for index, one in enumerate(listed)]
    if section.get("finish") is not None:
        events.append(decode(Finish, section["finish"], "finish"))
    return _read_head(section, ""), events


def _decode_one(kind: type[Any], one: object, where: str) -> RunEvent:
    event: RunEvent = decode(kind, one, where)
    return event


def _read_measured(measurements: Sequence[object], where: str) -> Measured:
    return Measured(
        measurements=tuple(
            decode(Measurement, complete_preparation(measurement), f"{where}measurements[{index}]")
            for index, measurement in enumerate(measurements)
        )
    )


CLOCK_PAIRS_OF_OLD_STEPS = {"forward": 0, "backward": 1, "train": 0}
"""Files that do not record it hold these steps; of them backward alone read the clock, and so waited, each time."""


def complete_preparation(content: object) -> object:
    """Return a parsed measurement with what its step's name alone said before a preparation recorded it."""
    match content:
        case {"preparation": {"queued": _}}:  # as in every file since then
            return content
        case {"case": {"step": str(step)}, "preparation": dict(preparation)} if (
            step in CLOCK_PAIRS_OF_OLD_STEPS and "clock_pairs_per_iteration" not in preparation
        ):
            pairs = CLOCK_PAIRS_OF_OLD_STEPS[step]
            recorded = {"queued": pairs == 0, "clock_pairs_per_iteration": pairs}
            return {**cast("dict[str, Any]", content), "preparation": {**recorded, **preparation}}
        case _:
            return content


def _read_ceilings(ceilings: Sequence[object], where: str) -> CeilingsFound:
    return CeilingsFound(
        ceilings=tuple(decode(Ceiling, ceiling, f"{where}ceilings[{index}]") for index, ceiling in enumerate(ceilings))
    )


def _read_started(mark: object, where: str) -> Started:
    match mark:
        case {"launch": int(launch), "cases": list(cases)} if type(launch) is int and launch >= 0:
            return Started(launch=launch, cases=tuple(decode(Case, case, where) for case in cases))
        case _:
            raise DecodeError(f"{where}: not a mark of a started case")


def _read_dropped(mark: object, where: str) -> tuple[int, Case]:
    match mark:
        case {"launch": int(launch), "case": case} if type(launch) is int:
            return launch, decode(Case, case, where)
        case _:
            raise DecodeError(f"{where}: not a mark of a dropped measurement")


RUN_FORMAT: Format[Run, RunEvent] = Format(
    schema=SCHEMA,
    begin="begin",
    no_journal="not a journal of `pytest bench`; name one of its .json or .jsonl files",
    write_head=_write_head,
    read_head=_read_head,
    write_event=_write_event,
    read_event=_read_event,
    find_section=_find_section,
    read_section=_read_section,
    fold=RunFold,
)
"""How a run lies on disk."""

RunLog = Log[Run, RunEvent]
