"""Was the machine fit to be measured on? What a run itself recorded that says no."""

from __future__ import annotations

from bench.record.conditions import is_busy
from bench.record.how_many import how_many
from bench.record.run import Run
from reports.figures.yardsticks import collect_yardsticks
from reports.show.escape import plain
from reports.show.units import percent

MOST_SPREAD = 0.25
"""On a machine that is left alone the yardstick's readings, of the same product of matrices each, lie within a tenth of
each other; where the middle half of them is wider than this, something else took the cores."""


def find_unsteadiness(run: Run) -> list[str]:
    """Return what says that the machine was busy or changed while it was measured on, each in a few words."""
    load, cores = run.environment.get("machine.load_at_start"), run.environment.get("machine.cores")
    found = []
    if isinstance(load, int | float) and isinstance(cores, int) and is_busy(load, cores):
        found.append(f"load {load:.1f} on {how_many(cores, 'core')} when it began")
    for device in dict.fromkeys(case.device for case in run.cases):
        yardsticks = collect_yardsticks(run, device)
        if yardsticks is not None and yardsticks.spread is not None and yardsticks.spread > MOST_SPREAD:
            found.append(f"the yardstick on {plain(device)} scattered by {percent(yardsticks.spread)}")
    return found
