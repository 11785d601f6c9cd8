"""How the reasons of a change read: for each case that was profiled a table of operators in both arms."""

from __future__ import annotations

from collections.abc import Mapping
from math import exp
from statistics import median
from typing import Any

from pandas import DataFrame

from bench.record.case import Case
from bench.record.gate import Contest
from bench.record.how_many import how_many
from bench.record.profile import Place
from reports.figures.why import LEAST_PAIRS, Difference, Explanation, Kind, explain
from reports.gate.answer import Answer, compute_effects, find_pairings
from reports.show.table import Column, Look, Row, Table, read_figure, read_word, render_table, stack
from reports.show.units import ABSENT, Unit, percent, present, seconds, signed_percent
from reports.show.words import MOST_SENTENCES, name_some
from reports.stats.intervals import CONFIDENCE
from reports.stats.ratio import ENOUGH_ERRORS, Mean
from reports.stats.verdict import Verdict

MOST_MODULES = 3
"""So many modules are named of a case; a CSV has all that differ."""

MOST_DIFFERENCES = 10
"""So many operators are shown of a case; a CSV has all that differ."""

COLUMNS = (
    "case",
    "operator",
    "place",
    "kind",
    "base_calls",
    "head_calls",
    "base_seconds",
    "head_seconds",
    "change_seconds",
    "change_error_seconds",
    "pairs",
    "timed_change_seconds",
    "explained_share",
    "explained_share_low",
    "explained_share_high",
    "reason",
)
"""The columns of the CSV, in base units, per iteration; a case that could not be profiled has a reason alone."""

MODULE_COLUMNS = (
    "case",
    "module",
    "place",
    "kind",
    "base_seconds",
    "head_seconds",
    "change_seconds",
    "change_error_seconds",
    "pairs",
)
"""The columns of the CSV of modules, in base units, per iteration: own times of their operators."""


def find_explanations(answer: Answer) -> Mapping[Case, Explanation | str]:
    """Return what changed in each case that was profiled, or why that cannot be told."""
    told = {case: explain(answer.gate.profiles, case, _time_change(answer, case)) for case in answer.rulings}
    return {case: explanation for case, explanation in told.items() if explanation is not None}


def _time_change(answer: Answer, case: Case) -> Mean:
    """Return the change that was timed in seconds per iteration: the ruling's, with the error of the blocks' mean."""
    gate = answer.gate
    base, _ = _find_timed(answer, case)
    blocks = Mean.of([base * (exp(effect) - 1) for effect in compute_effects(gate, Contest.ARMS, [case])[case]])
    return Mean(value=base * answer.rulings[case].change, error=blocks.error, n=blocks.n)


def _find_timed(answer: Answer, case: Case) -> tuple[float, float]:
    """Return base's and head's seconds per iteration as they were timed, the median over blocks."""
    timed = find_pairings(answer.gate, case).values()
    base = median(median(pairing.base_seconds) for pairing in timed)
    return base, median(median(pairing.head_seconds) for pairing in timed)


def list_module_differences(answer: Answer) -> DataFrame:
    """Return one row for each module that differs, of each case that was profiled in eager."""
    rows = [
        {"case": case.id, "pairs": explanation.pairs, **_row(difference, "module")}
        for case, explanation in find_explanations(answer).items()
        if isinstance(explanation, Explanation)
        for difference in explanation.modules
    ]
    return DataFrame(rows, columns=list(MODULE_COLUMNS))


def list_differences(answer: Answer) -> DataFrame:
    """Return one row for each operator that differs, of each case that was profiled."""
    rows: list[dict[str, Any]] = []
    for case, explanation in find_explanations(answer).items():
        if isinstance(explanation, str):
            rows.append({"case": case.id, "reason": explanation})
            continue
        whole = {
            "case": case.id,
            "pairs": explanation.pairs,
            "timed_change_seconds": explanation.timed.value,
            "explained_share": explanation.share,
            "explained_share_low": explanation.low,
            "explained_share_high": explanation.high,
        }
        rows += [{**whole, **_row(difference)} for difference in explanation.differences]
    return DataFrame(rows, columns=list(COLUMNS))


def _row(difference: Difference, part: str = "operator") -> dict[str, Any]:
    return {
        part: difference.name,
        "place": difference.place.value,
        "kind": difference.kind.value,
        "base_calls": difference.base_calls,
        "head_calls": difference.head_calls,
        "base_seconds": difference.base_seconds,
        "head_seconds": difference.head_seconds,
        "change_seconds": difference.change.value,
        "change_error_seconds": difference.change.error,
    }


def _read_change(row: Row) -> str:
    change = row["change_seconds"]
    return f"{'+' if change > 0 else ''}{seconds(change)}" if change else ABSENT


def _read_calls(name: str) -> Any:
    return lambda row: f"{row[name]:g}" if row[name] else ABSENT


def _read_operator(row: Row) -> str:
    return f"{row['operator']}, on the device" if row["place"] == Place.DEVICE.value else str(row["operator"])


DIFFERENCES = Table(
    columns=(
        Column(header="operator", read=_read_operator, right=False),
        Column(header="calls in base", read=_read_calls("base_calls")),
        Column(header="in head", read=_read_calls("head_calls")),
        Column(header="own time in base", read=read_figure("base_seconds", Unit.SECONDS)),
        Column(header="in head", read=read_figure("head_seconds", Unit.SECONDS)),
        Column(header="change", read=_read_change),
        Column(header="what", read=read_word("kind"), right=False),
    )
)
"""How the operators that differ read."""


