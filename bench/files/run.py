"""The files of a run: its journal and its section of the final JSON, and one strict reader for both.

Standard library only. What a file says is data: no path in it is opened, nothing in it is evaluated, and whatever
is wrong with it ends in one sentence.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from bench.files.decode import DecodeError, decode
from bench.files.parse import (
    GATE_SECTION,
    SECTION,
    UnreadableError,
    check_schema,
    content_of,
    entries,
    journal_lines,
    parse,
)
from bench.record.case import Case
from bench.record.conditions import Environment, Settings
from bench.record.observations import Ceiling
from bench.record.run import SCHEMA, Finish, Measurement, Run


def section(run: Run) -> dict[str, Any]:
    """Return a run as our section of the JSON."""
    return {
        "schema": SCHEMA,
        "environment": asdict(run.environment),
        "settings": asdict(run.settings),
        "cases": [asdict(case) for case in run.cases],
        "outcomes": [
            {"id": case.id, "outcome": outcome.value, "reason": reason}
            for case, (outcome, reason) in run.outcomes().items()
        ],
        "started": [{"launch": launch, "cases": [asdict(case)]} for launch, case in run.started],
        "measurements": [asdict(measurement) for measurement in run.measurements],
        "ceilings": [asdict(ceiling) for ceiling in run.ceilings],
        "finish": None if run.finish is None else asdict(run.finish),
    }


def read(path: Path) -> Run:
    """Return the run that a ``.json`` or ``.jsonl`` file holds.

    A journal's torn last line, left by a kill in the middle of a write, is dropped.

    Raises:
        UnreadableError: if the file is missing, too large, not JSON, foreign, of another schema, or inconsistent.
    """
    content = content_of(path)
    try:
        return _read_journal(path, content) if path.suffix == ".jsonl" else _read_json(path, content)
    except DecodeError as error:
        raise UnreadableError(f"{path}: {error}; the file is damaged or not ours: measure again") from error


def _read_json(path: Path, content: bytes) -> Run:
    document = parse(content, str(path))
    ours = document.get(SECTION) if isinstance(document, dict) else None
    if not isinstance(ours, dict):
        if isinstance(document, dict) and GATE_SECTION in document:
            raise UnreadableError(f"{path}: a comparison, not a run; read it with `python -m reports gate`")
        what = (
            "made by pytest-benchmark alone" if isinstance(document, dict) and "benchmarks" in document else "foreign"
        )
        raise UnreadableError(f"{path}: no {SECTION!r} section ({what}); make it with `pytest bench --benchmark-json`")
    check_schema(ours, str(path), SCHEMA)
    started = [
        (launch, case)
        for index, mark in enumerate(entries(ours, "started"))
        for launch, case in _started(mark, f"started[{index}]")
    ]
    return _run(
        source=str(path),
        environment=decode(Environment, ours.get("environment"), "environment"),
        settings=decode(Settings, ours.get("settings"), "settings"),
        cases=_cases(ours),
        measurements=[
            _measurement(one, f"measurements[{index}]") for index, one in enumerate(entries(ours, "measurements"))
        ],
        started=started,
        ceilings=[decode(Ceiling, one, f"ceilings[{index}]") for index, one in enumerate(entries(ours, "ceilings"))],
        finish=None if ours.get("finish") is None else decode(Finish, ours["finish"], "finish"),
    )


def _read_journal(path: Path, content: bytes) -> Run:
    begin, *lines = journal_lines(content, path)
    if not isinstance(begin, dict) or begin.get("event") != "begin":
        raise UnreadableError(f"{path}:1: not a journal of `pytest bench`; name one of its .json or .jsonl files")
    check_schema(begin, f"{path}:1", SCHEMA)
    events = _Events()
    for number, line in enumerate(lines, start=2):
        events.take(line, f"line {number}")
    return _run(
        source=str(path),
        environment=decode(Environment, begin.get("environment"), "line 1: environment"),
        settings=decode(Settings, begin.get("settings"), "line 1: settings"),
        cases=_cases(begin),
        measurements=list(events.measurements.values()),
        started=events.started,
        ceilings=events.ceilings,
        finish=events.finish,
    )


class _Events:
    """What the lines of a journal add up to."""

    def __init__(self) -> None:
        self.measurements: dict[tuple[int, Case], Measurement] = {}
        self.started: list[tuple[int, Case]] = []
        self.ceilings: list[Ceiling] = []
        self.finish: Finish | None = None

    def take(self, event: object, where: str) -> None:
        """Add one line."""
        match event:
            case {"event": "started", **mark}:
                self.started += _started(mark, where)
            case {"event": "measured", "measurements": list(some)}:
                for index, one in enumerate(some):
                    self._add(_measurement(one, f"{where}: measurements[{index}]"), where)
            case {"event": "ceilings", "ceilings": list(some)}:
                self.ceilings += [decode(Ceiling, one, f"{where}: ceilings[{index}]") for index, one in enumerate(some)]
            case {"event": "resumed", "dropped": list(some)}:
                self.finish = None
                for index, one in enumerate(some):
                    self.measurements.pop(_dropped(one, f"{where}: dropped[{index}]"), None)
            case {"event": "finish", "finish": one}:
                self.finish = decode(Finish, one, where)
            case _:
                raise DecodeError(f"{where}: not an event of a journal")

    def _add(self, measurement: Measurement, where: str) -> None:
        key = (measurement.launch, measurement.case)
        if key in self.measurements:
            raise DecodeError(f"{where}: {measurement.case.id} stands twice in launch {measurement.launch}")
        self.measurements[key] = measurement


def _run(
    *,
    source: str,
    environment: Environment,
    settings: Settings,
    cases: list[Case],
    measurements: list[Measurement],
    started: list[tuple[int, Case]],
    ceilings: list[Ceiling],
    finish: Finish | None,
) -> Run:
    try:
        return Run(
            environment=environment,
            settings=settings,
            cases=tuple(cases),
            measurements=tuple(measurements),
            started=tuple(started),
            ceilings=tuple(ceilings),
            finish=finish,
            source=source,
        )
    except ValueError as error:
        raise DecodeError(str(error)) from error


def _measurement(content: object, where: str) -> Measurement:
    return decode(Measurement, complete_preparation(content), where)


CLOCK_PAIRS_OF_OLD_STEPS = {"forward": 0, "backward": 1, "train": 0}
"""Files that do not record it hold these steps; of them backward alone read the clock, and so waited, each time."""


def complete_preparation(content: object) -> object:
    """Return a parsed measurement with what its step's name alone said before a preparation recorded it."""
    match content:
        case {"case": {"step": str(step)} as case, "preparation": dict(preparation), **rest} if (
            step in CLOCK_PAIRS_OF_OLD_STEPS and not preparation.keys() & {"queued", "clock_pairs_per_iteration"}
        ):
            pairs = CLOCK_PAIRS_OF_OLD_STEPS[step]
            recorded = {"queued": pairs == 0, "clock_pairs_per_iteration": pairs}
            return {"case": case, "preparation": {**preparation, **recorded}, **rest}
        case _:
            return content


