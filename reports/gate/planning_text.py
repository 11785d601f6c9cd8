"""How it reads what a gate will be able to see, and in what time."""

from __future__ import annotations

from bench.record.how_many import how_many
from reports.gate.planning import Prospect
from reports.show.units import duration, percent

TIMES = (1, 2, 4)
"""So many budgets are looked ahead."""


def describe_prospect(prospect: Prospect, budget_seconds: float, launches: int) -> list[str]:
    """Return which slowdowns will be visible in a budget and in longer ones, and what is to be done if none will.

    Args:
        prospect: what blocks will show.
        budget_seconds: the gate's.
        launches: the most blocks that it may have.
    """
    least, most = prospect.design.least_blocks, prospect.design.most_looked
    seen = dict.fromkeys(min(prospect.count_blocks(times * budget_seconds), most) for times in TIMES)
    said = [_word_visible(prospect, blocks, launches) for blocks in seen if blocks >= least]
    lines = [f"slowdowns visible from about {', '.join(said)}"] if said else []
    if prospect.count_blocks(budget_seconds) < least:
        lines.append(
            f"{how_many(least, 'block')}, the fewest that a verdict takes, take about "
            f"{duration(prospect.count_seconds(least))}, and the budget is {duration(budget_seconds)}: raise "
            "--budget, or let nothing else run here"
        )
    return lines


def _word_visible(prospect: Prospect, blocks: int, launches: int) -> str:
    needs = f", --launches {blocks}" if blocks > launches else ""
    visible = percent(prospect.find_visible(blocks))
    return f"{visible} in {duration(prospect.count_seconds(blocks))} ({how_many(blocks, 'block')}{needs})"


def describe_detection(prospect: Prospect, share: float, blocks: int | None, budget_seconds: float) -> str:
    """Return how long it takes until a slowdown is visible, and whether that is within a budget.

    Args:
        prospect: what blocks will show.
        share: the slowdown.
        blocks: after how many it will be visible; None if no number that may be looked at will do.
        budget_seconds: the gate's.
    """
    most = prospect.design.most_looked
    within = min(prospect.count_blocks(budget_seconds), most)
    visible = prospect.find_visible(within)
    instead = f"one of {percent(visible)} will be visible" if visible is not None else "none will be visible"
    slowdown = f"a slowdown of {percent(share)} takes"
    if blocks is None:
        return f"{slowdown} more than {how_many(most, 'block')}, the most that can be looked at: {instead} instead"
    takes = f"{slowdown} about {how_many(blocks, 'block')}, {duration(prospect.count_seconds(blocks))}"
    if blocks <= within:
        return takes
    return f"{takes}, and the budget is {duration(budget_seconds)}: {instead} instead; name a longer --budget"
