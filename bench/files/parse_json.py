"""From bytes to parsed JSON, within limits: the first half of reading any file that comes in.

Standard library only. What a file says is data: nothing in it is opened or evaluated.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, NoReturn

from bench.files.decode_fields import DecodeError

MAX_BYTES = 1 << 26
"""A file larger than this is refused unread; an hour of slices of the default matrix is half of it."""

MAX_LINE_BYTES = 1 << 25
"""A line of a journal holds one group in one launch: kilobytes, or a few megabytes of very many slices."""


class UnreadableError(Exception):
    """A result file cannot be used; the message says which, where and what to do."""


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
    """Return parsed JSON, NaN and infinities refused.

    Raises:
        UnreadableError: if it is not JSON, or nested too deeply.
    """

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
        UnreadableError: if there is none, one is too long, or one is not JSON.
    """
    lines = content.split(b"\n")
    if max(map(len, lines)) > MAX_LINE_BYTES:
        raise UnreadableError(f"{path}: a line of over {MAX_LINE_BYTES} bytes; the file is damaged or not ours")
    lines.pop()  # what follows the last newline: nothing, or a torn line
    if not lines:
        raise UnreadableError(f"{path}: empty; the run ended before anything was written: measure again")
    return [parse(line, f"{path}:{number}") for number, line in enumerate(lines, start=1)]


SECTION = "accelbench"
"""Our section in a pytest-benchmark JSON."""

GATE_SECTION = "accelbench_gate"
"""Our section in the JSON of a gate."""
