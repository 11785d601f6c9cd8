"""Verdicts: by simulation, by symmetry, and at the edges."""

from __future__ import annotations

from itertools import product
from math import expm1, log1p
from statistics import stdev

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import wilcoxon

from bench.record.looks import LOOKS
from reports.stats import verdict as verdict_module
from reports.stats.forecast import forecast_visible, needed_blocks, visible
from reports.stats.intervals import hodges_lehmann
from reports.stats.verdict import TAIL_FLOOR, Reading, Ruling, Verdict, _Column, combine, judge, tail_floor

BLOCKS = tuple(look.blocks for look in LOOKS)
MIRROR = {Verdict.REGRESSED: Verdict.IMPROVED, Verdict.IMPROVED: Verdict.REGRESSED}


def effects(
    seed: int, *, blocks: int = 16, cases: int = 12, scatter: float = 0.02, slower: float = 0.0
) -> dict[str, list[float]]:
    """Return effects of identical code, but for the first case, which is `slower`."""
    table = np.random.default_rng(seed).normal(0.0, scatter, size=(cases, blocks))
    table[0] += log1p(slower)
    return {f"case{index}": [float(value) for value in row] for index, row in enumerate(table)}


def heavy_tails(seed: int, *, blocks: int = 16, cases: int = 12, scatter: float = 0.03) -> dict[str, list[float]]:
    """Return effects of identical code on tails: a single block may be far out."""
    table = scatter * np.random.default_rng(seed).standard_t(2, size=(cases, blocks))
    return {f"case{index}": [float(value) for value in row] for index, row in enumerate(table)}


def ruled(
    seen: dict[str, list[float]],
    looks: tuple[int, ...],
    floor: float = 0.02,
    tails: dict[str, list[float]] | None = None,
) -> dict[str, Ruling]:
    """Return the rulings; without tails of their own, the tails change as the medians do."""
    return judge(seen, seen if tails is None else tails, looks, dict.fromkeys(seen, floor))


def verdicts(
    seen: dict[str, list[float]],
    looks: tuple[int, ...],
    floor: float = 0.02,
    tails: dict[str, list[float]] | None = None,
) -> dict[str, Verdict]:
    """Return the verdicts alone."""
    return {name: one.verdict for name, one in ruled(seen, looks, floor, tails).items()}


def test_identical_code_is_called_slower_in_at_most_one_job_of_a_hundred() -> None:
    """2,000 simulated gates of 12 cases at two looks: the per-gate rate is below what the looks may spend.

    The tails have floors of their own, which none of their changes is below: the test alone keeps them from being red.
    """
    red = {Verdict.REGRESSED: 0, Verdict.IMPROVED: 0}
    for seed in range(2000):
        tails = heavy_tails(seed + 5000, blocks=9, scatter=0.5)
        columns = ruled(effects(seed, blocks=9, scatter=0.1), (8, 9), 0.001, tails).values()
        said = {verdict for ruling in columns for verdict in (ruling.median_verdict, ruling.tail.verdict)}
        for verdict in red:
            red[verdict] += verdict in said
    allowed = 2000 * sum(look.alpha for look in LOOKS[:2])
    assert max(red.values()) <= allowed + 3 * allowed**0.5
    assert max(red.values()) <= 0.01 * 2000
    assert min(red.values()) >= 1, "the simulation could not have been red"


def test_noise_that_moves_all_cases_together_is_no_more_often_red() -> None:
    """Cases of one block share the machine's state; the joint flips keep that."""
    red = 0
    for seed in range(500):
        generator = np.random.default_rng(seed)
        common, scale = generator.normal(0, 0.05, 8), generator.uniform(0.2, 5, 8)
        seen = {f"case{index}": list(scale * (common + generator.normal(0, 0.005, 8))) for index in range(12)}
        tails = {name: [3 * value + 0.1 * generator.standard_t(2) for value in values] for name, values in seen.items()}
        red += Verdict.REGRESSED in verdicts(seen, (8,), tails=tails).values()
    allowed = 500 * LOOKS[0].alpha
    assert red <= allowed + 3 * allowed**0.5


