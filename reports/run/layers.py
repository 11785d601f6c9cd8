"""The table of layers: each network walked through with what every layer takes, and what all of them are off by."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from pandas import DataFrame

from bench.record.case import AXES, Case
from bench.record.how_many import how_many
from bench.record.run import Run
from reports.figures.layers import LayerFigures, Part, Walk, Whole, list_walks
from reports.show.table import Column, Look, Row, Table, read_word, render_table, stack
from reports.show.units import ABSENT, Unit, data_size, percent, present, text
from reports.stats.intervals import Summary

TITLE = "Layer by layer"

NOTHING = "No network was timed layer by layer: pytest bench --layers does that when all is timed."

SUM, WHOLE = "all layers", "whole network"

ROUNDING = 1e-9
"""Sums of the same numbers may differ by as much."""

WAYS = ("forward", "backward")

PLACED = tuple(axis for axis in AXES if axis not in {"step", "compile"})
"""What tells one network from another: its layers' forward and backward stand side by side, in eager."""

FIGURES = ("seconds", "seconds_low", "seconds_high", "share", "flops", "least_bytes", "attained")

COLUMNS = (
    *PLACED,
    "layer",
    "kind",
    "inputs",
    "output",
    "parameters",
    *(f"{way}_{figure}" for way in WAYS for figure in FIGURES),
    "processes",
    "reason",
)
"""The columns of the CSV, in base units, per iteration; a network that could not be timed has a reason alone."""


def list_layers(run: Run) -> DataFrame:
    """Return one row for each call of a layer, one for all of them together and one for the whole network."""
    rows: list[dict[str, Any]] = []
    for case, walk in list_walks(run).items():
        axes = {axis: value for axis, value in asdict(case).items() if axis in PLACED}
        if isinstance(walk, str):
            rows.append({**axes, "reason": walk})
        else:
            rows += [{**axes, **row, "processes": walk.processes} for row in _rows(walk)]
    return DataFrame(rows, columns=list(COLUMNS))


def name_network(case: Case) -> str:
    """Return what a network is called whose steps and compile modes are all the same here."""
    return ", ".join((case.model, f"batch {case.batch}", case.device, case.dtype, *case.variant.extras))


def _rows(walk: Walk) -> list[dict[str, Any]]:
    sums = {"layer": SUM, **_describe_sum("forward", walk.forward), **_describe_sum("backward", walk.backward)}
    whole = {"layer": WHOLE, **_describe_whole("forward", walk.forward), **_describe_whole("backward", walk.backward)}
    return [*(_row(row) for row in walk.rows), sums, whole]


def _row(row: LayerFigures) -> dict[str, Any]:
    layer = row.layer
    return {
        "layer": layer.name,
        "kind": layer.kind,
        "inputs": layer.inputs,
        "output": layer.output,
        "parameters": layer.parameters,
        **_describe_part("forward", row.forward),
        **_describe_part("backward", row.backward),
    }


def _describe_part(way: str, part: Part | None) -> dict[str, Any]:
    if part is None:
        return {}
    return {
        **_describe_summary(f"{way}_seconds", part.seconds),
        f"{way}_share": part.share.centre,
        f"{way}_flops": part.flops,
        f"{way}_least_bytes": part.least_bytes,
        f"{way}_attained": part.attained,
    }


def _describe_sum(way: str, whole: Whole | None) -> dict[str, Any]:
    if whole is None:
        return {}
    return {**_describe_summary(f"{way}_seconds", whole.layers_seconds), f"{way}_share": whole.layers_share.centre}


def _describe_whole(way: str, whole: Whole | None) -> dict[str, Any]:
    return {} if whole is None else {**_describe_summary(f"{way}_seconds", whole.seconds), f"{way}_share": 1.0}


def _describe_summary(name: str, summary: Summary) -> dict[str, Any]:
    return {name: summary.centre, f"{name}_low": summary.low, f"{name}_high": summary.high}


