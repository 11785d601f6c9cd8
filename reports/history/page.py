"""The page of a history: every case with its trend, every result, and two of them side by side where a script runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pandas import DataFrame

from bench.record.case import DEFAULT_LAYOUT, DEFAULT_RANKS, compile_label
from bench.record.how_many import how_many
from reports.history.text import HISTORY, MEANING, describe_changes, describe_span, list_rows, short
from reports.history.trend_picture import draw_trend
from reports.history.trends import Trend
from reports.show.escape import page as escape
from reports.show.escape import plain
from reports.show.files import Output, text_output
from reports.show.page import Filterable, PageText, Section, render_filterable, render_page
from reports.show.table import PAGE, Column, Table, axis_column, label_number, read_word, render_table
from reports.show.table import list_rows as list_frame_rows
from reports.show.units import ABSENT
from reports.show.words import MOST_SENTENCES

NAME = "history.html"

SCRIPT = Path(__file__).with_name("history.js")
"""What finds the point under a pointer, and puts two results side by side."""

NOT_PICKED = "No result is picked: click a point of a graph, or a result above, and then another one."

MOST_SEGMENTS = 20
"""So many beginnings of segments are listed for a case, the latest."""

HINT = (
    "A point leads to the result that it is of; two points, one after the other, put those results side by side. "
    "A line stands where the environment changed, a dashed one where the trend steps."
)

SEGMENTS = Table(
    columns=(
        Column(header="begins at", read=read_word("commit"), right=False),
        Column(header="points", read=read_word("points")),
        Column(header="what changed", read=read_word("changed"), right=False),
    )
)
"""How the segments of a trend read."""

RESULTS = Table(
    columns=(
        Column(header="began", read=lambda row: f"{row['began']:%Y-%m-%d %H:%M} UTC", right=False),
        Column(header="of", read=read_word("kind"), right=False, axis=True),
        Column(
            header="commit",
            read=lambda row: short(row["commit"]) + (" + changes" if row["dirty"] else ""),
            right=False,
        ),
        Column(header="file", read=read_word("source"), right=False),
    )
)
"""How the results read."""


def page_output(entries: DataFrame, trends: Sequence[Trend]) -> Output:
    """Return the page as a file that can be written."""
    return text_output(NAME, lambda: render(entries, trends))


def render(entries: DataFrame, trends: Sequence[Trend]) -> str:
    """Return the page of a history."""
    text = PageText(
        title="History",
        about=f"{how_many(len(entries), 'result')} {describe_span(entries)}, {how_many(len(trends), 'trend')}",
        answers=describe_changes(trends, MOST_SENTENCES),
        foot=(MEANING,),
    )
    sections = (
        Section(name="cases", title="Every case", body=_render_cases(trends)),
        Section(name="results", title="Every result", body=_render_results(entries)),
        Section(name="picked", title="Side by side", body=f'<div id="picked"><p>{NOT_PICKED}</p></div>'),
    )
    return render_page(text, sections, data=_collect(entries, trends), script=SCRIPT.read_text(encoding="utf-8"))


def _render_cases(trends: Sequence[Trend]) -> str:
    """Return the table of all trends, whose rows open to their pictures."""
    rows = [{**row, **trend.axes, "row": _name(trend)} for row, trend in zip(list_rows(trends), trends, strict=True)]
    axes = (
        axis_column("model"),
        axis_column("step"),
        axis_column("batch", right=True),
        axis_column("device"),
        axis_column("dtype"),
        axis_column("compile", label=compile_label),
        axis_column("layout", usual=DEFAULT_LAYOUT),
        axis_column("threads", label=label_number, right=True, usual=ABSENT),
        axis_column("ranks", usual=DEFAULT_RANKS),
        Column(header="of", read=read_word("kind"), right=False, axis=True),
    )
    figures = [column for column in HISTORY.columns if column.header not in {"case", "of"}]
    made = Filterable(
        table=Table(columns=(*axes, *figures)),
        caption="Every case; a name leads to its trend.",
        values={
            "latest": lambda row: row["seconds"],
            "since previous": lambda row: row["since_previous"],
            "since first": lambda row: row["since_first"],
            "latest step": lambda row: row["step_change"],
        },
        details={_name(trend): _render_trend(trend, number) for number, trend in enumerate(trends)},
        name=lambda row: str(row["row"]),
    )
    return f"<p>{escape(HINT)}</p>{render_filterable(made, rows)}"


def _name(trend: Trend) -> str:
    return trend.case if trend.kind == "run" else f"{trend.case} ({trend.kind})"


def _render_trend(trend: Trend, number: int) -> str:
    rows = [
        {
            "commit": short(trend.commits[segment.begin]),
            "points": segment.end - segment.begin,
            "changed": "; ".join(segment.changed) or "it is the first",
        }
        for segment in trend.segments[-MOST_SEGMENTS:]
    ]
    return f'<figure class="small">{draw_trend(trend, number)}</figure>{render_table(SEGMENTS, rows, PAGE)}'


def _render_results(entries: DataFrame) -> str:
    """Return the table of everything that was added, the latest first."""
    rows = list_frame_rows(entries.iloc[::-1].reset_index())
    made = Filterable(
        table=RESULTS,
        caption="Everything that was added, the latest first.",
        values={},
        details={},
        name=lambda row: str(row["entry"]),
        heading="result",
    )
    return render_filterable(made, rows)


def _collect(entries: DataFrame, trends: Sequence[Trend]) -> Mapping[str, Any]:
    """Return what the script reads: results in order of time, and of each trend its points by result."""
    places = {name: place for place, name in enumerate(entries.index)}
    return {
        "results": [
            [
                name,
                f"{row['began']:%Y-%m-%d %H:%M} UTC",
                short(row["commit"]),
                row["kind"],
                plain(row["source"]),
            ]
            for name, row in entries.to_dict("index").items()
        ],
        "trends": [
            {
                "case": plain(_name(trend)),
                "results": [places[name] for name in trend.entries],
                "microseconds": [float(f"{1e6 * seconds:.5g}") for seconds in trend.seconds],
                "firsts": [segment.begin for segment in trend.segments],
            }
            for trend in trends
        ],
    }
