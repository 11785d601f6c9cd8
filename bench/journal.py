"""The files of a run: a journal, one fsynced line per event, and the final JSON; both read back as a Run.

Standard library only. The journal is the write-ahead log of the JSON: whatever has a line is never lost.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path
from typing import Any, NoReturn, Self

from bench.case import Case
from bench.decode import DecodeError, decode
from bench.record import SCHEMA, Environment, Finish, Measurement, Run, Settings

SECTION = "accelbench"
"""Our section in a pytest-benchmark JSON."""

MAX_BYTES = 1 << 28
"""A file larger than this is refused unread; an hour of slices of the default matrix is a tenth of it."""


class UnreadableError(Exception):
    """A result file cannot be used; the message says which, where and what to do."""


class Journal:
    """Appends a run's events to a file, each a whole line that is on disk when the call returns.

    Raises:
        OSError: from every method, if the line could not be written.
    """

    def __init__(self, path: Path) -> None:
        """Create the file; an unfinished run's journal of the same name is kept aside first."""
        keep_aside(path)
        self.path = path
        self._file = path.open("wb")

    def begin(self, environment: Environment, settings: Settings, cases: Iterable[Case]) -> None:
        """Write what is known before anything is measured."""
        plan = [asdict(case) for case in cases]
        self._append("begin", schema=SCHEMA, environment=asdict(environment), settings=asdict(settings), cases=plan)

    def started(self, launch: int, cases: Iterable[Case]) -> None:
        """Mark cases as in flight."""
        self._append("started", launch=launch, cases=[asdict(case) for case in cases])

    def measurement(self, measurement: Measurement) -> None:
        """Write a finished measurement."""
        self._append("measurement", measurement=asdict(measurement))

    def finish(self, finish: Finish) -> None:
        """Write how the run ended."""
        self._append("finish", finish=asdict(finish))

    def close(self) -> None:
        """Close the file; what was appended is on disk already."""
        self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _append(self, event: str, **content: object) -> None:
        line = json.dumps({"event": event, **content}, allow_nan=False) + "\n"
        self._file.write(line.encode())
        self._file.flush()
        os.fsync(self._file.fileno())


def keep_aside(path: Path) -> Path | None:
    """Rename an unfinished or unreadable journal to the first free ``NAME.1``, ``NAME.2``; return its new name."""
    if not path.exists():
        return None
    try:
        if read(path).finish is not None:
            return None  # its JSON holds the same and stays until the new one is whole
    except UnreadableError:
        pass  # not ours to judge: keep it
    number = 1
    while (aside := path.with_name(f"{path.name}.{number}")).exists():
        number += 1
    path.rename(aside)
    return aside


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
        "finish": None if run.finish is None else asdict(run.finish),
    }


def write_whole(path: Path, content: bytes) -> None:
    """Replace a file by new content: either all of it is there afterwards, or the old file is untouched.

    Raises:
        OSError: if the folder cannot be written or the disk is full.
    """
    part = path.with_name(path.name + ".part")
    try:
        with part.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    except OSError:
        part.unlink(missing_ok=True)
        raise


def read(path: Path) -> Run:
    """Return the run that a ``.json`` or ``.jsonl`` file holds.

    A journal's torn last line, left by a kill in the middle of a write, is dropped.

    Raises:
        UnreadableError: if the file is missing, too large, not JSON, foreign, of another schema, or inconsistent.
    """
    try:
        size = path.stat().st_size
        if size > MAX_BYTES:
            raise UnreadableError(f"{path}: {size} bytes; files over {MAX_BYTES} are not read")
        content = path.read_bytes()
    except OSError as error:
        raise UnreadableError(f"{path}: {error.strerror or error}; name a result file of `pytest bench`") from error
    try:
        return _read_journal(path, content) if path.suffix == ".jsonl" else _read_json(path, content)
    except DecodeError as error:
        raise UnreadableError(f"{path}: {error}; the file is damaged or not ours: measure again") from error