def _read_word(name: str) -> Any:
    return lambda row: str(row.get(name) or ABSENT)


def _read_shapes(row: Row) -> str:
    return f"{row['inputs']} to {row['output']}" if row.get("output") else ABSENT


def _read_share(name: str) -> Any:
    return lambda row: percent(row.get(name))


def _read(name: str, unit: Unit) -> Any:
    return lambda row: text(unit, row.get(name) or None)  # a layer without a product has no operation that is counted


LAYERS = Table(
    columns=(
        Column(header="layer", read=read_word("layer"), right=False),
        Column(header="kind", read=_read_word("kind"), right=False),
        Column(header="shape", read=_read_shapes, right=False),
        Column(header="parameters", read=lambda row: f"{row['parameters']:,}" if row.get("parameters") else ABSENT),
        Column(header="FLOP", read=_read("forward_flops", Unit.FLOPS)),
        Column(header="least traffic", read=lambda row: data_size(row.get("forward_least_bytes"))),
        Column(header="forward", read=_read("forward_seconds", Unit.SECONDS)),
        Column(header="share", read=_read_share("forward_share")),
        Column(header="of best", read=_read_share("forward_attained"), optional=True),
        Column(header="backward", read=_read("backward_seconds", Unit.SECONDS)),
        Column(header="share", read=_read_share("backward_share")),
        Column(header="of best", read=_read_share("backward_attained"), optional=True),
    )
)
"""How the layers of a network read; operations and traffic are those of the forward."""


def render_layers(run: Run, look: Look) -> str:
    """Return the walks of all networks that were timed layer by layer, one below the other."""
    walks = list_walks(run)
    if not walks:
        return stack(look.head(TITLE), look.say(NOTHING))
    return stack(*(_render_walk(case, walk, look) for case, walk in walks.items()))


def _render_walk(case: Case, walk: Walk | str, look: Look) -> str:
    head = look.head(f"{TITLE}: {name_network(case)}")
    if isinstance(walk, str):
        return stack(head, look.say(f"It could not be timed layer by layer: {walk}."))
    said = "\n".join(look.say(sentence) for sentence in describe(walk))
    return stack(head, render_table(LAYERS, _rows(walk), look), said)


def describe(walk: Walk) -> list[str]:
    """Return how far the layers together are from the whole, and what else must be known, each a sentence."""
    sentences = [_describe_rest("forward", walk.forward)]
    if walk.backward is not None:
        sentences.append(_describe_rest("backward", walk.backward))
    else:
        sentences.append(f"There is no backward: {walk.backward_reason}.")
    uncounted = dict.fromkeys(
        part.flops_reason for row in walk.rows for part in (row.forward, row.backward) if part and part.flops_reason
    )
    sentences += [f"Operations are not counted everywhere: {reason}." for reason in uncounted]
    sentences.append(
        f"Each layer was timed alone, in turn with the whole, in {how_many(walk.processes, 'fresh process')}."
    )
    return [*sentences, *(f"{remark[0].upper()}{remark[1:]}." for remark in walk.remarks)]


def _describe_rest(way: str, whole: Whole) -> str:
    """Return what the layers of one way add up to, and what the difference from the whole is."""
    share = whole.layers_share
    low, high = share.low, share.high
    interval = f" [{100 * low:.1f}, {100 * high:.1f}]" if present(low) and present(high) else ""
    said = f"One by one, the {way}s of the layers add up to {percent(share.centre)}{interval} of the whole {way}"
    rest = text(Unit.SECONDS, abs(1 - share.centre) * whole.seconds.centre)
    if not (present(low) and present(high)) or low - ROUNDING <= 1 <= high + ROUNDING:
        return f"{said}: no difference that can be told from none."
    if share.centre < 1:
        return f"{said}: the other {rest} are spent in none of them, but between them."
    return f"{said}: in a row they take {rest} less."