def test_five_percent_is_caught() -> None:
    """What the gate is for."""
    caught = sum(verdicts(effects(seed, slower=0.05), (8, 16))["case0"] is Verdict.REGRESSED for seed in range(100))
    assert caught >= 95


@given(st.integers(0, 10_000), st.sampled_from([0.0, 0.03, 0.08]))
@settings(max_examples=20, deadline=None)
def test_swapping_base_and_head_mirrors_the_verdict_on_every_column(seed: int, slower: float) -> None:
    """Neither arm is favoured; only how two columns make one verdict is meant to be careful in one direction."""
    seen = effects(seed, slower=slower)
    swapped = {name: [-value for value in values] for name, values in seen.items()}
    tails = heavy_tails(seed, scatter=0.02)
    tails["case1"] = [value + 3 * log1p(slower) for value in tails["case1"]]
    swapped_tails = {name: [-value for value in values] for name, values in tails.items()}
    there, back = ruled(seen, (8, 16), tails=tails), ruled(swapped, (8, 16), tails=swapped_tails)
    for name, one in there.items():
        other = back[name]
        assert other.median_verdict is MIRROR.get(one.median_verdict, one.median_verdict)
        assert other.tail.verdict is MIRROR.get(one.tail.verdict, one.tail.verdict)
        assert log1p(other.tail.change) == pytest.approx(-log1p(one.tail.change))
        assert other.tail.p == pytest.approx(one.tail.p)
        assert log1p(other.change) == pytest.approx(-log1p(one.change))
        assert log1p(other.low or 0.0) == pytest.approx(-log1p(one.high or 0.0))
        assert other.p == pytest.approx(one.p)


def test_first_verdict_stands() -> None:
    """A case that was called at one look is not called otherwise at a later one, though its blocks now say so."""
    seen = effects(3, blocks=60, slower=0.1)
    later = {**seen, "case0": [*seen["case0"][:8], *(value - 0.2 for value in seen["case0"][8:])]}
    assert ruled(later, (60,))["case0"].verdict is Verdict.IMPROVED
    ruling = ruled(later, BLOCKS)["case0"]
    assert (ruling.verdict, ruling.decided_at) == (Verdict.REGRESSED, 8)


def test_effect_below_the_floor_is_never_a_regression() -> None:
    """However sure it is: one percent does not count where two are the floor."""
    seen = effects(4, blocks=32, scatter=0.001, slower=0.01)
    assert verdicts(seen, (8, 16, 32))["case0"] is Verdict.UNCHANGED


def test_noise_is_inconclusive_and_says_what_would_settle_it() -> None:
    """Not a pass: nothing could have been seen."""
    seen = effects(5, blocks=8, scatter=0.10)
    rulings = ruled(seen, (8,))
    assert {one.verdict for one in rulings.values()} == {Verdict.INCONCLUSIVE}
    assert all(one.visible > 0.1 for one in rulings.values())
    assert all(one.needed_blocks is None or one.needed_blocks > 8 for one in rulings.values())


@pytest.mark.parametrize("looks", [(16,), (8, 12, 16)], ids=str)
@pytest.mark.parametrize("scatter", [0.01, 0.03])
def test_visible_change_is_seen_about_four_times_in_five(scatter: float, looks: tuple[int, ...]) -> None:
    """The figure in the headline, put to the test, also where looks before the last have spent of the error."""
    seen = effects(0, scatter=scatter)
    promised = ruled(seen, looks)["case0"].visible
    caught = sum(
        verdicts(effects(seed, scatter=scatter, slower=promised), looks)["case0"] is Verdict.REGRESSED
        for seed in range(1, 101)
    )
    assert 60 <= caught <= 98


def test_blocks_behind_the_last_look_show_nothing() -> None:
    """An added part that ends between two looks has measured what nobody judged."""
    seen = effects(24, blocks=20)
    looked_at = {name: values[:16] for name, values in seen.items()}
    visible_at_16 = {name: ruling.visible for name, ruling in ruled(looked_at, (8, 16)).items()}
    assert {name: ruling.visible for name, ruling in ruled(seen, (8, 16)).items()} == visible_at_16


