"""``--plan --against REF``: what a gate would measure, and what it will be able to see in which time.

Nothing is measured for that, not even a pilot, whose scatter a gate itself tells before its first block: the latest
gate of these cases that was stored on this machine says how they scatter.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from bench.record.case import Case
from bench.record.conditions import Settings
from bench.record.gate import Gate
from bench.record.how_many import how_many
from bench.request import GateQuestion

if TYPE_CHECKING:
    from reports.gate.planning import Prospect


@dataclass(frozen=True, slots=True, kw_only=True)
class Places:
    """Where stored gates are looked for.

    Attributes:
        json_path: the result that was named; None if none was.
        reports: the folder of reports, each of which says which result it is of.
    """

    json_path: Path | None
    reports: Path

    def __str__(self) -> str:
        named = "" if self.json_path is None else f"{self.json_path}, or "
        return f"{named}a result whose reports are in {self.reports}"


def gate_plan_lines(
    cases: Sequence[Case],
    refused: Mapping[Case, str],
    floors: Mapping[str, float],
    settings: Settings,
    question: GateQuestion,
    stored: Sequence[Gate],
    places: Places,
) -> list[str]:
    """Return the plan of a gate as lines of text.

    Args:
        cases: what was selected.
        refused: why some of them would be skipped.
        floors: the smallest change that counts, by case id.
        settings: of the gate.
        question: which arms, and what is to be seen.
        stored: gates of this machine, the latest first.
        places: where they were looked for.
    """
    from reports.gate.planning import foresee_from_gate
    from reports.gate.planning_text import describe_detection, describe_prospect
    from reports.show.units import duration, percent

    budget = settings.budget_seconds
    assert budget is not None, "a gate has a budget"
    live = [case for case in cases if case not in refused]
    known = [(gate, prospect) for gate in stored if (prospect := foresee_from_gate(gate, live, floors)) is not None]
    gate, prospect = known[0] if known else (None, None)
    seen = {} if prospect is None else _list_seen(prospect, settings)
    width = max(len(case.id) for case in cases)
    lines = [
        f"{case.id:<{width}}  skipped: {refused[case]}"
        if case in refused
        else f"{case.id:<{width}}  measured{f', visible from about {percent(seen[case.id])}' if seen else ''}"
        for case in cases
    ]
    most = "at most" if not question.by_scatter else "as many as the pilot's scatter asks for, at most"
    lines.append(
        f"{len(live)} of {how_many(len(cases), 'case')}, blocks: {most} {settings.launches} and {duration(budget)}"
    )
    if prospect is None or gate is None:
        lines.append(
            f"what it will be able to see is not known: no gate of these cases on this machine is stored as {places}; "
            "a gate itself tells it after its pilot"
        )
        return lines
    started = gate.environment.get("run.started")
    lines.append(f"by the scatter of {how_many(len(gate.blocks), 'block')} in {gate.source}, begun {started}:")
    lines += describe_prospect(prospect, budget, settings.launches)
    if question.detect is not None:
        blocks = prospect.find_blocks(question.detect)
        lines.append(describe_detection(prospect, question.detect, blocks, budget))
    return lines


def _list_seen(prospect: Prospect, settings: Settings) -> dict[str, float]:
    assert settings.budget_seconds is not None, "a gate has a budget"
    return prospect.list_visible(min(prospect.count_blocks(settings.budget_seconds), settings.launches))
