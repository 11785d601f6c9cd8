"""What a project says of itself in ``[tool.accelbench]`` of its pyproject.toml: options, files, and what is tolerated.

[tool.accelbench]
models = ["src/net.py:make"]                 # options that the command line leaves out: models, batch, dtype, step, src
batch = [1, 64]
include = ["src/pkg/_version.py"]            # generated files, which git ignores and an import needs
data = ["configs/*.json"]                    # files that a model reads, beside the modules that it imports

[tool.accelbench.floors]
"mlp-forward-b1-*" = 0.05

[[tool.accelbench.accepted]]
case = "mlp-backward-b64-*"
up_to = 0.08
reason = "the new loss is stabler"
until = "2027-01-31"
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

from bench.files.decode_fields import DecodeError, decode
from bench.files.parse_json import UnreadableError
from bench.record.gate import Acceptance

SETTINGS = "pyproject.toml"
"""The file lies at the top of a project."""

OPTIONS: Mapping[str, str] = {"models": "model", "batch": "batch", "dtype": "dtype", "step": "step", "src": "src"}
"""This table maps a key to the option of ``pytest bench`` whose value it is where the command line gives none."""

PATTERNS = ("include", "data")
"""The values of these keys are patterns of files, relative to the project."""

KNOWN = (*OPTIONS, *PATTERNS, "floors", "accepted")


@dataclass(frozen=True, slots=True, kw_only=True)
class ProjectSettings:
    """What the file says.

    Attributes:
        options: values of options, as they would be typed, by the option's name without dashes.
        include: patterns of generated files that are in no commit and that an import needs.
        data: patterns of files that a model reads.
        floors: the smallest change that counts, by pattern of case ids; the first that fits counts.
        accepted: known regressions.
    """

    options: Mapping[str, str] = field(default_factory=dict)
    include: tuple[str, ...] = ()
    data: tuple[str, ...] = ()
    floors: Mapping[str, float] = field(default_factory=dict)
    accepted: tuple[Acceptance, ...] = ()


def read_project_settings(path: Path) -> ProjectSettings:
    """Return what ``[tool.accelbench]`` of a pyproject.toml says; nothing special if there is none.

    Raises:
        UnreadableError: if it cannot be read, or says something unknown or impossible.
    """
    try:
        tool: Any = tomllib.loads(path.read_text(encoding="utf-8")).get("tool", {})
        table: Any = tool.get("accelbench", {}) if isinstance(tool, dict) else None
    except FileNotFoundError:
        table = {}
    except (OSError, ValueError) as error:
        raise UnreadableError(f"{path}: {error}") from error
    where = f"{path}: [tool.accelbench]"
    if not isinstance(table, dict):
        raise UnreadableError(f"{where}: it must be a table, as in the README")
    if strangers := sorted(table.keys() - set(KNOWN)):
        raise UnreadableError(f"{where}: unknown key {strangers[0]!r}; known: {', '.join(KNOWN)}")
    try:
        return ProjectSettings(
            options={OPTIONS[key]: _as_typed(key, table[key]) for key in OPTIONS if key in table},
            include=_patterns("include", table.get("include", [])),
            data=_patterns("data", table.get("data", [])),
            floors={pattern: share_of(value, pattern) for pattern, value in table.get("floors", {}).items()},
            accepted=tuple(_accepted(table.get("accepted", []))),
        )
    except (ValueError, AttributeError, TypeError) as error:
        raise UnreadableError(f"{where}: {error}") from error


def share_of(value: object, what: str) -> float:
    """Return a floor, checked.

    Raises:
        ValueError: if it is not a share between 0 and 1.
    """
    if not isinstance(value, int | float) or isinstance(value, bool) or not 0 < value < 1:
        raise ValueError(f"the floor of {what} is {value!r}; it must be a share such as 0.05")
    return float(value)


def _as_typed(key: str, value: object) -> str:
    """Return an option's value as on the command line: a text as it is, a list with commas."""
    entries = value if isinstance(value, list) and key != "src" else [value]
    texts = [str(entry) for entry in entries if isinstance(entry, str | int) and not isinstance(entry, bool)]
    if not texts or len(texts) != len(entries) or not all(text.strip() for text in texts):
        kind = "a text" if key == "src" else "a text with commas, or a list of texts or whole numbers"
        raise ValueError(f"{key} is {value!r}; it must be {kind}")
    return ",".join(texts)


def _patterns(key: str, value: object) -> tuple[str, ...]:
    """Return patterns of files below the project, checked."""
    entries = value if isinstance(value, list) else [value]
    for entry in entries:
        path = PurePosixPath(entry) if isinstance(entry, str) else None
        if path is None or not path.parts or path.is_absolute() or ".." in path.parts:
            raise ValueError(f"{key} has {entry!r}; it must be a pattern of files below the project, such as src/*.so")
    return tuple(entries)


def _accepted(entries: Iterable[object]) -> Iterable[Acceptance]:
    for index, entry in enumerate(entries):
        try:
            yield decode(Acceptance, _as_read(entry), f"accepted[{index}]")
        except DecodeError as error:
            raise ValueError(str(error)) from error


def _as_read(entry: object) -> object:
    """Return an entry with a TOML date, which may stand without quotes, as text."""
    if isinstance(entry, dict) and hasattr(entry.get("until"), "isoformat"):
        return {**entry, "until": entry["until"].isoformat()}
    return entry
