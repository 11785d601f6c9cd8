"""Who is compared: each device of each result file is a contender, reduced to what a compare says of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from math import log
from pathlib import Path
from typing import NamedTuple

from bench.files.parse_json import UnreadableError
from bench.files.run import read_run
from bench.record.case import Case, Variant
from bench.record.conditions import Scalar
from bench.record.run import Outcome, Run
from reports.figures.evidence import Evidence, examine
from reports.figures.metrics import METRICS
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
    by_file = [_load_devices(path) for path in paths]
    contenders = _name_contenders(paths, by_file)
    if len(contenders) < 2:  # noqa: PLR2004  it takes two
        raise UnreadableError(f"{paths[0]}: one device in one file; name a second file, or measure a second device")
    _check_common(contenders)
    return contenders


def _load_devices(path: Path) -> list[Contender]:
    """Return the devices of one file, named by device only."""
    run = read_run(path)
    if run.settings.quick:
        raise UnreadableError(f"{path}: a quick run, in which nothing was timed; measure without --quick")
    by_device: dict[str, dict[Point, Cell]] = {}
    for case, evidence in examine(run).items():
        by_device.setdefault(case.device, {})[Point.of(case)] = _make_cell(evidence)
    limits = roofs(run)
    return [
        Contender(
            name=device,
            source=str(path),
            device=device,
            description=str(run.environment.get(f"device.{device}.description") or "unknown"),
            facts=_list_facts(run, device),
            yardsticks=collect_yardsticks(run, device),
            roofs={dtype: roof for (owner, dtype), roof in limits.items() if owner == device},
            cells=cells,
            unsteadiness=tuple(find_unsteadiness(run, device)),
        )
        for device, cells in by_device.items()
    ]


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


def _name_contenders(paths: Sequence[Path], by_file: Sequence[Sequence[Contender]]) -> list[Contender]:
    """Return all contenders with names that tell them apart, as short as that allows."""
    stems = Counter(path.stem for path in paths)
    named = []
    for path, devices in zip(paths, by_file, strict=True):
        file = path.stem if stems[path.stem] == 1 else str(path.with_suffix(""))
        for contender in devices:
            both = file if len(devices) == 1 else f"{file}:{contender.device}"
            named.append(replace(contender, name=contender.device if len(paths) == 1 else both))
    return named


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
