"""The page of a run: the answer, the summary with rows that open, pictures, and where it was made, in one file."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any

from bench.record.case import Case
from bench.record.how_many import how_many
from bench.record.run import Outcome, Run
from reports.figures import frame
from reports.figures.accounts import list_accounts
from reports.figures.dropped_sets import find_dropped_sets
from reports.figures.evidence import Evidence, examine
from reports.figures.reference import Reference
from reports.figures.reproduce import make_command
from reports.figures.yardsticks import collect_yardsticks
from reports.run.answer import make_answers
from reports.run.hints import list_hints
from reports.run.modules import find_modules, render_case_modules
from reports.run.operators import render_account
from reports.run.plots import PLOTS
from reports.run.tables import TABLES
from reports.run.words import make_footer, make_headlines
from reports.show.escape import page as escape
from reports.show.files import Output, text_output
from reports.show.page import (
    FACTS,
    MOST_DRAWN,
    NAME,
    Filterable,
    PageText,
    Section,
    render_code,
    render_filterable,
    render_page,
    render_picture,
)
from reports.show.strip import Strip, draw_strip
from reports.show.table import PAGE, Column, Table, list_rows, render_table, stack
from reports.show.units import ABSENT, Unit, data_size, duration, percent, seconds, text

CAPTIONS = {
    "throughput": "Throughput against batch; point at a figure for its interval.",
    "latency": "Time of an iteration that is waited for against batch.",
    "speedup": "How many times faster each variant is than the reference; bold where the interval leaves out 1.",
    "ranks": "What several ranks give over one process, over what would be ideal.",
    "layers": "Which share of a network each of its layers takes, timed alone.",
    "payoff": "Total time against iterations, eager and compiled, and where they cross.",
}
"""What a picture shows, for whoever reads the page aloud."""

SECTIONS = {
    "speedup": ("speedups", "Speed-ups"),
    "ranks": ("ranks", "Ranks"),
    "roofline": ("roofline", "Against what the device allows"),
    "layers": ("layers", "Layer by layer"),
    "compile": ("compiling", "Compiling and first call"),
    "compile_account": ("compile-account", "The compiler's account"),
    "holes": ("holes", "Not measured"),
}
"""The tables that have a section of their own: its place in the address, and its title."""


def page_output(run: Run, reference: Reference) -> Output:
    """Return the page as what is to be written."""
    return text_output(NAME, partial(render_run_page, run, reference))


def render_run_page(run: Run, reference: Reference | None = None) -> str:
    """Return the page of a run."""
    named = reference or Reference()
    counts: dict[Outcome, int] = {}
    for outcome, _ in run.outcomes().values():
        counts[outcome] = counts.get(outcome, 0) + 1
    ended = ", ".join(f"{count} {outcome.value.replace('_', ' ')}" for outcome, count in counts.items())
    took = "" if run.finish is None else f" · {duration(run.finish.wall_seconds)}"
    started = run.environment.get("run.started")
    text_ = PageText(
        title=f"accelbench: {_name_run(run)}",
        about=f"{how_many(len(run.cases), 'case')}: {ended or 'none'}{took}{f' · {started}' if started else ''}",
        warnings=make_headlines(run),
        answers=make_answers(run),
        foot=[*list_hints(run), *make_footer(run)],
    )
    return render_page(text_, _list_sections(run, named))


def _name_run(run: Run) -> str:
    devices = ", ".join(dict.fromkeys(case.device for case in run.cases))
    models = ", ".join(dict.fromkeys(case.model for case in run.cases))
    return f"{models or 'no model'} on {devices or 'no device'}"


def _list_sections(run: Run, reference: Reference) -> Iterator[Section]:
    yield Section(name="summary", title="Summary", body=_render_summary(run))
    drawn = "".join(_draw(run, reference, name) for name in ("throughput", "latency"))
    yield Section(name="curves", title="Against batch", body=drawn)
    for table, (name, title) in SECTIONS.items():
        body = _render_section(run, reference, table)
        picture = {"speedup": "speedup", "ranks": "ranks", "layers": "layers", "compile_account": "payoff"}.get(table)
        yield Section(name=name, title=title, body=(_draw(run, reference, picture) if picture else "") + body)
    again = render_code(make_command(run, run.cases)) if run.cases else ""
    yield Section(name="again", title="Measure it again", body=again)
    yield Section(name="environment", title="Environment", body=_render_environment(run))


def _render_section(run: Run, reference: Reference, name: str) -> str:
    """Return a table of a run as a part of the page; empty where it has nothing to tell."""
    table = TABLES[name]
    if not table.made(run) or (table.timed and run.settings.quick):
        return ""
    if table.render is not None:
        return table.render(run, PAGE)
    rows = list_rows(table.rows(run, reference))
    return render_table(table, rows, PAGE, reference=reference.describe(run.cases)) if rows else ""


def _draw(run: Run, reference: Reference, name: str) -> str:
    """Return a picture as a part of the page; empty where it has nothing to show, or too much."""
    if run.settings.quick or len(run.cases) > MOST_DRAWN:
        return ""
    return render_picture(partial(PLOTS[name], run, reference), name, CAPTIONS[name])


def _render_summary(run: Run) -> str:
    """Return the table of all cases, whose rows open."""
    rows = list_rows(frame.cases(run))
    table = TABLES["summary"]
    if not rows:
        return f"<p>{escape(table.empty)}</p>"
    columns = tuple(column for column in table.columns if column.header != "yardstick, spread")
    reason = Column(
        header="reason",
        read=lambda row: ABSENT if row["reason"] is None else str(row["reason"]),
        right=False,
        optional=True,
    )
    made = Filterable(
        table=Table(columns=(*columns, reason)),
        caption="Every case; a name leads to its slices, its counts and the command that measures it again.",
        values={
            "time": lambda row: row["seconds"],
            "latency": lambda row: row["latency_seconds"],
            "images/s": lambda row: row["images_per_second"],
            "FLOP rate": lambda row: row["flops_per_second"],
            "batch": lambda row: row["batch"],
        },
        details=_list_details(run),
        name=lambda row: str(row["case"]),
    )
    return render_filterable(made, rows)


def _list_details(run: Run) -> Mapping[str, str]:
    """Return what the row of each case opens to."""
    dropped, accounts, modules = find_dropped_sets(run), list_accounts(run), find_modules(run)
    return {
        case.id: "".join(
            filter(
                None,
                (
                    _render_slices(case, evidence, dropped),
                    _render_notes(evidence),
                    render_account(accounts[case], PAGE) if case in accounts else "",
                    render_case_modules(modules[case], PAGE) if case in modules else "",
                    "<p>Measure it again:</p>" + render_code(make_command(run, [case])),
                ),
            )
        )
        for case, evidence in examine(run).items()
    }


def _render_slices(case: Case, evidence: Evidence, dropped: Any) -> str:
    """Return every slice of a case by launch, over its median."""
    if evidence.seconds is None:
        return ""
    launches = []
    for measurement in evidence.measurements:
        if measurement.slices is not None and measurement.launch > 0:
            kept = [(case.group, measurement.launch, index) not in dropped for index in measurement.slices.set_index]
            launches.append((measurement.slices.seconds, kept))
    said = f"Slices of {case.id} by launch, over their median of {seconds(evidence.seconds.centre)}"
    strip = Strip(groups=tuple((values, kept) for values, kept in launches), centre=evidence.seconds.centre, title=said)
    return f'<figure class="small">{draw_strip(strip)}<figcaption>{escape(said)}; pale: dropped.</figcaption></figure>'


def _render_notes(evidence: Evidence) -> str:
    """Return what is known of a case beside its time, as a list."""
    case = evidence.case
    lines = [f"{evidence.outcome.value}: {evidence.reason}"] if evidence.reason else []
    if evidence.seconds is not None:
        ends = (evidence.seconds.low, evidence.seconds.high)
        lines.append(
            f"{text(Unit.SECONDS, evidence.seconds.centre, *ends)} over {how_many(evidence.seconds.n, 'launch')}"
        )
    counted: dict[str, Callable[[float], str]] = {
        "flops": lambda value: f"{text(Unit.FLOPS, value)} FLOP",
        "minimal_bytes": lambda value: f"{data_size(value)} read and written at least",
        "peak_bytes": lambda value: f"{data_size(value)} of device memory at most",
    }
    lines += [say(value) for name, say in counted.items() if (value := evidence.count(name)) is not None]
    prepared = [one.preparation for one in evidence.measurements if one.preparation is not None]
    errors = {name: value for preparation in prepared[:1] for name, value in preparation.relative_errors.items()}
    if errors:
        lines.append(
            "off the float64 reference by " + ", ".join(f"{name} {value:.1e}" for name, value in errors.items())
        )
    breaks = max((one.graph_breaks or 0 for one in prepared), default=0)
    recompiles = max((one.recompiles or 0 for one in prepared), default=0)
    if case.compiled and prepared:
        lines.append(f"{how_many(breaks, 'graph break')}, {how_many(recompiles, 'recompile')}")
    lines += evidence.warnings
    return PAGE.enumerate(lines)


def _render_environment(run: Run) -> str:
    """Return where the run was made: the yardstick of each device, what was odd, and every fact."""
    yardsticks = [
        f"yardstick on {device}: {text(Unit.SECONDS, known.seconds.centre)}, scattered by {percent(known.spread)}"
        for device in dict.fromkeys(case.device for case in run.cases)
        if (known := collect_yardsticks(run, device)) is not None
    ]
    facts = run.environment.facts
    odd = [
        {"fact": name, "value": str(value)}
        for name, value in facts.items()
        if name.startswith("variable.") or name.endswith(".reason") or name in {"commit.dirty", "steady.overrides"}
        if value not in (None, False)
    ]
    rest = [{"fact": name, "value": ABSENT if value is None else str(value)} for name, value in sorted(facts.items())]
    oddities = stack("<h3>Oddities</h3>", render_table(FACTS, odd, PAGE)) if odd else ""
    everything = f"<details><summary>All {len(rest)} facts</summary>{render_table(FACTS, rest, PAGE)}</details>"
    return stack(PAGE.enumerate(yardsticks), oddities, everything)
