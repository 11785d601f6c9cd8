"""What is held still is held, can be left out by name, and what disturbs is counted."""

from __future__ import annotations

import gc

import pytest

from bench.host import steadiness
from bench.host.steadiness import Disturbance, disturbance, no_gc


def test_garbage_collector_is_off_inside_and_back_on_after_an_error() -> None:
    """A worker goes on after a case that raised."""

    def break_down() -> None:
        with no_gc():
            assert not gc.isenabled()
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        break_down()
    assert gc.isenabled()
    with no_gc(enabled=False):
        assert gc.isenabled()


def test_garbage_collector_that_was_off_stays_off() -> None:
    """Whoever switched it off had a reason."""
    gc.disable()
    try:
        with no_gc():
            assert not gc.isenabled()
        assert not gc.isenabled()
    finally:
        gc.enable()


@pytest.mark.parametrize(("before", "after", "stolen"), [(1.0, 1.5, 0.5), (2.0, 1.0, 0.0), (None, 1.0, None)])
def test_disturbance_is_a_difference(before: float | None, after: float, stolen: float | None) -> None:
    """Steal may be corrected backwards by the kernel; unknown stays unknown."""
    first = Disturbance(stolen_seconds=before, minor_faults=10, involuntary_switches=1)
    second = Disturbance(stolen_seconds=after, minor_faults=17, involuntary_switches=1)
    assert second.since(first) == Disturbance(stolen_seconds=stolen, minor_faults=7, involuntary_switches=0)


def test_page_faults_are_counted() -> None:
    """They tell which mode an allocator is in."""
    before = disturbance()
    block = bytearray(64 << 20)
    block[::4096] = b"x" * len(block[::4096])
    assert disturbance().since(before).minor_faults > 100


def test_system_that_tells_no_steal_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    """Never 0: absent is None."""

    def fail(*_: object, **__: object) -> None:
        raise FileNotFoundError

    monkeypatch.setattr(steadiness, "open", fail, raising=False)
    assert disturbance().stolen_seconds is None
