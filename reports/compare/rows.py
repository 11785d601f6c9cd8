"""The rows of a compare of contenders: matched cases, crossovers, best variants, ceilings, yardsticks, environments."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from statistics import median
from typing import Any

from bench.record.conditions import is_state
from bench.record.how_many import how_many
from bench.record.run import Outcome
from reports.compare.alike import LOAD
from reports.compare.contenders import Contender, Point
from reports.compare.crossings import (
    Crossing,
    all_points,
    best_variants,
    compare_with_one,
    crossings,
    speedup_over,
    usd_per_million_images,
)
from reports.figures.frame import figures
from reports.show.units import ABSENT
from reports.show.words import join_words
from reports.stats.intervals import LEAST_LAUNCHES, Summary


@dataclass(frozen=True, slots=True, kw_only=True)
class Match:
    """What is compared with what.

    Attributes:
        contenders: in display order.
        reference: whom speed-ups are over.
        prices: in USD per hour, by contender's name.
    """

    contenders: Sequence[Contender]
    reference: Contender
    prices: Mapping[str, float]

    @property
    def others(self) -> list[Contender]:
        """Return everyone but the reference."""
        return [contender for contender in self.contenders if contender is not self.reference]


def _list_axes(point: Point) -> dict[str, Any]:
    """Return the axes of a point, each under its own name."""
    return {"model": point.model, "step": point.step, "batch": point.batch, **point.variant._asdict()}


def matched_rows(match: Match) -> list[dict[str, Any]]:
    """Return one row for each contender at each point that two or more have."""
    rows = []
    for point in all_points(match.contenders):
        base = match.reference.cells.get(point)
        for contender in match.contenders:
            cell = contender.cells.get(point)
            if cell is None:
                continue
            ratio = speedup_over(base, cell) if base is not None and contender is not match.reference else None
            price = match.prices.get(contender.name)
            why = () if ratio is None else ratio.warnings
            rows.append(
                _list_axes(point)
                | {"contender": contender.name, "outcome": cell.outcome.value, "reason": cell.reason}
                | figures("seconds", cell.seconds, interval=True)
                | {"images_per_second": point.batch / cell.seconds.centre if cell.seconds else None}
                | figures("speedup", ratio, interval=True)
                | figures("latency_seconds", cell.figures["latency_seconds"], interval=True)
                | figures("share_of_attainable", cell.figures["share_of_attainable"], interval=True)
                | {name: _centre(cell.figures[name]) for name in ("peak_bytes", "copy_share")}
                | {"usd_per_million_images": price and usd_per_million_images(cell, point.batch, price)}
                | {"warnings": tuple(dict.fromkeys((*cell.warnings, *why)))}
            )
    return rows


def _centre(summary: Summary | None) -> float | None:
    return summary.centre if summary else None


def all_crossings(match: Match) -> list[Crossing]:
    """Return how everyone compares with the reference over the batches."""
    return [crossing for contender in match.others for crossing in crossings(match.reference, contender)]


def crossover_rows(match: Match) -> list[dict[str, Any]]:
    """Return one row for each crossing, and for each curve that has none."""
    rows = []
    for crossing in all_crossings(match):
        model, step, variant = crossing.curve
        smallest, largest = crossing.batches
        fields = asdict(crossing) | {"course": crossing.course.value, "smallest": smallest, "largest": largest}
        fields["untold"] = ", ".join(map(str, crossing.untold)) or None
        axes = {"model": model, "step": step, **variant._asdict()}
        rows.append(axes | {name: value for name, value in fields.items() if name not in ("curve", "batches", "rate")})
    return rows


def best_rows(match: Match) -> list[dict[str, Any]]:
    """Return one row for each contender's best variant at each model, step and batch.

    Best and fastest are by the medians; the warnings name what cannot be told from them.
    """
    rows = []
    best_of = {contender.name: best_variants(contender) for contender in match.contenders}
    for key in dict.fromkeys(key for best in best_of.values() for key in best):
        cells = {name: best[key][1] for name, best in best_of.items() if key in best}
        leader = min(cells, key=lambda name: median(cells[name].logs))
        shares = {name: speedup_over(cells[leader], cell) for name, cell in cells.items() if name != leader}
        rivals = [name for name, share in shares.items() if not compare_with_one(share)]
        for contender in match.contenders:
            if key not in best_of[contender.name]:
                continue
            point, cell = best_of[contender.name][key]
            price = match.prices.get(contender.name)
            rows.append(
                {"model": point.model, "step": point.step, "batch": point.batch, "contender": contender.name}
                | {"variant": str(point.variant)}
                | figures("seconds", cell.seconds, interval=True)
                | {"images_per_second": point.batch / cell.seconds.centre if cell.seconds else None}
                | figures("share_of_best", shares.get(contender.name, Summary(centre=1.0, n=1)), interval=True)
                | figures("share_of_attainable", cell.figures["share_of_attainable"], interval=True)
                | {"usd_per_million_images": price and usd_per_million_images(cell, point.batch, price)}
                | {"warnings": tuple(_list_rivals(contender, point, rivals if contender.name == leader else ()))}
            )
    return rows


def _list_rivals(contender: Contender, best: Point, rivals: Sequence[str]) -> Iterator[str]:
    """Yield what cannot be told from a best variant: the contender's other ones, and the best of other contenders."""
    others = [
        str(point.variant)
        for point, cell in contender.cells.items()
        if point != best and point[:-1] == best[:-1] and cell.logs  # the same but for its variant, which is last
        if not compare_with_one(speedup_over(contender.cells[best], cell))
    ]
    if others:
        yield f"best by its median; {', '.join(others)} cannot be told from it"
    if rivals:
        few = len(contender.cells[best].logs) < LEAST_LAUNCHES
        why = f", for want of an interval: it takes {LEAST_LAUNCHES} launches" if few else ""
        yield f"fastest by its median; {', '.join(rivals)} cannot be told from it{why}"


