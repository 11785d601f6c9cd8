"""A machine that slept, or whose clock was set, is told from one that did neither."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bench.host.clocks import ClockReadings

BEFORE = ClockReadings(monotonic=100.0, asleep=5.0, wall=1e9)


@pytest.mark.parametrize(
    ("after", "notes"),
    [
        (ClockReadings(monotonic=110.0, asleep=5.0, wall=1e9 + 10), ()),
        (ClockReadings(monotonic=110.0, asleep=5.9, wall=1e9 + 10.9), ()),
        (
            ClockReadings(monotonic=110.0, asleep=65.0, wall=1e9 + 70),
            ("the machine was suspended for 60 s while this was measured",),
        ),
        (
            ClockReadings(monotonic=110.0, asleep=5.0, wall=1e9 - 3590),
            ("the wall clock jumped by -3600 s while this was measured",),
        ),
        (
            ClockReadings(monotonic=110.0, asleep=65.0, wall=1e9 + 3670),
            (
                "the machine was suspended for 60 s while this was measured",
                "the wall clock jumped by +3600 s while this was measured",
            ),
        ),
        (ClockReadings(monotonic=110.0, asleep=None, wall=1e9 + 10), ()),
    ],
    ids=["nothing", "little", "suspended", "set-back", "both", "does-not-tell"],
)
def test_oddities_are_sentences(after: ClockReadings, notes: tuple[str, ...]) -> None:
    """What was timed around one was not timed in peace."""
    assert after.oddities_since(BEFORE) == notes


def test_clocks_agree_with_themselves() -> None:
    """Read one after the other, they show nothing odd."""
    now = ClockReadings.now()
    assert ClockReadings.now().oddities_since(now) == ()
    assert replace(now, monotonic=now.monotonic - 10).oddities_since(now) != ()