def test_a_look_that_may_spend_less_takes_nothing_away() -> None:
    """What one look calls slower stands: one a block later, which may spend half as much, hides nothing again."""
    seen = effects(25, blocks=14)
    longer = {name: [*values, like_the_others(values)] for name, values in seen.items()}
    before, after = ruled(seen, (12, 13, 14)), ruled(longer, (12, 13, 14, 15))
    assert all(after[name].visible <= before[name].visible + 1e-12 for name in seen)


def like_the_others(values: list[float]) -> float:
    """Return a further value that leaves the standard deviation as it is."""
    count = len(values)
    return float(np.mean(values)) + stdev(values) * ((count + 1) / count) ** 0.5


def test_forecast_from_the_scatter_alone_is_what_a_gate_of_so_many_blocks_says() -> None:
    """What a plan promises and what the answer shows are the same figure."""
    seen = effects(26, blocks=32)
    promised = forecast_visible(
        {name: stdev(values) for name, values in seen.items()}, dict.fromkeys(seen, 0.02), blocks=32
    )
    for name, ruling in ruled(seen, (8, 16, 32)).items():
        assert promised[name] == pytest.approx(ruling.visible, rel=0.05)


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
    for ruling in ruled(effects(7), (8, 16)).values():
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
    assert expm1(visible(0.0, 8, 0.02, 2.6)) == pytest.approx(0.02)


@pytest.mark.parametrize("looks", [(), (4,), (16, 8), (8, 8), (32,)])
def test_looks_that_do_not_fit_are_refused(looks: tuple[int, ...]) -> None:
    """A verdict from too few blocks would be no verdict."""
    seen = effects(1)
    with pytest.raises(ValueError, match="a verdict takes"):
        ruled(seen, looks)


def test_cases_of_unequal_length_are_refused() -> None:
    """A row of effects is a whole block."""
    with pytest.raises(ValueError, match="equally many"):
        ruled({"a": [0.0] * 8, "b": [0.0] * 9}, (8,))


def test_tails_are_as_long_as_medians() -> None:
    """Both are of the same blocks."""
    seen = effects(1)
    with pytest.raises(ValueError, match="equally many"):
        ruled(seen, (8,), tails={name: values[:-1] for name, values in seen.items()})


def combined(median: Reading, tail: Reading) -> Verdict:
    """Return the verdict of two columns as the table of METHODOLOGY.md has it, row by row."""
    slower, faster, same, not_slower = Reading.SLOWER, Reading.FASTER, Reading.SAME, Reading.NOT_SLOWER
    if median is slower or tail is slower:
        return Verdict.REGRESSED
    if (median, tail) == (same, same):
        return Verdict.UNCHANGED
    sure = [(faster, faster), (faster, same), (same, faster), (faster, not_slower), (not_slower, faster)]
    return Verdict.IMPROVED if (median, tail) in sure else Verdict.INCONCLUSIVE


@pytest.mark.parametrize(("median", "tail"), list(product(Reading, Reading)))
def test_two_columns_make_one_verdict(median: Reading, tail: Reading) -> None:
    """All pairs: what is slower decides alone, and nothing passes of which half is unknown."""
    assert combine(median, tail) is combined(median, tail)
    assert combine(median, tail) is combine(tail, median)


def test_change_of_the_tail_alone_is_a_regression() -> None:
    """Every block had a stall, and no median saw one."""
    seen, tails = effects(10), effects(11, scatter=0.04, slower=0.8)
    ruling = ruled(seen, (8, 16), tails=tails)["case0"]
    assert (ruling.verdict, ruling.median_verdict) == (Verdict.REGRESSED, Verdict.UNCHANGED)
    assert ruling.by_tail
    assert ruling.tail.verdict is Verdict.REGRESSED
    assert ruling.tail.change == pytest.approx(0.8, abs=0.1)
    assert ruling.tail.low is not None
    assert ruling.tail.low > 0.6
    assert ruling.decided_at == 8


