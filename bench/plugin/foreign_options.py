"""What other plugins offer and this suite cannot honour: refused by name, never silently ignored."""

from __future__ import annotations

import os
import shlex

import pytest

from bench.record.case import AXES

GROUPINGS = ("group", "name", "fullname", "func", "fullfunc", "param")
"""What pytest-benchmark groups by; it looks only after the run, when a typo costs everything."""

REFUSED = {
    "--benchmark-timer": "the device decides the clock: the host's, read after the device has caught up",
    "--benchmark-warmup": "every case is warmed up until its slice medians settle",
    "--benchmark-warmup-iterations": "every case is warmed up until its slice medians settle",
    "--benchmark-precision": "the number of replicates is --launches, the time is --budget",
    "--benchmark-confidence": "intervals are at 95 %, from the launches",
    "--benchmark-calibration-precision": "a slice is so long that the clock costs under 1 % of it",
    "--benchmark-min-time": "a slice is so long that the clock costs under 1 % of it",
    "--benchmark-disable-gc": "the garbage collector never runs inside a slice; --unsteady no-gc lets it",
    "--benchmark-cprofile": "what is recorded was timed in another process: there is nothing to profile here",
    "--benchmark-cprofile-loops": "what is recorded was timed in another process: there is nothing to profile here",
    "--benchmark-cprofile-top": "what is recorded was timed in another process: there is nothing to profile here",
    "--benchmark-cprofile-dump": "what is recorded was timed in another process: there is nothing to profile here",
}
"""Options of pytest-benchmark that have no meaning here, and what there is instead."""


def refuse_foreign(config: pytest.Config) -> None:
    """Refuse what other plugins offer and this suite cannot honour.

    Raises:
        pytest.UsageError: naming the option and why.
    """
    if not config.pluginmanager.hasplugin("benchmark"):
        raise pytest.UsageError("pytest-benchmark records the results of this suite: leave out -p no:benchmark")
    if config.getoption("numprocesses", None) or config.getoption("dist", "no") != "no":
        raise pytest.UsageError("under xdist the workers would disturb each other: leave out -n and --dist")
    for label in str(config.getoption("benchmark_group_by")).split(","):
        if label not in GROUPINGS and label not in {f"param:{axis}" for axis in AXES}:
            known = ", ".join((*GROUPINGS, *(f"param:{axis}" for axis in AXES)))
            raise pytest.UsageError(f"--benchmark-group-by: unknown label {label!r}; known: {known}")
    given = [
        *shlex.split(os.environ.get("PYTEST_ADDOPTS", "")),
        *config.getini("addopts"),
        *config.invocation_params.args,
    ]
    for argument in given:
        name = str(argument).partition("=")[0]
        if name in REFUSED:
            raise pytest.UsageError(f"{name} has no meaning here: {REFUSED[name]}")