def render_why(answer: Answer, look: Look) -> str:
    """Return the reasons of all cases that were profiled, one below the other; empty if none was."""
    return stack(
        *(_render_case(answer, case, explanation, look) for case, explanation in find_explanations(answer).items())
    )


def _render_case(answer: Answer, case: Case, explanation: Explanation | str, look: Look) -> str:
    head = look.head(f"Why {case.id}: {signed_percent(answer.rulings[case].change)}")
    return stack(head, render_explanation(answer, case, explanation, look))


def render_explanation(answer: Answer, case: Case, explanation: Explanation | str, look: Look) -> str:
    """Return what changed in one case, without its name, or why that cannot be told."""
    if isinstance(explanation, str):
        return look.say(f"It cannot be told: {explanation}.")
    said = describe(explanation, answer.rulings[case].change, _find_timed(answer, case))
    sentences = "\n".join(look.say(sentence) for sentence in said)
    rows = [_row(difference) for difference in explanation.differences[:MOST_DIFFERENCES]]
    return stack(render_table(DIFFERENCES, rows, look) if rows else "", sentences)


def describe(explanation: Explanation, change: float, base_and_head: tuple[float, float]) -> list[str]:
    """Return how much of a change is explained, what is not, and how far the profile is from what was timed.

    Args:
        explanation: what changed.
        change: as a share of base's time, as the verdict has it.
        base_and_head: seconds per iteration of both as they were timed.
    """
    named = "the operators above" if explanation.differences else "no operator that can be told from chance"
    sentences = [f"{_say_share(explanation, change)}, over {how_many(explanation.pairs, 'pair')} of processes."]
    if not explanation.differences:
        sentences = [f"It is explained by {named}, over {how_many(explanation.pairs, 'pair')} of processes."]
    left = len(explanation.differences) - MOST_DIFFERENCES
    if left > 0:
        sentences.append(f"{how_many(left, 'more operator')} differ by less each; why.csv has them.")
    timed, explained = explanation.timed.value, explanation.explained.value
    sentences.append(
        f"Timed without a profiler head takes {_signed(timed)}: {_signed(explained)} of it in {named}, the rest of "
        f"{_signed(timed - explained)} in none of them; all that does not differ changed by "
        f"{_signed(explanation.same_seconds)} under the profiler."
    )
    base, head = explanation.base_seconds, explanation.head_seconds
    ratios = (base / base_and_head[0], head / base_and_head[1])
    sentences.append(
        f"A profiled iteration takes {seconds(base)} in base and {seconds(head)} in head, {ratios[0]:.2f}x and "
        f"{ratios[1]:.2f}x of what was timed."
    )
    if explanation.modules:
        parts = (f"{module.name} {_signed(module.change.value)}" for module in explanation.modules[:MOST_MODULES])
        sentences.append(f"By module, operators of {'; of '.join(parts)}.")
    return [*sentences, *(f"{remark[0].upper()}{remark[1:]}." for remark in explanation.remarks)]


def list_causes(answer: Answer) -> list[str]:
    """Return what made the cases that changed slower or faster, each a sentence; only what its interval supports.

    A share whose interval holds none explains nothing.
    """
    causes = []
    for case, explanation in find_explanations(answer).items():
        told = isinstance(explanation, Explanation) and present(explanation.low) and explanation.low > 0
        if answer.rulings[case].verdict in {Verdict.REGRESSED, Verdict.IMPROVED} and told:
            assert isinstance(explanation, Explanation), "a share has its explanation"
            named = name_some(_describe_difference(difference) for difference in explanation.differences)
            change = signed_percent(answer.rulings[case].change)
            causes.append(f"Why {case.id} takes {change}: {named}, which explain {_say_interval(explanation)} of it.")
    return causes[:MOST_SENTENCES]


def _describe_difference(difference: Difference) -> str:
    """Return in what an operator differs, and by how much its own time does."""
    change = _signed(difference.change.value)
    calls = f"{difference.head_calls:g} calls in place of {difference.base_calls:g}, "
    more = calls if difference.kind is Kind.COUNT else f"{difference.kind.value}, " if difference.kind in ALONE else ""
    return f"{difference.name} ({more}{change})"


ALONE = (Kind.ONLY_BASE, Kind.ONLY_HEAD)
"""Kinds of operators that one arm does not have."""


def _say_interval(explanation: Explanation) -> str:
    said = percent(explanation.share)
    if present(explanation.low) and present(explanation.high):
        said += f" [{100 * explanation.low:.1f}, {100 * explanation.high:.1f}]"
    return said


def _say_share(explanation: Explanation, change: float) -> str:
    """Return which share of the change is explained, with its interval or why there is none."""
    if explanation.share is None:
        return "The change that was timed is no larger than its standard error, so no share of it can be explained"
    said = f"This explains {_say_interval(explanation)}"
    if present(explanation.low) and present(explanation.high):
        return f"{said} of {signed_percent(change)} ({100 * CONFIDENCE:.0f} % interval)"
    if explanation.pairs < LEAST_PAIRS:
        why = f"there are fewer than {LEAST_PAIRS} pairs of processes"
    else:
        why = f"the change is within {ENOUGH_ERRORS:g} of its standard errors"
    return f"{said} of {signed_percent(change)} (no interval: {why})"


def _signed(value: float) -> str:
    if not value:
        return "nothing"
    return f"{'+' if value > 0 else ''}{seconds(value)}"
