"""Which cases a session measures: each has exactly one test, and that test gets pytest-benchmark's own fixture.

What other plugins do to the suite is found here by what it does, since no list of their options is complete.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import pytest

from bench.plugin.selection import case_of, selected
from bench.record.case import AXES, Case

FIXTURE = "benchmark"
"""The name of the fixture that takes the results."""

OWNER = "pytest_benchmark.plugin"
"""The module whose fixture it is: pytest-benchmark stores what that one records, and nothing else."""

OURS = ("_pytest", "bench")
"""Packages whose ways to parametrise a test are pytest's and the suite's own."""


def cases_to_measure(session: pytest.Session) -> list[Case]:
    """Return the cases of the tests that will run, in order; none after a collection that failed.

    Raises:
        pytest.UsageError: if two tests stand for one case, or a test gets another fixture than pytest-benchmark's.
    """
    if session.testsfailed:
        return []
    items = [item for item in session.items if case_of(item) is not None]
    _refuse_repeated(items, session.config)
    for item in items:
        _refuse_other_fixture(item)
    return selected(items)


def _refuse_repeated(items: Sequence[pytest.Item], config: pytest.Config) -> None:
    tests = Counter(case_of(item) for item in items)
    for case, count in tests.items():
        if case is not None and count > 1:
            repeated = [item for item in items if case_of(item) == case]
            raise pytest.UsageError(
                f"{count} tests stand for the case {case.id}, and every case is recorded once: "
                f"leave out what repeats them{_tell_repeater(repeated, config)}"
            )


def _tell_repeater(items: Sequence[pytest.Item], config: pytest.Config) -> str:
    """Return what can be told of who made several tests of one: its parameters, and who parametrises; or nothing."""
    added = sorted(
        {name for item in items if isinstance(item, pytest.Function) for name in item.callspec.params} - {*AXES}
    )
    if not added:
        return ""
    plugins = [
        implementation.function.__module__
        for implementation in config.hook.pytest_generate_tests.get_hookimpls()
        if implementation.function.__module__.partition(".")[0] not in OURS
    ]
    by = f" of {' or '.join(sorted(set(plugins)))}" if plugins else ""
    return f", the parameter {', '.join(added)}{by}"


def _refuse_other_fixture(item: pytest.Item) -> None:
    """Refuse a test whose fixture is another's; pytest tells only privately which one a test would get."""
    known = getattr(item, "_fixtureinfo", None)
    definitions = known.name2fixturedefs.get(FIXTURE, ()) if known is not None else ()
    if definitions and (module := definitions[-1].func.__module__) != OWNER:
        raise pytest.UsageError(
            f"{item.name} would get the fixture `{FIXTURE}` of {module}, and pytest-benchmark's own takes the results: "
            "leave out what replaces it"
        )