def _cases(holder: dict[str, Any]) -> list[Case]:
    return [decode(Case, one, f"cases[{index}]") for index, one in enumerate(entries(holder, "cases"))]


def _started(mark: object, where: str) -> list[tuple[int, Case]]:
    match mark:
        case {"launch": int(launch), "cases": list(cases)} if type(launch) is int and launch >= 0:
            return [(launch, decode(Case, one, where)) for one in cases]
        case _:
            raise DecodeError(f"{where}: not a mark of a started case")


def _dropped(mark: object, where: str) -> tuple[int, Case]:
    match mark:
        case {"launch": int(launch), "case": case} if type(launch) is int:
            return launch, decode(Case, case, where)
        case _:
            raise DecodeError(f"{where}: not a mark of a dropped measurement")


def keep_aside(path: Path, reader: Callable[[Path], object] = read) -> Path | None:
    """Rename a journal whose content is not also in the JSON beside it: ``NAME.1``, ``NAME.2``; return its new name."""
    if not path.exists():
        return None
    try:
        if reader(path) == reader(path.with_suffix(".json")):
            return None  # the JSON holds the same and stays until the new one is whole
    except UnreadableError:
        pass  # not ours to judge: keep it
    number = 1
    while (aside := path.with_name(f"{path.name}.{number}")).exists():
        number += 1
    path.rename(aside)
    return aside