def test_stalls_are_not_paid_for_by_a_faster_median() -> None:
    """Half the time in most calls, and a long stall in some: that is a regression."""
    seen, tails = effects(12, slower=-0.3), effects(13, slower=0.8)
    ruling = ruled(seen, (8, 16), tails=tails)["case0"]
    assert (ruling.verdict, ruling.median_verdict) == (Verdict.REGRESSED, Verdict.IMPROVED)
    assert ruling.by_tail


def test_improvement_waits_for_a_tail_that_may_be_slower() -> None:
    """It counts once the tail is certainly not slower, and be it undecided between the same and faster."""
    seen = effects(14, slower=-0.3)
    wide = effects(15, scatter=0.5)
    assert ruled(seen, (8, 16), tails=wide)["case0"].verdict is Verdict.INCONCLUSIVE
    near = effects(15, scatter=0.03, slower=-0.095)
    ruling = ruled(seen, (8, 16), tails=near)["case0"]
    assert (ruling.verdict, ruling.tail.verdict) == (Verdict.IMPROVED, Verdict.INCONCLUSIVE)


def test_unchanged_median_with_an_unknown_tail_is_inconclusive() -> None:
    """And it says how many blocks the tail needs."""
    seen, tails = effects(16, scatter=0.005), effects(17, scatter=0.2)
    ruling = ruled(seen, (8, 16), tails=tails)["case1"]
    assert (ruling.verdict, ruling.median_verdict) == (Verdict.INCONCLUSIVE, Verdict.UNCHANGED)
    assert ruling.by_tail
    assert ruling.needed_blocks is not None
    assert ruling.needed_blocks > 32


def test_first_verdict_on_a_tail_stands() -> None:
    """As that on a median does: it is not read again, and a case that was called stays so."""
    seen = effects(18, blocks=60)
    tails = effects(19, blocks=60, slower=0.8)
    tails["case0"] = [*tails["case0"][:8], *(value - 1.6 for value in tails["case0"][8:])]
    ruling = ruled(seen, BLOCKS, tails=tails)["case0"]
    assert (ruling.verdict, ruling.tail.verdict, ruling.decided_at) == (Verdict.REGRESSED, Verdict.REGRESSED, 8)
    assert ruling.tail.change < 0


@pytest.mark.parametrize(("floor", "expected"), [(0.01, TAIL_FLOOR), (0.02, TAIL_FLOOR), (0.3, 0.3)])
def test_floor_of_a_tail_is_never_below_that_of_its_case(floor: float, expected: float) -> None:
    """Who said that 30 % do not count meant all of the case."""
    assert tail_floor(floor) == expected
    seen, tails = effects(20), effects(21, slower=0.2)
    assert ruled(seen, (8, 16), floor, tails)["case0"].tail.floor == expected
    assert (verdicts(seen, (8, 16), floor, tails)["case0"] is Verdict.REGRESSED) == (expected < 0.2)


def test_one_test_holds_all_columns() -> None:
    """Tails make the same median less surprising: the error is of the whole gate, not of each half."""
    seen, tails = effects(22, blocks=12, slower=0.03), heavy_tails(23, blocks=12)
    alone = ruled(seen, (12,), tails={name: [0.0] * 12 for name in seen})["case0"].p
    assert ruled(seen, (12,), tails=tails)["case0"].p > alone


@pytest.mark.parametrize(
    ("looks", "verdict", "decided_at"), [([8], Verdict.IMPROVED, 8), ([8, 16], Verdict.REGRESSED, 16)]
)
def test_faster_median_is_not_final_while_its_tail_is_open(
    looks: list[int], verdict: Verdict, decided_at: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A verdict stands once both columns have theirs: a tail that turns out slower later takes it back."""
    shown = iter(
        [
            [_Column(reading=Reading.FASTER, p=0.001), _Column(reading=Reading.NOT_SLOWER, p=0.5)],
            [_Column(reading=Reading.FASTER, p=0.001), _Column(reading=Reading.SLOWER, p=0.001)],
        ]
    )
    monkeypatch.setattr(verdict_module, "_look", lambda *_, **__: next(shown))
    values = {"a": [-0.1 + 0.001 * number for number in range(looks[-1])]}
    ruling = judge(values, values, looks, {"a": 0.02})["a"]
    assert (ruling.verdict, ruling.decided_at) == (verdict, decided_at)
