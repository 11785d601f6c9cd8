"""From bytes to parsed JSON, within limits: the first half of reading any file that comes in.

What a file says is data: nothing in it is opened or evaluated.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, NoReturn

import msgspec

from bench.files.decode_fields import DecodeError
from bench.record.conditions import spell_halves

MAX_BYTES = 1 << 32
"""A file larger than this is refused unread: two days of slices of ten milliseconds take less."""

HALF = b"\\ud"
"""The beginning of a surrogate as JSON escapes it."""


class UnreadableError(Exception):
    """A result file cannot be used; the message says which, where and what to do."""


class OtherKindError(UnreadableError):
    """A file does not hold what its reader is for; it may hold another kind of result."""


def content_of(path: Path) -> bytes:
    """Return a file's bytes.

    Raises:
        UnreadableError: if there is no such file, or it is too large.
    """
    try:
        size = path.stat().st_size  # of a device or a pipe that is 0, and what comes may never end
        with path.open("rb") as file:
            content = b"" if size > MAX_BYTES else file.read(MAX_BYTES + 1)
    except OSError as error:
        raise UnreadableError(f"{path}: {error.strerror or error}; name a result file of `pytest bench`") from error
    if max(size, len(content)) > MAX_BYTES:
        raise UnreadableError(f"{path}: {max(size, len(content))} bytes; files over {MAX_BYTES} are not read")
    return content


def parse(content: bytes, where: str) -> Any:
    """Return parsed JSON, NaN and numbers beyond the range of a float refused.

    Raises:
        UnreadableError: if it is not JSON, or nested too deeply.
    """
    try:
        return _parse_any(content)
    except RecursionError as error:
        raise UnreadableError(f"{where}: nested too deeply; the file is damaged or not ours") from error
    except ValueError as error:  # of msgspec, of json, or of an encoding
        raise UnreadableError(
            f"{where}: not JSON ({error}); truncated files have a journal (.jsonl) beside them"
        ) from error


def _parse_any(content: bytes) -> Any:
    """Return parsed JSON; half of a surrogate pair is read by the standard library alone, and becomes its spelling."""
    try:
        return msgspec.json.decode(content)
    except msgspec.DecodeError:
        if HALF not in content:
            raise
    return _spell(json.loads(content, parse_constant=_refuse))


def _spell(value: Any) -> Any:
    match value:
        case str():
            return spell_halves(value)
        case list():
            return [_spell(item) for item in value]
        case dict():
            return {_spell(name): _spell(item) for name, item in value.items()}
        case _:
            return value


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is not a number a result can hold")


def check_schema(holder: dict[str, Any], where: str, known: int) -> None:
    """Raise UnreadableError unless `holder` is of the schema that its reader knows."""
    schema = holder.get("schema")
    if type(schema) is not int or schema != known:
        raise UnreadableError(
            f"{where}: schema {str(schema)[:20]}, this reader knows {known}; "
            "measure again or use the version that wrote it"
        )


def entries(holder: dict[str, Any], name: str) -> list[Any]:
    """Return the list under a name.

    Raises:
        DecodeError: if there is none.
    """
    value = holder.get(name)
    if not isinstance(value, list):
        raise DecodeError(f"{name}: expected a list")
    return value


def journal_lines(content: bytes, path: Path) -> list[Any]:
    """Return the parsed lines of a journal, at least one; a torn last line is dropped.

    Raises:
        UnreadableError: if there is none, or one is not JSON.
    """
    lines = content.split(b"\n")
    lines.pop()  # what follows the last newline: nothing, or a torn line
    if not lines:
        raise UnreadableError(f"{path}: empty; the run ended before anything was written: measure again")
    return [parse(line, f"{path}:{number}") for number, line in enumerate(lines, start=1)]


SECTION = "accelbench"
"""Our section in a pytest-benchmark JSON."""

GATE_SECTION = "accelbench_gate"
"""Our section in the JSON of a gate."""

FLEET_SECTION = "accelbench_fleet"
"""Our section in the JSON of a fleet."""