def _read_json(path: Path, content: bytes) -> Run:
    document = _parse(content, str(path))
    ours = document.get(SECTION) if isinstance(document, dict) else None
    if not isinstance(ours, dict):
        what = (
            "made by pytest-benchmark alone" if isinstance(document, dict) and "benchmarks" in document else "foreign"
        )
        raise UnreadableError(f"{path}: no {SECTION!r} section ({what}); make it with `pytest bench --benchmark-json`")
    _check_schema(ours, str(path))
    started = [
        (launch, case)
        for index, mark in enumerate(_list(ours, "started"))
        for launch, case in _started(mark, f"started[{index}]")
    ]
    return _run(
        source=str(path),
        environment=decode(Environment, ours.get("environment"), "environment"),
        settings=decode(Settings, ours.get("settings"), "settings"),
        cases=_cases(ours),
        measurements=[
            decode(Measurement, one, f"measurements[{index}]") for index, one in enumerate(_list(ours, "measurements"))
        ],
        started=started,
        finish=None if ours.get("finish") is None else decode(Finish, ours["finish"], "finish"),
    )


def _read_journal(path: Path, content: bytes) -> Run:
    lines = content.split(b"\n")
    lines.pop()  # what follows the last newline: nothing, or a torn line
    if not lines:
        raise UnreadableError(f"{path}: empty; the run ended before anything was written: measure again")
    begin = _parse(lines[0], f"{path}:1")
    if not isinstance(begin, dict) or begin.get("event") != "begin":
        raise UnreadableError(f"{path}:1: not a journal of `pytest bench`; name one of its .json or .jsonl files")
    _check_schema(begin, f"{path}:1")
    measurements: list[Measurement] = []
    started: list[tuple[int, Case]] = []
    finish: Finish | None = None
    for number, line in enumerate(lines[1:], start=2):
        where = f"line {number}"
        match _parse(line, f"{path}:{number}"):
            case {"event": "started", **mark}:
                started += _started(mark, where)
            case {"event": "measurement", "measurement": one}:
                measurements.append(decode(Measurement, one, where))
            case {"event": "finish", "finish": one}:
                finish = decode(Finish, one, where)
            case _:
                raise DecodeError(f"{where}: not an event of a journal")
    return _run(
        source=str(path),
        environment=decode(Environment, begin.get("environment"), "line 1: environment"),
        settings=decode(Settings, begin.get("settings"), "line 1: settings"),
        cases=_cases(begin),
        measurements=measurements,
        started=started,
        finish=finish,
    )


def _run(
    *,
    source: str,
    environment: Environment,
    settings: Settings,
    cases: list[Case],
    measurements: list[Measurement],
    started: list[tuple[int, Case]],
    finish: Finish | None,
) -> Run:
    try:
        return Run(
            environment=environment,
            settings=settings,
            cases=tuple(cases),
            measurements=tuple(measurements),
            started=tuple(started),
            finish=finish,
            source=source,
        )
    except ValueError as error:
        raise DecodeError(str(error)) from error


def _parse(content: bytes, where: str) -> Any:
    def refuse(constant: str) -> NoReturn:
        raise ValueError(f"{constant} is not a number a result can hold")

    try:
        return json.loads(content, parse_constant=refuse)
    except RecursionError as error:
        raise UnreadableError(f"{where}: nested too deeply; the file is damaged or not ours") from error
    except ValueError as error:  # JSONDecodeError and UnicodeDecodeError are ValueErrors
        raise UnreadableError(
            f"{where}: not JSON ({error}); truncated files have a journal (.jsonl) beside them"
        ) from error


def _check_schema(holder: dict[str, Any], where: str) -> None:
    schema = holder.get("schema")
    if schema != SCHEMA:
        raise UnreadableError(
            f"{where}: schema {str(schema)[:20]}, this reader knows {SCHEMA}; "
            "measure again or use the version that wrote it"
        )


def _list(holder: dict[str, Any], name: str) -> list[Any]:
    value = holder.get(name)
    if not isinstance(value, list):
        raise DecodeError(f"{name}: expected a list")
    return value


def _cases(holder: dict[str, Any]) -> list[Case]:
    return [decode(Case, one, f"cases[{index}]") for index, one in enumerate(_list(holder, "cases"))]


def _started(mark: object, where: str) -> list[tuple[int, Case]]:
    match mark:
        case {"launch": int(launch), "cases": list(cases)} if launch >= 0:
            return [(launch, decode(Case, one, where)) for one in cases]
        case _:
            raise DecodeError(f"{where}: not a mark of a started case")
