"""The answer of a compare in words: who is fastest where, and who overtakes whom, as far as intervals tell."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from reports.compare.alike import warn_of_alike
from reports.compare.crossings import Course, Crossing
from reports.compare.rows import Match, all_crossings, best_rows, tell_unsteady
from reports.show.words import MOST_SENTENCES, join_words, name_some
from reports.stats.intervals import LEAST_LAUNCHES


def list_warnings(match: Match) -> list[str]:
    """Return what must be read before any number: contenders that are alike and differ, machines that were busy."""
    return [*warn_of_alike(match.contenders), *tell_unsteady(match)]


def make_answers(match: Match) -> list[str]:
    """Return what a compare says, each a sentence, naming the cases that it rests on."""
    answers = [*_tell_fastest(match), *_tell_courses(all_crossings(match))][:MOST_SENTENCES]
    return answers or [*_tell_few_launches(match)]


def _tell_few_launches(match: Match) -> Iterator[str]:
    """Yield by what medians differ where there are too few launches for an interval, and what to do."""
    launches = {
        contender.name: max((len(cell.logs) for cell in contender.cells.values()), default=0)
        for contender in match.contenders
    }
    few = {name: count for name, count in launches.items() if 0 < count < LEAST_LAUNCHES}
    if few:
        counts = join_words([f"{name} has {count}" for name, count in few.items()])
        yield (
            f"By their medians they differ as the tables say, but nothing can be told from chance: an interval takes "
            f"{LEAST_LAUNCHES} launches, and {counts}. Measure again with --launches 8, or with a longer --budget."
        )


def _tell_fastest(match: Match) -> Iterator[str]:
    """Yield for each model who is fastest in its best variant, by step and batch, where intervals tell it."""
    leaders: dict[tuple[str, str], dict[str, list[str]]] = {}
    for row in best_rows(match):
        if row["share_of_best"] == 1.0 and not row["warnings"]:
            who = f"{row['contender']} ({row['variant']})"
            leaders.setdefault((row["model"], row["step"]), {}).setdefault(who, []).append(str(row["batch"]))
    for model in dict.fromkeys(model for model, _ in leaders):
        parts = [
            f"{who} in {step} at batch {join_words(batches)}"
            for (other, step), by_leader in leaders.items()
            if other == model
            for who, batches in by_leader.items()
        ]
        yield f"Fastest in {model}: {'; '.join(parts)}."


def _tell_courses(every: Sequence[Crossing]) -> Iterator[str]:
    """Yield where one contender overtakes another, and where it is faster or slower throughout."""
    for other in dict.fromkeys(crossing.other for crossing in every):
        own = [crossing for crossing in every if crossing.other == other]
        parts = [
            f"{words.format(base=own[0].base)} in {name_some(map(_describe, some))}"
            for course, words in COURSES.items()
            if (some := [crossing for crossing in own if crossing.course is course])
        ]
        if parts:
            yield f"{other} {'; it '.join(parts)}."


COURSES: Mapping[Course, str] = {
    Course.OVERTAKES: "overtakes {base}",
    Course.FALLS_BEHIND: "falls behind {base}",
    Course.FASTER: "is faster than {base} at every batch",
    Course.SLOWER: "is slower than {base} at every batch",
}
"""How the courses read that intervals tell."""


def _describe(crossing: Crossing) -> str:
    model, step, variant = crossing.curve
    if crossing.at is None:
        return f"{model} {step} {variant}"
    ends = "" if crossing.low is None or crossing.high is None else f" [{crossing.low:.0f}, {crossing.high:.0f}]"
    return f"{model} {step} {variant} at batch {crossing.at:.0f}{ends}"
