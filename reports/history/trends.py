"""The trend of each case: its points in order of time, in segments of one environment, with the steps inside them."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pandas import DataFrame, Series

from bench.record.case import AXES
from reports.history.dataset import Dataset
from reports.history.entries import pick_environment
from reports.history.steps import find_steps
from reports.stats.signflip import Array

MOST_FACTS = 3
"""So many facts that changed are named where a segment begins."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Segment:
    """Points of one environment, one after the other.

    Attributes:
        begin, end: the first of them, and the one after the last.
        steps: indices of the first point after each step.
        changed: what is another fact than before it, each as text; empty for the first.
    """

    begin: int
    end: int
    steps: tuple[int, ...]
    changed: tuple[str, ...]

    @property
    def edges(self) -> list[int]:
        """Return where its levels begin and end."""
        return [self.begin, *self.steps, self.end]


@dataclass(frozen=True, slots=True, kw_only=True)
class Trend:
    """One case over time, of runs or of gates, which are measured in other ways.

    Attributes:
        case: its id.
        kind: ``run`` or ``gate``.
        axes: of the case, by name.
        entries: names of the entries, in order of time.
        times: when each began.
        commits: of the code that was measured, by point; None where it is not known.
        seconds: per iteration, by point; of a gate head's.
        verdicts: of a gate, by point; None in a run.
        segments: in order.
    """

    case: str
    kind: str
    axes: Mapping[str, Any]
    entries: tuple[str, ...]
    times: tuple[datetime, ...]
    commits: tuple[str | None, ...]
    seconds: Array
    verdicts: tuple[str | None, ...]
    segments: tuple[Segment, ...]

    @property
    def latest(self) -> float:
        """Return the seconds of the last point."""
        return float(self.seconds[-1])

    @property
    def since_previous(self) -> float | None:
        """Return the change from the point before, as a share; None where that is of another environment."""
        last = self.segments[-1]
        return float(self.seconds[-1] / self.seconds[-2] - 1) if last.end - last.begin > 1 else None

    @property
    def since_first(self) -> float | None:
        """Return the change from the first point of the segment, as a share; None where it is that point."""
        last = self.segments[-1]
        return float(self.seconds[-1] / self.seconds[last.begin] - 1) if last.end - last.begin > 1 else None

    def list_steps(self) -> list[tuple[int, float]]:
        """Return each step and by which share it changed the median of what lies between two steps."""
        steps = []
        for segment in self.segments:
            edges = segment.edges
            levels = [float(np.median(self.seconds[begin:end])) for begin, end in pairwise(edges)]
            changes = [after / before - 1 for before, after in pairwise(levels)]
            steps += list(zip(segment.steps, changes, strict=True))
        return steps

    def list_lasting(self) -> list[int]:
        """Return of each step how many points lie between it and the next one, or the one before if those are fewer."""
        lengths = []
        for segment in self.segments:
            between = [end - begin for begin, end in pairwise(segment.edges)]
            lengths += [min(pair) for pair in pairwise(between)]
        return lengths


def list_trends(dataset: Dataset) -> tuple[DataFrame, list[Trend]]:
    """Return every entry, and the trend of each case.

    Returns:
        One row for each entry in order of time, by its name; and trends in order of their first point.

    Raises:
        OptionError: if the history cannot be read.
    """
    points = dataset.read().drop_duplicates(["kind", "case", "entry"], keep="last")
    entries = points.drop_duplicates("entry").set_index("entry")
    history = _History(
        points=points,
        entries=points["entry"].to_numpy(dtype=object),
        environments=points["environment"].to_numpy(dtype=object),
        seconds=points["seconds"].to_numpy(),
        verdicts=_list_known(points["verdict"]),
        times=dict(zip(entries.index, entries["began"].dt.to_pydatetime(), strict=True)),
        commits=dict(zip(entries.index, _list_known(entries["commit"]), strict=True)),
        facts=_find_beginnings(dataset, entries),
    )
    places: dict[tuple[str, str], list[int]] = {}
    cases, kinds = (points[name].to_numpy(dtype=object) for name in ("case", "kind"))
    for place, key in enumerate(zip(cases, kinds, strict=True)):
        places.setdefault(key, []).append(place)
    trends = [_make_trend(case, kind, np.array(own), history) for (case, kind), own in places.items()]
    return entries, trends


@dataclass(frozen=True, slots=True, kw_only=True)
class _History:
    """Every point of every case, as what a trend is made from: a frame is slow to ask for one value after the other.

    Attributes:
        points: a row for each.
        entries, environments, seconds, verdicts: its columns.
        times, commits: of each entry, by its name.
        facts: of each environment.
    """

    points: DataFrame
    entries: NDArray[np.object_]
    environments: NDArray[np.object_]
    seconds: Array
    verdicts: tuple[str | None, ...]
    times: Mapping[str, datetime]
    commits: Mapping[str, str | None]
    facts: Mapping[str, Mapping[str, Any]]


def _find_beginnings(dataset: Dataset, entries: DataFrame) -> Mapping[str, Mapping[str, Any]]:
    """Return the facts of each environment."""
    firsts = entries.reset_index().drop_duplicates("environment")
    facts = dataset.read_facts(set(firsts["entry"]))
    return {
        str(environment): pick_environment(json.loads(facts[entry]))
        for environment, entry in zip(firsts["environment"], firsts["entry"], strict=True)
    }


def _make_trend(case: str, kind: str, places: NDArray[np.intp], history: _History) -> Trend:
    """Return the trend of a case, whose points stand at these places."""
    entries, seconds = history.entries[places].tolist(), history.seconds[places]
    last = history.points.iloc[places[-1]]
    return Trend(
        case=case,
        kind=kind,
        axes={axis: last[axis] for axis in AXES},
        entries=tuple(entries),
        times=tuple(history.times[entry] for entry in entries),
        commits=tuple(history.commits[entry] for entry in entries),
        seconds=seconds,
        verdicts=tuple(history.verdicts[place] for place in places),
        segments=tuple(_cut(history.environments[places].tolist(), np.log(seconds), history.facts)),
    )


def _list_known(column: Series) -> tuple[str | None, ...]:
    """Return texts, None for what is absent."""
    return tuple(column.astype(object).where(column.notna(), None))


def _cut(environments: Sequence[str], logs: Array, facts: Mapping[str, Mapping[str, Any]]) -> Iterator[Segment]:
    """Yield the segments of a trend: a new one begins where the environment is another one."""
    begin = 0
    for end in range(1, len(environments) + 1):
        if end < len(environments) and environments[end] == environments[begin]:
            continue
        steps = tuple(begin + place for place in find_steps(logs[begin:end]))
        changed = _name_changes(facts[environments[begin - 1]], facts[environments[begin]]) if begin else ()
        yield Segment(begin=begin, end=end, steps=steps, changed=changed)
        begin = end


def _name_changes(before: Mapping[str, Any], after: Mapping[str, Any]) -> tuple[str, ...]:
    """Return which facts differ, the first few of them in full."""
    names = [name for name in sorted({*before, *after}) if before.get(name) != after.get(name)]
    said = [f"{name} {before.get(name, 'unknown')} to {after.get(name, 'unknown')}" for name in names[:MOST_FACTS]]
    more = len(names) - MOST_FACTS
    return (*said, f"and {more} more") if more > 0 else tuple(said)
