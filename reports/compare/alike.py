"""Contenders that are alike in every recorded fact and were measured differently: what differs, and what to do."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from math import comb, exp
from statistics import median

from bench.record.conditions import Scalar, is_state
from reports.compare.contenders import Contender
from reports.compare.crossings import compare_with_one, speedup_of_logs
from reports.show.units import Unit, text
from reports.stats.intervals import CONFIDENCE

LOAD = "machine.load_at_start"
"""The state that explains most differences between two runs of one machine."""

CHANCE = 1 - CONFIDENCE
"""So often an interval misses, and so often a warning may be given where nothing but chance differs."""


def warn_of_alike(contenders: Sequence[Contender]) -> list[str]:
    """Return a sentence for each contender that differs from the first of another file that it is alike with."""
    sentences: list[str] = []
    for index, other in enumerate(contenders):
        one = next((before for before in contenders[:index] if are_alike(before, other)), None)
        if one is not None:
            sentences += _describe_pair(one, other)
    return sentences


def are_alike(one: Contender, other: Contender) -> bool:
    """Whether two contenders of different files have every recorded fact in common, states aside."""
    return one.source != other.source and list_properties(one) == list_properties(other)


def list_properties(contender: Contender) -> Mapping[str, Scalar]:
    """Return the facts of a contender that are no state, and are not the reason why another one is absent."""
    return {
        name: value
        for name, value in contender.facts.items()
        if value is not None and not is_state(name) and not name.endswith(".reason")
    }


def _describe_pair(one: Contender, other: Contender) -> Iterator[str]:
    differences = [*_compare_cases(one, other), *_compare_yardsticks(one, other)]
    if not differences:
        return
    loads = [contender.facts.get(LOAD) for contender in (one, other)]
    if None not in loads:
        differences.append(f"the load at start was {loads[1]} against {loads[0]}")
    again = "Measure both again on an idle machine"
    if one.device != other.device:
        again += f", or in one run with `--device {one.device},{other.device}`"
    yield (
        f"{other.name} and {one.name} are the same in every recorded fact, and yet {'; '.join(differences)}. "
        "No property that is recorded explains this: the likely cause is the state of the machine, and not the "
        f"contenders. {again}."
    )


def _compare_cases(one: Contender, other: Contender) -> Iterator[str]:
    pairs = [
        (cell.logs, other.cells[point].logs)
        for point, cell in one.cells.items()
        if cell.logs and point in other.cells and other.cells[point].logs
    ]
    apart = [pair for pair in pairs if compare_with_one(speedup_of_logs(*pair))]
    if not apart:
        return
    differing = [exp(median(after) - median(before)) for before, after in apart]
    confidence = 1 - CHANCE / len(pairs)
    if _chance_of(len(differing), len(pairs)) <= CHANCE or any(
        compare_with_one(speedup_of_logs(*pair, confidence=confidence)) for pair in apart
    ):
        least, most = f"{min(differing):.2f}", f"{max(differing):.2f}"
        yield (
            f"{len(differing)} of {len(pairs)} matched times differ beyond their intervals "
            f"({least if least == most else f'{least} to {most}'} times as long in {other.name})"
        )


def _chance_of(count: int, total: int) -> float:
    """Return how likely at least so many of the intervals miss by chance, if they do so independently."""
    return sum(comb(total, k) * CHANCE**k * (1 - CHANCE) ** (total - k) for k in range(count, total + 1))


def _compare_yardsticks(one: Contender, other: Contender) -> Iterator[str]:
    if one.yardsticks is None or other.yardsticks is None:
        return
    ratio = speedup_of_logs(other.yardsticks.logs, one.yardsticks.logs)
    if compare_with_one(ratio):
        after, before = (
            text(Unit.SECONDS, yardsticks.seconds.centre) for yardsticks in (other.yardsticks, one.yardsticks)
        )
        yield f"the yardstick took {after} against {before}"
