"""The answer in words: what a run says, in at most five sentences by plain rules, each naming the cases it rests on.

A sentence stands only where intervals support it: what they leave open is said to be open, or is not said.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from statistics import median

from bench.record.case import Case, Group
from bench.record.how_many import how_many
from bench.record.run import Run
from reports.figures.accounts import Account, Bound, list_accounts
from reports.figures.compile_accounts import CompileAccount, Payoff, list_compile_accounts
from reports.figures.evidence import Evidence, examine
from reports.figures.metrics import METRICS
from reports.figures.scaling import list_scalings
from reports.figures.unsteadiness import find_unsteadiness
from reports.figures.yardsticks import collect_yardsticks
from reports.show.units import Unit, percent, seconds, text
from reports.show.words import MOST_SENTENCES, join_words, name_some
from reports.stats.intervals import Summary, speedup

NEAR, FAR = 0.5, 0.1
"""A case whose whole interval is above the first share of what its device allows is bound by that; one whose interval
is below the second is bound by neither products nor copies."""

BOUNDS: Mapping[Bound, str] = {
    Bound.AROUND: "dispatch (calling operators takes longer than computing)",
    Bound.PRODUCTS: "products of matrices",
    Bound.OTHERS: "operators that mostly read and write memory",
    Bound.DEVICE: "the device's kernels",
    Bound.HOST: "the host, for which the device waits",
}
"""How it reads what bounds a case."""


def make_answers(run: Run) -> list[str]:
    """Return what a run says, each a sentence; none where nothing was timed."""
    if run.settings.quick:
        return []
    evidence = examine(run)
    sentences = [
        *_tell_fastest(evidence),
        *_tell_compiling(evidence),
        *_tell_ranks(run),
        *_tell_payoff(run),
        *_tell_bounds(run, evidence),
    ]
    trust = [*_tell_trust(run, evidence)]
    return [*sentences[: MOST_SENTENCES - len(trust)], *trust]


def _tell_fastest(evidence: Mapping[Case, Evidence]) -> Iterator[str]:
    """Yield for each model and device which variant is fastest at which batch, where intervals tell it."""
    groups: dict[Group, list[Evidence]] = {}
    for case, one in evidence.items():
        if one.seconds is not None:
            groups.setdefault(case.group, []).append(one)
    several = {group: some for group, some in groups.items() if len(some) > 1}
    for model, device in dict.fromkeys((group.model, group.device) for group in several):
        own = {group: some for group, some in several.items() if (group.model, group.device) == (model, device)}
        parts = []
        for step in dict.fromkeys(group.step for group in own):
            winners: dict[str, list[str]] = {}
            for group, some in own.items():
                if group.step == step and (fastest := _find_fastest(some)) is not None:
                    winners.setdefault(str(fastest.variant), []).append(str(group.batch))
            parts += [f"{name} in {step} at batch {join_words(batches)}" for name, batches in winners.items()]
        if parts:
            yield f"Fastest of {model} on {device}: {'; '.join(parts)}."


def _find_fastest(some: Sequence[Evidence]) -> Case | None:
    """Return the fastest case of a group; None where it cannot be told from another one."""
    best = min(some, key=lambda one: one.seconds.centre if one.seconds else float("inf"))
    return best.case if all(_is_above(_compare(one, best)) for one in some if one is not best) else None


def _compare(slower: Evidence, faster: Evidence) -> Summary | None:
    """Return how many times faster one case is than another of its group."""
    return speedup(slower.kept.seconds, faster.kept.seconds)


def _is_above(ratio: Summary | None) -> bool:
    return ratio is not None and ratio.low is not None and ratio.low > 1


def _is_below(ratio: Summary | None) -> bool:
    return ratio is not None and ratio.high is not None and ratio.high < 1


def _tell_compiling(evidence: Mapping[Case, Evidence]) -> Iterator[str]:
    """Yield how many cases compiling makes faster and slower, with the most extreme of each."""
    ratios: dict[Case, Summary] = {}
    for case, one in evidence.items():
        eager = evidence.get(replace(case, compile="off"))
        if case.compiled and eager is not None and (ratio := _compare(eager, one)) is not None:
            ratios[case] = ratio
    if parts := _count_sides(ratios, ("faster (at most", "slower (at most", "neither that could be told"), _show):
        yield f"Of {len(ratios)} cases compiling makes {parts}."


def _count_sides(
    ratios: Mapping[Case, Summary], words: tuple[str, str, str], show: Callable[[Case, Summary], str]
) -> str | None:
    """Return how many ratios are above 1, below it, and neither, with the most extreme of each; None if none is told.

    Args:
        ratios: by case.
        words: behind each of the three numbers; the first two end in a bracket that the most extreme one closes.
        show: how that one reads.
    """
    above = {case: ratio for case, ratio in ratios.items() if _is_above(ratio)}
    below = {case: ratio for case, ratio in ratios.items() if _is_below(ratio)}
    if not above and not below:
        return None
    parts = []
    if above:
        case = max(above, key=lambda case: above[case].centre)
        parts.append(f"{len(above)} {words[0]} {show(case, above[case])})")
    if below:
        case = min(below, key=lambda case: below[case].centre)
        parts.append(f"{len(below)} {words[1]} {show(case, below[case])})")
    if left := len(ratios) - len(above) - len(below):
        parts.append(f"{left} {words[2]}")
    return ", ".join(parts)


def _show(case: Case, ratio: Summary) -> str:
    return f"{text(Unit.RATIO, ratio.centre, ratio.low, ratio.high)} as fast as eager, {case.id}"


def _tell_ranks(run: Run) -> Iterator[str]:
    """Yield in how many cases several ranks have a higher throughput than one process, and a lower one."""
    scalings = list_scalings(run).items()
    gains = {case: scaling.strong for case, scaling in scalings if case.processes > 1 and scaling.strong is not None}
    words = (
        "with a higher throughput (up to",
        "with a lower throughput (down to",
        "of which neither can be told",
    )
    if parts := _count_sides(gains, words, _show_gain):
        yield f"{how_many(len(gains), 'case')} of several ranks beside one process: {parts}."


def _show_gain(case: Case, gain: Summary) -> str:
    return f"{text(Unit.RATIO, gain.centre, gain.low, gain.high)}, {case.id}"


def _tell_payoff(run: Run) -> Iterator[str]:
    """Yield after how many iterations compiling pays off, and where it never does."""
    accounts = [one for one in list_compile_accounts(run).values() if isinstance(one, CompileAccount)]
    paid = sorted(
        (account for account in accounts if account.payoff is Payoff.AFTER),
        key=lambda account: account.iterations or 0,
    )
    never = [account.case for account in accounts if account.payoff is Payoff.NEVER]
    if paid:
        first, last = paid[0], paid[-1]
        said = f"A compile from empty caches ({seconds(first.cost)}) is paid back after {first.iterations:,} iterations"
        said += f" of {first.case.id}"
        if last is not first:
            said += f", and after {last.iterations:,} of {last.case.id}"
        yield f"{said}{f'; never in {_name_cases(never)}' if never else ''}."
    elif never:
        yield f"A compile is never paid back in {_name_cases(never)}: compiled code is slower there."


def _tell_bounds(run: Run, evidence: Mapping[Case, Evidence]) -> Iterator[str]:
    """Yield what bounds the cases: by a profile where there is one, else by what their device allows."""
    accounts = {case: one for case, one in list_accounts(run).items() if isinstance(one, Account)}
    if accounts:
        bounds: dict[Bound, list[Case]] = {}
        for case, account in accounts.items():
            bounds.setdefault(account.bound, []).append(case)
        parts = [f"{_name_cases(cases)} by {BOUNDS[bound]}" for bound, cases in bounds.items()]
        yield f"By their profiles, bound are {'; '.join(parts)}."
        return
    near: dict[str, list[Case]] = {}
    far: list[Case] = []
    for case, one in evidence.items():
        share = METRICS["share_of_attainable"].derive(one) if one.seconds else None
        if share is None or share.low is None or share.high is None:
            continue
        if share.low > NEAR:
            products = METRICS["compute_bound"].derive(one)
            near.setdefault("products of matrices" if products and products.centre else "copies", []).append(case)
        elif share.high < FAR:
            far.append(case)
    for limit, cases in near.items():
        yield f"At more than {percent(NEAR)} of what the device allows, {_name_cases(cases)} are bound by {limit}."
    if far:
        yield (
            f"At less than {percent(FAR)} of what the device allows, {_name_cases(far)} are bound by something else: "
            "--operators says by what."
        )


def _tell_trust(run: Run, evidence: Mapping[Case, Evidence]) -> Iterator[str]:
    """Yield how exact the figures are and how steady the machine was, unless it was so unsteady that this comes first.

    Half an interval over its centre says how exact a figure is.
    """
    halves = {
        case: (one.seconds.high - one.seconds.low) / (2 * one.seconds.centre)
        for case, one in evidence.items()
        if one.seconds is not None and one.seconds.low is not None and one.seconds.high is not None
    }
    if not halves or find_unsteadiness(run):
        return
    worst = max(halves, key=lambda case: halves[case])
    readings = (collect_yardsticks(run, device) for device in dict.fromkeys(case.device for case in halves))
    spreads = [one.spread for one in readings if one is not None and one.spread is not None]
    steady = f"The machine was steady: its yardstick scattered by {percent(max(spreads))}. " if spreads else ""
    least = f", to ±{percent(halves[worst])} in {worst.id}" if len(halves) > 1 else ""
    yield f"{steady}Times are known to ±{percent(median(halves.values()))} in the median case{least}."


def _name_cases(cases: Iterable[Case]) -> str:
    return name_some(case.id for case in cases)
