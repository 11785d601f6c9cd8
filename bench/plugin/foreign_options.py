"""What other plugins offer and this suite cannot honour: refused by name, never silently ignored."""

from __future__ import annotations

from importlib.util import find_spec

import pytest

from bench.host.folders import ROOT
from bench.plugin.continuation import given_arguments
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


ONCE = {"None", "False", "0", "1"}
"""With these values such an option changes nothing."""

TWICE = "runs a test another number of times, and every case is replayed once: leave it out"
ELSEWHERE = "runs a test elsewhere than in this process, which holds what was measured: leave it out"

REPEATERS = {
    "count": ("--count (pytest-repeat)", TWICE),
    "iterations": ("--iterations (pytest-run-parallel)", TWICE),
    "parallel_threads": ("--parallel-threads (pytest-run-parallel)", TWICE),
    "forever": ("--forever (pytest-run-parallel)", TWICE),
    "reruns": ("--reruns (pytest-rerunfailures)", TWICE),
    "forked": ("--forked (pytest-forked)", ELSEWHERE),
    "looponfail": ("-f (pytest-xdist)", ELSEWHERE),
    "codspeed": ("--codspeed (pytest-codspeed)", "replaces the fixture that takes the results: leave it out"),
}
"""Options of other plugins, by their name in pytest's configuration, under which nothing could be replayed.

What such a plugin does to the tests is found without its name too, in ``to_measure.py``; an option is known sooner.
"""


def refuse_foreign(config: pytest.Config) -> None:
    """Refuse what other plugins offer and this suite cannot honour.

    Raises:
        pytest.UsageError: naming the option and why.
    """
    if config.rootpath.resolve() != ROOT and not (config.option.rootdir or config.option.inifilename):
        raise pytest.UsageError(
            f"pytest took its settings from {config.rootpath}, since it reads a path before `bench` as a folder of "
            "tests: write it with an equals sign, as in --against=FOLDER"
        )
    if not config.pluginmanager.hasplugin("benchmark"):
        raise pytest.UsageError("pytest-benchmark records the results of this suite: leave out -p no:benchmark")
    if config.getoption("numprocesses", None) or config.getoption("dist", "no") != "no":
        raise pytest.UsageError("under xdist the workers would disturb each other: leave out -n and --dist")
    _refuse_benchmarks(config)
    _refuse_repeaters(config)
    for argument in given_arguments(config):
        name = str(argument).partition("=")[0]
        if name in REFUSED:
            raise pytest.UsageError(f"{name} has no meaning here: {REFUSED[name]}")


def _refuse_benchmarks(config: pytest.Config) -> None:
    """Refuse what pytest-benchmark would find out too late, or end in a traceback with."""
    for label in str(config.getoption("benchmark_group_by")).split(","):
        if label not in GROUPINGS and label not in {f"param:{axis}" for axis in AXES}:
            known = ", ".join((*GROUPINGS, *(f"param:{axis}" for axis in AXES)))
            raise pytest.UsageError(f"--benchmark-group-by: unknown label {label!r}; known: {known}")
    if config.getoption("benchmark_compare_fail") and not config.getoption("benchmark_compare"):
        raise pytest.UsageError("--benchmark-compare-fail goes with --benchmark-compare, which names a stored run")
    if config.getoption("benchmark_histogram") and find_spec("pygal") is None:
        raise pytest.UsageError("--benchmark-histogram draws with pygal, which is not installed: pip install pygal")
    storage = str(config.getoption("benchmark_storage", default=""))
    if storage.startswith("elasticsearch+") and find_spec("elasticsearch") is None:
        raise pytest.UsageError("--benchmark-storage: elasticsearch is not installed: pip install elasticsearch")


def _refuse_repeaters(config: pytest.Config) -> None:
    for name, (option, why) in REPEATERS.items():
        if str(config.getoption(name, default=None)) not in ONCE:
            raise pytest.UsageError(f"{option} {why}")
