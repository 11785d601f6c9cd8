"""A disturbed interleaved set is dropped whole, and never silently."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from bench.record.run import Run
from reports.figures.dropped_sets import UNKNOWN_STEAL, KeptSlices, keep_slices
from tests.makers.runs import TWO, made_run, measured, slices

FLOAT, BFLOAT = TWO
SET_SECONDS = 2 * 10 * 0.001
"""Wall time of one set below: two variants, ten iterations of a millisecond."""


def disturbed(stolen: Sequence[float] | None, other: Sequence[float] | None = (), launches: int = 1) -> Run:
    """Return a run of two variants with three sets in each launch, of which the hypervisor took its share."""
    return made_run(
        TWO,
        [
            measured(case, launch, slices([0.001, 0.002, 0.003], stolen=taken))
            for launch in range(1, launches + 1)
            for case, taken in ((FLOAT, stolen), (BFLOAT, other))
        ],
    )


def kept_sets(kept: KeptSlices) -> list[int]:
    """Return which sets of launch 1 are left."""
    return sorted(kept.seconds[1])


def test_disturbed_set_is_dropped_for_all_variants_together() -> None:
    """Dropping only the slice that suffered would favour its variant."""
    found = keep_slices(disturbed([0.0, 0.5, 0.0]))
    assert kept_sets(found[FLOAT]) == kept_sets(found[BFLOAT]) == [0, 2]
    assert [found[case].dropped_sets for case in TWO] == [1, 1]
    assert found[BFLOAT].warnings == ("interleaved sets were dropped where the hypervisor took over 2 % of their time",)
    assert found[FLOAT].slices == 2


@pytest.mark.parametrize(("share", "dropped"), [(0.0199, 0), (0.0201, 1)])
def test_limit_is_two_percent_of_the_whole_set(share: float, dropped: int) -> None:
    """The set's slices are summed, iterations included: what one slice lost is a part of what the set took."""
    assert keep_slices(disturbed([share * SET_SECONDS, 0.0, 0.0]))[BFLOAT].dropped_sets == dropped


def test_launch_that_would_lose_every_set_keeps_them_and_says_so() -> None:
    """A launch without slices would be a hole that no outcome explains."""
    found = keep_slices(disturbed([1.0, 1.0, 1.0], launches=2))[BFLOAT]
    assert sorted(found.seconds) == [1, 2]
    assert found.dropped_sets == 0
    assert found.warnings == (
        "every set of launch 1, 2 was disturbed (over 2 % stolen), so all are kept: repeat on a calmer machine",
    )


def test_unknown_steal_drops_nothing_and_says_so() -> None:
    """Unknown is not zero; and what the other variant knows does not make the set known."""
    found = keep_slices(disturbed(None, [9.0, 0.0, 0.0]))
    assert kept_sets(found[FLOAT]) == kept_sets(found[BFLOAT]) == [0, 1, 2]
    assert found[FLOAT].warnings == (UNKNOWN_STEAL,)
    assert found[BFLOAT].warnings == ()


def test_pilot_and_unmeasured_launches_keep_nothing() -> None:
    """Launch 0 is discarded, whatever it timed."""
    found = keep_slices(made_run(TWO, [measured(FLOAT, 0, slices([0.001]))]))
    assert found[FLOAT] == found[BFLOAT] == KeptSlices(seconds={}, slices=0, dropped_sets=0, warnings=())


def test_several_slices_of_one_set_count_as_their_median() -> None:
    """Sets are what is paired; a set that was timed thrice has no threefold say."""
    timed = slices([0.001, 0.005, 0.002, 0.009], set_index=[0, 0, 0, 1])
    found = keep_slices(made_run(TWO, [measured(FLOAT, 1, timed)]))[FLOAT]
    assert found.seconds == {1: {0: 0.002, 1: 0.009}}
    assert found.slices == 4
    assert found.launch_seconds == [0.0055]


def test_case_whose_every_set_was_dropped_with_others_has_no_launch() -> None:
    """It took part in disturbed sets only, while the other variant went on."""
    run = made_run(
        TWO,
        [measured(FLOAT, 1, slices([0.001], stolen=[1.0])), measured(BFLOAT, 1, slices([0.001, 0.001]))],
    )
    found = keep_slices(run)
    assert found[FLOAT].seconds == {}
    assert found[FLOAT].dropped_sets == 1
    assert kept_sets(found[BFLOAT]) == [1]
