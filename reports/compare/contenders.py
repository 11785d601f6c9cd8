"""Who is compared: each device of each result file is a contender, reduced to what a compare says of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import log
from pathlib import Path
from typing import NamedTuple

from bench.files.fleet import read_fleet
from bench.files.parse_json import OtherKindError, UnreadableError
from bench.files.run import read_run
from bench.record.case import Case, Variant
from bench.record.conditions import Scalar
from bench.record.fleet import Fleet
from bench.record.run import Outcome, Run
from reports.figures.evidence import Evidence, examine
from reports.figures.metrics import METRICS
from reports.figures.reproduce import make_command
from reports.figures.roofline import Roof, roofs
from reports.figures.unsteadiness import find_unsteadiness
from reports.figures.yardsticks import Yardsticks, collect_yardsticks
from reports.stats.intervals import Summary

METRICS_USED = ("latency_seconds", "flops_per_second", "intensity", "share_of_attainable", "peak_bytes", "copy_share")
"""The tables and pictures show these metrics; the rest of a run is not kept, since many runs are held at once."""


class Point(NamedTuple):
    """What is computed, wherever that is: a case without its device."""

    model: str
    step: str
    batch: int
    variant: Variant

    @classmethod
    def of(cls, case: Case) -> Point:
        """Return the point of a case."""
        return cls(case.model, case.step, case.batch, case.variant)


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """What a contender shows at a point.

    Attributes:
        outcome: how the case ended there.
        reason: why it was not measured.
        seconds: per iteration; None unless it was timed.
        logs: ln of the seconds of each launch.
        figures: the metrics in `METRICS_USED`; what is absent is None.
        warnings: what a reader must know, each a sentence.
    """

    outcome: Outcome
    reason: str | None
    seconds: Summary | None
    logs: tuple[float, ...]
    figures: Mapping[str, Summary | None]
    warnings: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Contender:
    """One device in one result file.

    Attributes:
        name: by which it is told apart: the device, the file, or both.
        source: the file.
        device: as torch names it.
        description: what people call it.
        facts: of the environment, with those of its own device under ``device.``.
        yardsticks: of all its sets; None if nothing was timed.
        roofs: what it allows at best, by dtype.
        cells: by point, in display order.
        unsteadiness: what says that its machine was busy or changed, each in a few words.
        command: measures it again, on its machine.
        file: that holds it; empty if it is in none yet.
    """

    name: str
    source: str
    device: str
    description: str
    facts: Mapping[str, Scalar]
    yardsticks: Yardsticks | None
    roofs: Mapping[str, Roof]
    cells: Mapping[Point, Cell]
    unsteadiness: tuple[str, ...] = ()
    command: str = ""
    file: str = ""


def load_contenders(paths: Sequence[Path]) -> list[Contender]:
    """Return every device of every file, in the order in which they were given.

    Raises:
        UnreadableError: if a file cannot be used, is given twice or timed nothing, if there are fewer than two
            contenders, or if a file has no case in common with any other contender.
    """
    given = [path.resolve() for path in paths]
    for path, resolved in zip(paths, given, strict=True):
        if given.count(resolved) > 1:
            raise UnreadableError(f"{path}: given twice; name different runs")
    stems = Counter(path.stem for path in paths)
    names = {path: path.stem if stems[path.stem] == 1 else str(path.with_suffix("")) for path in paths}
    return gather_contenders(
        source for path in paths for source in _read_sources(path, names[path] if len(paths) > 1 else "")
    )


def gather_contenders(sources: Iterable[Source]) -> list[Contender]:
    """Return every device of every source, in order, each with a name of its own; no source is kept.

    Raises:
        UnreadableError: as `load_contenders`.
    """
    contenders = [contender for source in sources for contender in _list_devices(source)]
    if len(contenders) < 2:  # noqa: PLR2004  it takes two
        place = contenders[0].source if contenders else "the fleet"
        raise UnreadableError(f"{place}: one device in one file; name a second file, or measure a second device")
    _check_common(contenders)
    return contenders


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """Where contenders come from.

    Attributes:
        name: begins the names of its contenders; empty where they are alone.
        place: the file, and in it the node.
        file: that can be named again; empty if there is none yet.
        run: what was measured.
    """

    name: str
    place: str
    file: str
    run: Run


def list_sources(fleet: Fleet, name: str = "") -> list[Source]:
    """Return the nodes of a fleet that measured something; a name stands before theirs."""
    begin = f"{name}:" if name else ""
    return [
        Source(
            name=f"{begin}{one.node.name}",
            place=f"{fleet.source or 'the fleet'}, {one.node.name}",
            file=fleet.source,
            run=one.run,
        )
        for one in fleet.nodes
        if one.run is not None and not one.run.settings.quick
    ]


def _read_sources(path: Path, name: str) -> list[Source]:
    """Return what a file holds, a run or the nodes of a fleet, under a name."""
    try:
        run = read_run(path)
    except OtherKindError as no_run:
        try:
            fleet = read_fleet(path)
        except OtherKindError:
            raise no_run from None
        if any(one.gate is not None for one in fleet.nodes):
            said = f"{path}: gates on several nodes, and no runs; `python -m reports gate` says their answer"
            raise UnreadableError(said) from None
        return list_sources(fleet, name)
    return [Source(name=name, place=str(path), file=str(path), run=run)]


def _list_devices(source: Source) -> list[Contender]:
    """Return the devices of a source."""
    run = source.run
    if run.settings.quick:
        raise UnreadableError(f"{source.place}: a quick run, in which nothing was timed; measure without --quick")
    by_device: dict[str, dict[Point, Cell]] = {}
    for case, evidence in examine(run).items():
        by_device.setdefault(case.device, {})[Point.of(case)] = _make_cell(evidence)
    limits = roofs(run)
    return [
        Contender(
            name=_name(source, device, alone=len(by_device) == 1),
            source=source.place,
            device=device,
            description=str(run.environment.get(f"device.{device}.description") or "unknown"),
            facts=_list_facts(run, device),
            yardsticks=collect_yardsticks(run, device),
            roofs={dtype: roof for (owner, dtype), roof in limits.items() if owner == device},
            cells=cells,
            unsteadiness=tuple(find_unsteadiness(run, device)),
            file=source.file,
            command=make_command(run, [case for case in run.cases if case.device == device]),
        )
        for device, cells in by_device.items()
    ]


def _name(source: Source, device: str, *, alone: bool) -> str:
    """Return a name that tells a device from all others, as short as that allows."""
    if not source.name:
        return device
    return source.name if alone else f"{source.name}:{device}"


def _make_cell(evidence: Evidence) -> Cell:
    return Cell(
        outcome=evidence.outcome,
        reason=evidence.reason,
        seconds=evidence.seconds,
        logs=tuple(map(log, evidence.kept.launch_seconds)),
        figures={name: METRICS[name].derive(evidence) for name in METRICS_USED},
        warnings=evidence.warnings,
    )


def _list_facts(run: Run, device: str) -> dict[str, Scalar]:
    """Return the environment as this device sees it: facts of other devices are left out."""
    own = f"device.{device}."
    facts = {}
    for name, value in run.environment.facts.items():
        if name.startswith(own):
            facts[f"device.{name.removeprefix(own)}"] = value
        elif not name.startswith("device."):
            facts[name] = value
    return facts


def _check_common(contenders: Sequence[Contender]) -> None:
    """Raise UnreadableError if a file, or a device of the only one, has no case in common with any other."""
    several = len({contender.source for contender in contenders}) > 1
    by_owner: dict[str, set[Point]] = {}
    for contender in contenders:
        owner = contender.source if several else contender.name
        by_owner.setdefault(owner, set()).update(contender.cells)
    count = Counter(point for points in by_owner.values() for point in points)
    for owner, points in by_owner.items():
        if not any(count[point] > 1 for point in points):
            raise UnreadableError(
                f"{owner}: no case in common with the others; run the same models, steps, batches and variants"
            )
