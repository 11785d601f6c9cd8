"""Verdicts: by simulation, by symmetry, and at the edges."""

from __future__ import annotations

from math import expm1, log1p

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import wilcoxon

from bench.record.looks import LOOKS
from reports.stats.verdict import Verdict, hodges_lehmann, judge, needed_blocks, visible

BLOCKS = tuple(look.blocks for look in LOOKS)
MIRROR = {Verdict.REGRESSED: Verdict.IMPROVED, Verdict.IMPROVED: Verdict.REGRESSED}


def effects(
    seed: int, *, blocks: int = 16, cases: int = 12, scatter: float = 0.02, slower: float = 0.0
) -> dict[str, list[float]]:
    """Return effects of identical code, but for the first case, which is `slower`."""
    table = np.random.default_rng(seed).normal(0.0, scatter, size=(cases, blocks))
    table[0] += log1p(slower)
    return {f"case{index}": [float(value) for value in row] for index, row in enumerate(table)}


def verdicts(seen: dict[str, list[float]], looks: tuple[int, ...], floor: float = 0.02) -> dict[str, Verdict]:
    """Return the verdicts alone."""
    return {name: one.verdict for name, one in judge(seen, looks, dict.fromkeys(seen, floor)).items()}


def test_identical_code_is_called_slower_in_at_most_one_job_of_a_hundred() -> None:
    """2,000 simulated gates of 12 cases at two looks: the per-gate rate is below what the looks may spend."""
    red = sum(Verdict.REGRESSED in verdicts(effects(seed, blocks=12), (8, 12)).values() for seed in range(2000))
    allowed = 2000 * sum(look.alpha for look in LOOKS[:2])
    assert red <= allowed + 3 * allowed**0.5


def test_noise_that_moves_all_cases_together_is_no_more_often_red() -> None:
    """Cases of one block share the machine's state; the joint flips keep that."""
    red = 0
    for seed in range(500):
        generator = np.random.default_rng(seed)
        common, scale = generator.normal(0, 0.05, 8), generator.uniform(0.2, 5, 8)
        seen = {f"case{index}": list(scale * (common + generator.normal(0, 0.005, 8))) for index in range(12)}
        red += Verdict.REGRESSED in verdicts(seen, (8,)).values()
    allowed = 500 * LOOKS[0].alpha
    assert red <= allowed + 3 * allowed**0.5


def test_five_percent_is_caught() -> None:
    """What the gate is for."""
    caught = sum(verdicts(effects(seed, slower=0.05), (8, 16))["case0"] is Verdict.REGRESSED for seed in range(200))
    assert caught >= 190


@given(st.integers(0, 10_000), st.sampled_from([0.0, 0.03, 0.08]))
@settings(max_examples=20, deadline=None)
def test_swapping_base_and_head_mirrors_every_verdict(seed: int, slower: float) -> None:
    """Neither arm is favoured."""
    seen = effects(seed, slower=slower)
    swapped = {name: [-value for value in values] for name, values in seen.items()}
    there, back = judge(seen, (8, 16), dict.fromkeys(seen, 0.02)), judge(swapped, (8, 16), dict.fromkeys(seen, 0.02))
    for name, one in there.items():
        other = back[name]
        assert other.verdict is MIRROR.get(one.verdict, one.verdict)
        assert log1p(other.change) == pytest.approx(-log1p(one.change))
        assert log1p(other.low or 0.0) == pytest.approx(-log1p(one.high or 0.0))
        assert other.p == pytest.approx(one.p)


def test_first_verdict_stands() -> None:
    """A case that was called at one look is not called otherwise at a later one, though its blocks now say so."""
    seen = effects(3, blocks=60, slower=0.1)
    later = {**seen, "case0": [*seen["case0"][:8], *(value - 0.2 for value in seen["case0"][8:])]}
    assert judge(later, (60,), dict.fromkeys(later, 0.02))["case0"].verdict is Verdict.IMPROVED
    ruling = judge(later, BLOCKS, dict.fromkeys(later, 0.02))["case0"]
    assert (ruling.verdict, ruling.decided_at) == (Verdict.REGRESSED, 8)


