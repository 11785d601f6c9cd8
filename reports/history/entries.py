"""What a history keeps of a run or a gate: one row for each timed case, with where and when it was measured."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import PurePath
from statistics import median
from typing import Any

from bench.record.arm import Side
from bench.record.case import Case
from bench.record.conditions import Environment, Scalar, is_state
from bench.record.gate import Contest, Gate
from bench.record.run import Run
from reports.figures.evidence import examine
from reports.show.command import OptionError

OTHER = ("commit.", "code.", "run.", "machine.name", "data.reason")
"""Facts that begin so say what was measured and when, and not on what: they begin no new segment of a trend."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """What a gate says of one case.

    Attributes:
        verdict: in one word.
        change: of the median, as a share of base's time.
        low, high: its interval; None where there is none.
    """

    verdict: str
    change: float
    low: float | None
    high: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A run or a gate as a history keeps it.

    Attributes:
        name: unique: when it began, and a digest of what it holds.
        rows: one for each timed case, with the columns of `dataset.SCHEMA`; the first alone holds the facts.
    """

    name: str
    rows: tuple[Mapping[str, Any], ...]


def enter_run(run: Run) -> Entry:
    """Return a run as it is kept: the median over launches of each case that was timed, with its interval.

    Raises:
        OptionError: if it holds no figure, or does not say when it began.
    """
    rows = [
        {
            **_describe_case(case),
            "seconds": evidence.seconds.centre,
            "seconds_low": evidence.seconds.low,
            "seconds_high": evidence.seconds.high,
            "replicates": evidence.seconds.n,
        }
        for case, evidence in examine(run).items()
        if evidence.seconds is not None
    ]
    return _enter("run", run.environment, run.source, rows)


def enter_gate(gate: Gate, judged: Mapping[Case, Judged]) -> Entry:
    """Return a gate as it is kept: head's median over blocks of each case that was judged, and its verdict.

    Args:
        gate: what was measured.
        judged: what it says of each case, as base runs it.

    Raises:
        OptionError: if it holds no figure, or does not say when it began.
    """
    rows = []
    for case, said in judged.items():
        blocks = [
            median(pairing.head_seconds)
            for block in gate.blocks
            for pairing in block.pairings
            if pairing.case == case and pairing.contest is Contest.ARMS
        ]
        if blocks:
            own = {"verdict": said.verdict, "change": said.change, "change_low": said.low, "change_high": said.high}
            rows.append({**_describe_case(case), "seconds": median(blocks), "replicates": len(blocks), **own})
    head = gate.arms[Side.HEAD].ref
    own_commit = {} if head is None else {"commit": head}
    about = {**own_commit, "base": str(gate.arms[Side.BASE])}
    return _enter("gate", gate.environment, gate.source, [{**row, **about} for row in rows])


def _describe_case(case: Case) -> dict[str, Any]:
    axes = asdict(case)
    if not case.distributed:
        del axes["ranks"]  # which came later: an entry keeps the name that it had before
    return {"case": case.id, **axes}


def _enter(kind: str, environment: Environment, source: str, rows: Iterable[Mapping[str, Any]]) -> Entry:
    kept = list(rows)
    where = source or kind
    if not kept:
        raise OptionError(f"{where}: nothing in it was timed, so a history has nothing to keep of it")
    began = _find_begin(environment.get("run.started"), where)
    facts = {name: value for name, value in sorted(environment.facts.items()) if value is not None}
    about = {
        "kind": kind,
        "began": began,
        "commit": _as_text(environment.get("commit.id")),
        "dirty": environment.get("commit.dirty") is True,
        "environment": digest_environment(facts),
        "source": PurePath(source).name,
    }
    content = json.dumps([about, facts, kept], default=str, sort_keys=True).encode()
    digest = hashlib.sha256(content).hexdigest()[:16]
    name = f"{began:%Y%m%dT%H%M%SZ}-{digest}"
    rows = tuple({**about, **row, "entry": name, "facts": None} for row in kept)
    return Entry(name=name, rows=({**rows[0], "facts": json.dumps(facts)}, *rows[1:]))


def _find_begin(stated: Scalar, where: str) -> datetime:
    """Return when something began, in UTC."""
    try:
        began = datetime.fromisoformat(str(stated))
    except ValueError:
        raise OptionError(f"{where}: it does not say when it began (run.started), so it has no place in time") from None
    return (began if began.tzinfo else began.replace(tzinfo=UTC)).astimezone(UTC)


def _as_text(value: Scalar) -> str | None:
    return None if value is None else str(value)


def digest_environment(facts: Mapping[str, Scalar]) -> str:
    """Return what is the same for everything that was measured on the same machine with the same software."""
    content = json.dumps(pick_environment(facts), sort_keys=True).encode()
    return hashlib.sha256(content).hexdigest()[:16]


def pick_environment(facts: Mapping[str, Scalar]) -> dict[str, Scalar]:
    """Return the facts that say on what something was measured."""
    return {
        name: value
        for name, value in facts.items()
        if value is not None and not name.startswith(OTHER) and not is_state(name) and not name.endswith(".reason")
    }
