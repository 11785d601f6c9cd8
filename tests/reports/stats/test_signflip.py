"""The joint sign-flip test, against scipy's permutation test and by what must hold whatever the data are."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import permutation_test

from reports.stats.signflip import EXACT_BLOCKS, RANDOM_FLIPS, adjusted_p, critical, signs


def noise(seed: int, blocks: int = 8, cases: int = 5) -> np.ndarray:
    """Return effects of identical code."""
    return np.random.default_rng(seed).normal(0.0, 0.03, size=(blocks, cases))


@pytest.mark.parametrize("seed", range(3))
def test_p_of_the_largest_case_is_scipys(seed: int) -> None:
    """The null distribution of the maximum is the one of a joint flip of all columns."""
    effects = noise(seed)
    scale = np.sqrt((effects**2).sum(axis=0))

    theirs = permutation_test(
        (effects,),
        lambda x, axis: np.moveaxis(np.asarray(x), axis, -1).sum(axis=-1) / scale,
        permutation_type="samples",
        axis=0,
        vectorized=True,
        alternative="greater",
        n_resamples=np.inf,
    )
    observed = effects.sum(axis=0) / scale
    null = theirs.null_distribution.max(axis=1)
    expected = float(np.mean(null >= observed.max() - 1e-9))
    assert adjusted_p(effects)[0][int(observed.argmax())] == pytest.approx(expected)


def test_one_case_alone_is_the_plain_sign_flip_test() -> None:
    """Without others there is nothing to adjust for."""
    values = np.array([[0.05], [0.04], [0.06], [0.05], [0.03], [0.05], [0.04], [0.07]])
    assert adjusted_p(values) == ([1 / 2**8], [1.0])


@given(st.integers(0, 10_000), st.floats(0.1, 10))
@settings(max_examples=25, deadline=None)
def test_unit_of_a_case_does_not_matter(seed: int, factor: float) -> None:
    """A noisy case neither drowns nor lifts a quiet one."""
    effects = noise(seed)
    scaled = effects.copy()
    scaled[:, 0] *= factor
    assert adjusted_p(scaled)[0] == pytest.approx(adjusted_p(effects)[0])


@given(st.integers(0, 10_000), st.sampled_from([8, 20]))
@settings(max_examples=15, deadline=None)
def test_adjusted_p_keeps_the_order_and_is_no_smaller_than_unadjusted(seed: int, blocks: int) -> None:
    """Step-down: more evidence never has the larger p, and company never makes a case more significant."""
    effects = noise(seed, blocks)
    p, _ = adjusted_p(effects)
    observed = effects.sum(axis=0) / np.sqrt((effects**2).sum(axis=0))
    ranked = [p[index] for index in np.argsort(-observed)]
    assert ranked == sorted(ranked)
    alone = [adjusted_p(effects[:, [index]])[0][0] for index in range(effects.shape[1])]
    assert all(joint >= single - 1e-12 for joint, single in zip(p, alone, strict=True))


@given(st.integers(0, 10_000), st.sampled_from([8, 20]))
@settings(max_examples=15, deadline=None)
def test_other_direction_is_that_of_the_negated_effects(seed: int, blocks: int) -> None:
    """Both are read off one null distribution."""
    effects = noise(seed, blocks)
    for mine, mirrored in zip(adjusted_p(effects), reversed(adjusted_p(-effects)), strict=True):
        assert mine == pytest.approx(mirrored)


@pytest.mark.parametrize("blocks", [8, EXACT_BLOCKS + 1])
def test_every_pattern_has_its_mirror(blocks: int) -> None:
    """Swapping base and head must mirror every p."""
    patterns = signs(blocks)
    assert len(patterns) == (2**8 if blocks == 8 else RANDOM_FLIPS)
    assert set(map(bytes, patterns.astype(np.int8))) == set(map(bytes, (-patterns).astype(np.int8)))


def test_case_without_any_effect_is_no_evidence() -> None:
    """Nothing is divided by nothing."""
    effects = noise(1)
    effects[:, 2] = 0.0
    assert [p[2] for p in adjusted_p(effects)] == [1.0, 1.0]


def test_critical_value_is_passed_by_alpha_of_the_patterns() -> None:
    """What the smallest visible change rests on."""
    effects = noise(2, blocks=12)
    limit = critical(effects, 0.05)
    patterns = signs(12)
    largest = (patterns @ effects / np.sqrt((effects**2).sum(axis=0))).max(axis=1)
    assert np.mean(largest > limit) <= 0.05


@pytest.mark.parametrize("table", [np.zeros((0, 3)), np.zeros((8, 0)), np.zeros(8), np.array([[np.nan]])])
def test_table_that_is_none_is_refused(table: np.ndarray) -> None:
    """A verdict from nothing would be a pass."""
    with pytest.raises(ValueError, match="finite effects"):
        adjusted_p(table)
