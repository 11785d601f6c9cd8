"""Finds the gates that were stored on this machine: where a result is asked for, and wherever reports tell of one."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from pathlib import Path

from bench.files.gate import GATE_FORMAT
from bench.files.log import read_log
from bench.files.parse_json import UnreadableError
from bench.gate.measure import Part
from bench.plugin.output import OWNER, journal_of
from bench.record.conditions import Environment
from bench.record.gate import Gate

MACHINE = ("machine.name", "machine.architecture", "machine.cpu", "machine.cores", "container.cores")
"""Two gates with these facts alike were measured on one machine."""


def read_parts(paths: Iterable[Path]) -> tuple[list[Part], list[str]]:
    """Return the gates in these files, with their events, and why a file holds none."""
    parts, troubles = [], []
    for path in paths:
        try:
            parts.append(read_log(GATE_FORMAT, path))
        except UnreadableError as error:
            troubles.append(str(error))
    return parts, troubles


def latest(parts: Sequence[Part]) -> Part:
    """Return the part that began last, and of two with the same beginning the longer one.

    A gate that was killed is in its journal only.
    """
    return max(parts, key=lambda part: (str(part[0].environment.get("run.started")), len(part[0].blocks)))


def list_results(json_path: Path | None, reports: Path) -> list[Path]:
    """Return the files of results that are known here: the one that was named, and those that reports are of.

    Args:
        json_path: the named one; None if none was.
        reports: the folder that holds one folder of reports for each result.
    """
    paths = [] if json_path is None else [json_path]
    for owner in sorted(reports.glob(f"*/{OWNER}")):
        try:
            paths.append(Path(os.fsdecode(owner.read_bytes().strip())))
        except OSError:  # it belongs to somebody else, or was removed a moment ago
            continue
    return list(dict.fromkeys(path for path in paths if path.name))


def find_gates(json_path: Path | None, reports: Path, here: Environment) -> list[Gate]:
    """Return the gates that were measured on this machine, the latest first.

    Args:
        json_path: a result that was named; None if none was.
        reports: the folder of reports.
        here: this machine's facts.
    """
    gates = []
    for path in list_results(json_path, reports):
        parts, _ = read_parts((path, journal_of(path)))
        if parts and _is_here(gate := latest(parts)[0], here):
            gates.append(gate)
    return sorted(gates, key=lambda gate: str(gate.environment.get("run.started")), reverse=True)


def _is_here(gate: Gate, here: Environment) -> bool:
    return all(gate.environment.get(fact) == here.get(fact) for fact in MACHINE)
