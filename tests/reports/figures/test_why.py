"""Why head is slower: planted changes of both arms' profiles, whose cause must be named."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from bench.record.arm import Side
from bench.record.profile import Place, Profiled
from reports.figures.accounts import OUTSIDE
from reports.figures.why import LEAST_PAIRS, Explanation, Kind, explain
from reports.stats.ratio import Mean
from tests.makers.profiles import made_profile, paired, profiled
from tests.makers.runs import TWO

CASE = TWO[0]
BASE: Mapping[str, tuple[float, float]] = {
    "aten::addmm": (3.0, 300e-6),
    "aten::copy_": (3.0, 10e-6),
    "aten::relu": (2.0, 5e-6),
}
TIMED = Mean(value=10e-6, error=0.5e-6, n=32)


def explained(profiles: tuple[Profiled, ...], timed: Mean = TIMED) -> Explanation:
    """Return what is told of a case."""
    explanation = explain(profiles, CASE, timed)
    assert isinstance(explanation, Explanation)
    return explanation


def kinds(explanation: Explanation) -> dict[str, Kind]:
    """Return in what each operator differs, the largest change first."""
    return {difference.name: difference.kind for difference in explanation.differences}


def test_extra_clone_is_named_and_explains_the_change() -> None:
    """Its copy has a count of one more; the products, which scatter by more than it takes, are not blamed."""
    head = {**BASE, "aten::copy_": (4.0, 18e-6), "aten::clone": (1.0, 2e-6)}
    explanation = explained(paired(CASE, BASE, head))
    assert kinds(explanation) == {"aten::copy_": Kind.COUNT, "aten::clone": Kind.ONLY_HEAD}
    assert explanation.share == pytest.approx(1.0, abs=0.05)
    assert explanation.low is not None
    assert explanation.high is not None
    assert explanation.low < 1.0 < explanation.high
    assert explanation.pairs == LEAST_PAIRS


def test_same_profile_explains_nothing() -> None:
    """An outer join of noise names no operator; what it sums up to stands as the rest."""
    explanation = explained(paired(CASE, BASE, BASE))
    assert explanation.differences == ()
    assert explanation.share == 0.0
    assert explanation.low is None
    assert explanation.same_seconds != 0.0


def test_slower_kernel_with_the_same_count_is_named() -> None:
    """A worse layout changes no count; 10 % of an operator that scatters by 1 % is no chance."""
    explanation = explained(paired(CASE, BASE, {**BASE, "aten::addmm": (3.0, 330e-6)}))
    assert kinds(explanation) == {"aten::addmm": Kind.TIME}
    assert explanation.differences[0].change.value == pytest.approx(30e-6, rel=0.2)


def test_one_disturbed_pair_hides_no_fourfold_time() -> None:
    """On a busy machine a process now and then takes many times as long; the others still tell."""
    profiles = [*paired(CASE, BASE, {**BASE, "aten::addmm": (3.0, 1200e-6)}, pairs=5)]
    disturbed = {name: (calls, 5 * seconds) for name, (calls, seconds) in BASE.items()}
    profiles += [
        profiled(CASE, made_profile({**operators, "aten::addmm": (3.0, addmm)}), side=side, replicate=6)
        for side, operators, addmm in ((Side.BASE, BASE, 300e-6), (Side.HEAD, disturbed, 6000e-6))
    ]
    assert "aten::addmm" in kinds(explained(tuple(profiles)))


def test_time_in_no_operator_is_a_row_of_its_own() -> None:
    """A loop in Python calls no operator."""
    outside = [(20e-6, 30e-6)] * 6
    profiles = paired(CASE, BASE, BASE, outside=outside[0])
    assert kinds(explained(profiles)) == {OUTSIDE: Kind.TIME}


def test_join_is_an_outer_one() -> None:
    """What only base had is as good a reason as what only head has."""
    head = {name: times for name, times in BASE.items() if name != "aten::relu"} | {"aten::gelu": (2.0, 20e-6)}
    explanation = explained(paired(CASE, BASE, head))
    assert kinds(explanation) == {"aten::gelu": Kind.ONLY_HEAD, "aten::relu": Kind.ONLY_BASE}
    gone = explanation.differences[1]
    assert (gone.head_seconds, gone.head_calls) == (None, 0.0)
    assert gone.change.value == pytest.approx(-5e-6, rel=0.05)


def test_kernel_with_another_number_is_matched() -> None:
    """One more kernel before it renumbers it; another fusion is gone and new."""
    base = {"graph_0_cpp_fused_relu_0": (1.0, 10e-6), "graph_0_cpp_fused_add_1": (1.0, 5e-6)}
    head = {"graph_0_cpp_fused_relu_1": (1.0, 10e-6), "graph_0_cpp_fused_add_mul_0": (1.0, 9e-6)}
    assert kinds(explained(paired(CASE, base, head))) == {
        "cpp_fused_add_mul": Kind.ONLY_HEAD,
        "cpp_fused_add": Kind.ONLY_BASE,
    }


def test_swapping_the_arms_mirrors_the_explanation() -> None:
    """An improvement is explained as its regression is."""
    head = {**BASE, "aten::copy_": (4.0, 18e-6)}
    forth = explained(paired(CASE, BASE, head, scatter=0.0))
    back = explained(paired(CASE, head, BASE, scatter=0.0), Mean(value=-TIMED.value, error=TIMED.error, n=TIMED.n))
    assert back.explained.value == pytest.approx(-forth.explained.value)
    assert (back.share, back.low, back.high) == pytest.approx((forth.share, forth.low, forth.high))


@pytest.mark.parametrize(
    ("timed", "pairs", "has_share"),
    [
        pytest.param(Mean(value=10e-6, error=4e-6, n=32), 6, True, id="within-three-errors"),
        pytest.param(Mean(value=10e-6, error=11e-6, n=32), 6, False, id="within-one-error"),
        pytest.param(TIMED, LEAST_PAIRS - 1, True, id="few-pairs"),
    ],
)
def test_no_interval_where_the_change_or_the_profiles_do_not_bear_it(
    timed: Mean, pairs: int, *, has_share: bool
) -> None:
    """And no share of a change that is none."""
    head = {**BASE, "aten::clone": (1.0, 10e-6)}
    explanation = explained(paired(CASE, BASE, head, pairs=pairs), timed)
    assert explanation.low is explanation.high is None
    assert (explanation.share is not None) is has_share


def test_on_a_busy_device_its_kernels_are_added_and_not_the_host() -> None:
    """The host's time beside them is spent anyway; its calls are listed."""
    profiles = tuple(
        profiled(CASE, made_profile(host, outside=0.0, kernels=kernels), side=side, replicate=replicate)
        for replicate in range(1, 7)
        for side, host, kernels in (
            (Side.BASE, {"aten::mm": (1, 9e-6)}, {"gemm": (1, 100e-6)}),
            (Side.HEAD, {"aten::mm": (1, 9e-6), "aten::copy_": (1, 9e-6)}, {"gemm": (1, 100e-6), "copy": (1, 5e-6)}),
        )
    )
    explanation = explained(profiles)
    assert explanation.place is Place.DEVICE
    assert kinds(explanation) == {"aten::copy_": Kind.ONLY_HEAD, "copy": Kind.ONLY_HEAD}
    assert explanation.explained.value == pytest.approx(5e-6)


