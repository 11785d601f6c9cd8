"""Was the machine fit to be measured on? What a run itself recorded that says no."""

from __future__ import annotations

from bench.record.conditions import Environment, is_busy
from bench.record.how_many import how_many
from bench.record.run import Run
from reports.figures.yardsticks import collect_yardsticks
from reports.show.escape import plain
from reports.show.units import percent

MOST_SPREAD = 0.25
"""On a machine that is left alone the yardstick's readings, of the same product of matrices each, lie within a tenth of
each other; where the middle half of them is wider than this, something else took the cores."""


def find_unsteadiness(run: Run, device: str | None = None) -> list[str]:
    """Return what says that the machine was busy or changed while it was measured on, each in a few words.

    Args:
        run: what was measured.
        device: the one whose yardstick counts; None for those of all.
    """
    load = find_load(run.environment)
    found = [] if load is None else [f"{load} when it began"]
    for name in dict.fromkeys(case.device for case in run.cases) if device is None else [device]:
        yardsticks = collect_yardsticks(run, name)
        if yardsticks is not None and yardsticks.spread is not None and yardsticks.spread > MOST_SPREAD:
            found.append(f"the yardstick on {plain(name)} scattered by {percent(yardsticks.spread)}")
    return found


def find_load(environment: Environment) -> str | None:
    """Return the load at the beginning in words, if more wanted to run than on a quiet machine; None if not."""
    load, cores = environment.get("machine.load_at_start"), environment.get("machine.cores")
    if not (isinstance(load, int | float) and isinstance(cores, int) and is_busy(load, cores)):
        return None
    return f"load {load:.1f} on {how_many(cores, 'core')}"