def yardstick_rows(match: Match) -> list[dict[str, Any]]:
    """Return one row for each contender: its yardstick, and the load when its run started."""
    return [
        {"contender": contender.name, "description": contender.description}
        | figures("yardstick_seconds", yardsticks.seconds if yardsticks else None, interval=True)
        | {"yardstick_spread": yardsticks.spread if yardsticks else None}
        | {"load_at_start": contender.facts.get(LOAD), "started": contender.facts.get("run.started")}
        for contender in match.contenders
        for yardsticks in [contender.yardsticks]
    ]


def ceiling_rows(match: Match) -> list[dict[str, Any]]:
    """Return one row for each contender and dtype whose limits are known."""
    return [
        {
            "contender": contender.name,
            "description": contender.description,
            "dtype": dtype,
            "flops_per_second": roof.flops_per_second,
            "bytes_per_second": roof.bytes_per_second,
            "ridge": roof.ridge,
        }
        for contender in match.contenders
        for dtype, roof in contender.roofs.items()
    ]


def environment_rows(match: Match) -> list[dict[str, Any]]:
    """Return one row for each value of each fact in which contenders differ, and who has it."""
    rows = []
    names = dict.fromkeys(name for contender in match.contenders for name in contender.facts)
    for name in sorted(names):
        if is_state(name) or name.endswith(".reason"):
            continue
        who: dict[str, list[str]] = {}
        for contender in match.contenders:
            value = contender.facts.get(name)
            who.setdefault(ABSENT if value is None else str(value), []).append(contender.name)
        if len(who) > 1:
            rows += [{"fact": name, "value": value, "contenders": ", ".join(names)} for value, names in who.items()]
    return rows


SHARED = {
    "torch.version": "torch",
    "python.version": "Python",
    "os.name": "system",
    "machine.cpu": "processor",
    "machine.cores": "cores",
    "commit.id": "commit",
    "data.source": "data",
}
"""Facts that are said of all contenders where they are the same, and what each is called."""


def describe_shared(match: Match) -> str:
    """Return what is the same for all contenders, as a sentence; empty if nothing of that is."""
    said = []
    for name, word in SHARED.items():
        values = {contender.facts.get(name) for contender in match.contenders}
        if len(values) == 1 and (value := values.pop()) is not None:
            said.append(f"{word} {value}")
    return f"The same for all: {', '.join(said)}." if said else ""


def tell_unsteady(match: Match) -> list[str]:
    """Return a sentence for contenders whose machine was busy or changed while they were measured on."""
    named: dict[tuple[str, ...], list[str]] = {}
    for contender in match.contenders:
        if contender.unsteadiness:
            named.setdefault(contender.unsteadiness, []).append(contender.name)
    return [
        f"UNSTEADY: {join_words(names)}: {'; '.join(said)}. Measure {'it' if len(names) == 1 else 'them'} again on an "
        "idle machine."
        for said, names in named.items()
    ]


def make_headline(match: Match) -> str:
    """Return what was compared, in one line."""
    points = all_points(match.contenders)
    timed = 0
    for point in points:
        cells = (contender.cells[point] for contender in match.contenders if point in contender.cells)
        timed += sum(cell.outcome is Outcome.MEASURED for cell in cells) > 1
    return (
        f"{how_many(len(match.contenders), 'contender')} · {how_many(len(points), 'case')} planned for two or more, "
        f"{timed} measured by two or more · speed-ups over {match.reference.name}"
    )
