"""A machine that slept, or whose clock was set, is told from one that did neither."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bench.host.clocks import Clocks

BEFORE = Clocks(monotonic=100.0, asleep=5.0, wall=1e9)


@pytest.mark.parametrize(
    ("after", "notes"),
    [
        (Clocks(monotonic=110.0, asleep=5.0, wall=1e9 + 10), ()),
        (Clocks(monotonic=110.0, asleep=5.9, wall=1e9 + 10.9), ()),
        (
            Clocks(monotonic=110.0, asleep=65.0, wall=1e9 + 70),
            ("the machine was suspended for 60 s while this was measured",),
        ),
        (
            Clocks(monotonic=110.0, asleep=5.0, wall=1e9 - 3590),
            ("the wall clock jumped by -3600 s while this was measured",),
        ),
        (
            Clocks(monotonic=110.0, asleep=65.0, wall=1e9 + 3670),
            (
                "the machine was suspended for 60 s while this was measured",
                "the wall clock jumped by +3600 s while this was measured",
            ),
        ),
        (Clocks(monotonic=110.0, asleep=None, wall=1e9 + 10), ()),
    ],
    ids=["nothing", "little", "suspended", "set-back", "both", "does-not-tell"],
)
def test_oddities_are_sentences(after: Clocks, notes: tuple[str, ...]) -> None:
    """What was timed around one was not timed in peace."""
    assert after.oddities_since(BEFORE) == notes


def test_clocks_agree_with_themselves() -> None:
    """Read one after the other, they show nothing odd."""
    now = Clocks.now()
    assert Clocks.now().oddities_since(now) == ()
    assert replace(now, monotonic=now.monotonic - 10).oddities_since(now) != ()