def test_effect_below_the_floor_is_never_a_regression() -> None:
    """However sure it is: one percent does not count where two are the floor."""
    seen = effects(4, blocks=32, scatter=0.001, slower=0.01)
    assert verdicts(seen, (8, 16, 32))["case0"] is Verdict.UNCHANGED


def test_noise_is_inconclusive_and_says_what_would_settle_it() -> None:
    """Not a pass: nothing could have been seen."""
    seen = effects(5, blocks=8, scatter=0.10)
    rulings = judge(seen, (8,), dict.fromkeys(seen, 0.02))
    assert {one.verdict for one in rulings.values()} == {Verdict.INCONCLUSIVE}
    assert all(one.visible > 0.1 for one in rulings.values())
    assert all(one.needed_blocks is None or one.needed_blocks > 8 for one in rulings.values())


@pytest.mark.parametrize("scatter", [0.01, 0.03])
def test_visible_change_is_seen_about_four_times_in_five(scatter: float) -> None:
    """The figure in the headline, put to the test."""
    seen = effects(0, scatter=scatter)
    promised = judge(seen, (16,), dict.fromkeys(seen, 0.02))["case0"].visible
    caught = sum(
        verdicts(effects(seed, scatter=scatter, slower=promised), (16,))["case0"] is Verdict.REGRESSED
        for seed in range(1, 101)
    )
    assert 60 <= caught <= 98


def test_centre_belongs_to_scipys_signed_rank_test() -> None:
    """At the Hodges-Lehmann centre the two rank sums are equal."""
    values = np.random.default_rng(6).normal(0.03, 0.02, 11)
    centre = hodges_lehmann(values.tolist())
    nudge = 1e-9
    below, above = wilcoxon(values - centre + nudge).statistic, wilcoxon(values - centre - nudge).statistic
    assert abs(below - 33) <= 1
    assert abs(above - 33) <= 1


def test_interval_holds_the_centre() -> None:
    """And both are shares of base's time."""
    for ruling in judge(effects(7), (8, 16), dict.fromkeys(effects(7), 0.02)).values():
        assert ruling.low is not None
        assert ruling.high is not None
        assert ruling.low < ruling.change < ruling.high


def test_forecast_of_blocks_holds() -> None:
    """So many blocks do settle a case that is unchanged."""
    values = np.array(effects(8, blocks=16, scatter=0.04)["case1"])
    needed = needed_blocks(values - hodges_lehmann(values.tolist()), 0.02, 2.9, 0.01)
    assert needed is not None
    assert 16 < needed < 60


def test_no_forecast_where_the_change_is_at_the_floor() -> None:
    """No number of blocks tells 2 % from 2 %."""
    values = np.random.default_rng(9).normal(0, 0.02, 16)
    assert needed_blocks(values - hodges_lehmann(values.tolist()) + log1p(0.01999), 0.02, 2.9, 0.01) is None


def test_quiet_case_sees_its_floor() -> None:
    """Without scatter the smallest visible change is the smallest that counts."""
    assert expm1(visible(np.full(8, 0.5), 0.02, 2.6)) == pytest.approx(0.02)


@pytest.mark.parametrize("looks", [(), (4,), (16, 8), (8, 8), (32,)])
def test_looks_that_do_not_fit_are_refused(looks: tuple[int, ...]) -> None:
    """A verdict from too few blocks would be no verdict."""
    seen = effects(1)
    with pytest.raises(ValueError, match="a verdict takes"):
        judge(seen, looks, dict.fromkeys(seen, 0.02))


def test_cases_of_unequal_length_are_refused() -> None:
    """A row of effects is a whole block."""
    with pytest.raises(ValueError, match="equally many"):
        judge({"a": [0.0] * 8, "b": [0.0] * 9}, (8,), {"a": 0.02, "b": 0.02})