def test_case_that_could_not_be_profiled_has_the_reason() -> None:
    """And a case that nobody profiled has none."""
    failed = Profiled(case=CASE, side=Side.HEAD, replicate=1, profile=None, reason="no profiler here")
    fine = profiled(CASE, made_profile(), side=Side.BASE)
    assert explain([fine, failed], CASE, TIMED) == "not profiled in head: no profiler here"
    assert explain([fine], CASE, TIMED) == "one arm alone was profiled before the gate ended"
    assert explain([], CASE, TIMED) is None


def test_module_whose_operators_take_longer_is_named() -> None:
    """Beside the operators: the other module scatters, and is not blamed."""
    head = {**BASE, "aten::relu": (2.0, 9e-6)}
    modules = {"stack.0": 200e-6, "stack.1": 5e-6}, {"stack.0": 200e-6, "stack.1": 9e-6, "stack.2": 1e-6}
    explanation = explained(paired(CASE, BASE, head, modules=modules))
    assert [(difference.name, difference.kind) for difference in explanation.modules] == [
        ("stack.1 (Linear), forward", Kind.TIME),
        ("stack.2 (Linear), forward", Kind.ONLY_HEAD),
    ]
    assert explanation.modules[0].change.value == pytest.approx(4e-6, rel=0.1)
    assert kinds(explanation) == {"aten::relu": Kind.TIME}


def test_profiles_of_earlier_versions_tell_no_modules_apart() -> None:
    """Nor does a compiled network."""
    assert explained(paired(CASE, BASE, BASE)).modules == ()
