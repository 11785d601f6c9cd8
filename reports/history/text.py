"""How a history reads in a terminal: one row for each case, the latest run beside the one before and the first."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from fnmatch import fnmatchcase
from typing import Any

from pandas import DataFrame

from bench.record.how_many import how_many
from reports.figures.provenance import COMMIT_DIGITS
from reports.history.steps import LEAST_POINTS
from reports.history.trends import Trend
from reports.show.table import Column, Look, Row, Table, read_figure, read_word, render_table, stack
from reports.show.units import ABSENT, Unit, percent, signed_percent
from reports.show.words import MOST_SENTENCES

TITLE = "History"

COLUMNS = (
    "case",
    "kind",
    "points",
    "seconds",
    "since_previous",
    "since_first",
    "steps",
    "step_commit",
    "step_change",
    "segments",
)
"""The columns of the CSV: changes are shares, 0.05 is 5 % longer; the step is the latest one."""

MEANING = (
    "A change is of the latest point: against the one before, which shows blips, and against the first since the "
    "environment changed, which shows steps."
)
CAVEAT = (
    "That is advice and no verdict: whether a change of code made a case slower is what `pytest bench --against REF` "
    "says."
)


def pick(trends: Iterable[Trend], pattern: str | None) -> list[Trend]:
    """Return the trends whose case fits a pattern of a shell; all without one."""
    return [trend for trend in trends if pattern is None or fnmatchcase(trend.case, pattern)]


def list_rows(trends: Sequence[Trend]) -> list[dict[str, Any]]:
    """Return one row for each trend."""
    rows = []
    for trend in trends:
        steps = trend.list_steps()
        place, change = steps[-1] if steps else (None, None)
        rows.append(
            {
                "case": trend.case,
                "kind": trend.kind,
                "points": len(trend.seconds),
                "seconds": trend.latest,
                "since_previous": trend.since_previous,
                "since_first": trend.since_first,
                "steps": len(steps),
                "step_commit": None if place is None else trend.commits[place],
                "step_change": change,
                "segments": len(trend.segments),
            }
        )
    return rows


def frame(trends: Sequence[Trend]) -> DataFrame:
    """Return the rows as a DataFrame, in base units and full precision."""
    return DataFrame(list_rows(trends), columns=list(COLUMNS))


def _read_change(name: str) -> Any:
    return lambda row: ABSENT if row[name] is None else signed_percent(row[name])


def _read_step(row: Row) -> str:
    if row["step_change"] is None:
        return ABSENT
    return f"{signed_percent(row['step_change'])} at {short(row['step_commit'])}"


def short(commit: object) -> str:
    """Return a commit as it is named in tables; what is no text is not known."""
    return commit[:COMMIT_DIGITS] if isinstance(commit, str) else "an unknown commit"


HISTORY = Table(
    columns=(
        Column(header="case", read=read_word("case"), right=False),
        Column(header="of", read=read_word("kind"), right=False),
        Column(header="points", read=read_word("points")),
        Column(header="latest", read=read_figure("seconds", Unit.SECONDS)),
        Column(header="since previous", read=_read_change("since_previous")),
        Column(header="since first", read=_read_change("since_first")),
        Column(header="latest step", read=_read_step, right=False),
    )
)
"""How the trends read."""


def render_history(entries: DataFrame, trends: Sequence[Trend], look: Look) -> str:
    """Return the trends as a table, with what a change is."""
    said = f"{how_many(len(entries), 'result')}, {describe_span(entries)}."
    table = render_table(HISTORY, list_rows(trends), look)
    told = [look.say(sentence) for sentence in describe_changes(trends, MOST_SENTENCES)]
    return stack(look.head(TITLE), look.say(said), table, look.say(MEANING), *told)


def describe_span(entries: DataFrame) -> str:
    """Return from when until when a history goes."""
    first, last = (f"{entries['began'].iloc[place]:%Y-%m-%d %H:%M} UTC" for place in (0, -1))
    return f"on {first}" if len(entries) == 1 else f"from {first} to {last}"


def describe_changes(trends: Sequence[Trend], most: int) -> list[str]:
    """Return what changed over time, each a sentence: the largest steps, the latest environment, and what that proves.

    A step counts that lasted; none is said where nothing changed.
    """
    environment = _describe_environment(trends)
    steps = _describe_steps(trends, most - 1 - len(environment))
    return [*steps, *environment, CAVEAT] if steps else environment


def _describe_steps(trends: Sequence[Trend], most: int) -> list[str]:
    """Return the largest steps: of what, by how much, where and when; how many more there are stands with the last."""
    found = [
        (abs(change), trend, place, change)
        for trend in trends
        for (place, change), lasted in zip(trend.list_steps(), trend.list_lasting(), strict=True)
        if lasted >= LEAST_POINTS
    ]
    found.sort(key=lambda step: -step[0])
    said = [
        f"{trend.case} got {percent(abs(change))} {'slower' if change > 0 else 'faster'} at "
        f"{short(trend.commits[place])} ({trend.times[place]:%Y-%m-%d}), over {how_many(len(trend.seconds), 'point')}"
        for _, trend, place, change in found[:most]
    ]
    left = len(found) - len(said)
    if said and left > 0:
        said[-1] += f"; {how_many(left, 'smaller step')} more in the table"
    return [f"{sentence}." for sentence in said]


def _describe_environment(trends: Sequence[Trend]) -> list[str]:
    """Return when the environment changed last, what of it, and how many cases begin anew there."""
    begun = [(trend.times[segment.begin], segment.changed) for trend in trends for segment in trend.segments[1:]]
    if not begun:
        return []
    when, changed = max(begun)
    cases = how_many(begun.count((when, changed)), "case")
    return [f"The environment changed on {when:%Y-%m-%d}: {', '.join(changed)}; {cases} begin anew there."]
