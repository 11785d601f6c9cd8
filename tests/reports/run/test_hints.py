"""A hint is there where it applies, and says what to do."""

from __future__ import annotations

from bench.record.case import Case
from reports.run.hints import list_hints
from tests.makers.runs import TWO, made_run, steady_run

CASE = TWO[0]


def test_launches_that_agree_ask_for_nothing() -> None:
    """A hint on every run is read on none."""
    assert list_hints(steady_run(lambda _, launch: [1e-3 + launch * 1e-6])) == []


def test_too_few_launches_have_no_interval() -> None:
    """And what they disagree about is not known."""
    assert list_hints(steady_run(lambda _, launch: [launch * 1e-3], launches=2)) == [
        "Hint: --launches 6 or more gives every figure an interval."
    ]


def test_launches_that_disagree_are_named_with_what_to_do() -> None:
    """One launch in eight is half as fast: more slices in each would not tell more."""

    def seconds(case: Case, launch: int) -> list[float]:
        return [1.5e-3 if case is CASE and launch == 8 else 1e-3]

    (hint,) = list_hints(steady_run(seconds))
    assert hint.startswith(f"Hint: launches disagree by up to 50.0 % in {CASE.id}: measure on a quiet machine;")
    assert "--launches 16" in hint


def test_wide_interval_of_launches_that_agree_asks_for_more_of_them() -> None:
    """They lie evenly over a quarter of their middle."""
    (hint,) = list_hints(steady_run(lambda case, launch: [1e-3 + (0.05e-3 * launch if case is CASE else 0.0)]))
    assert hint.startswith(f"Hint: the interval of {CASE.id} is up to ")
    assert hint.endswith("wide: --launches 16 narrows it.")


def test_quick_pass_has_no_figures_to_hint_at() -> None:
    """Nor has a run in which nothing was timed."""
    assert list_hints(made_run(TWO, [], quick=True)) == list_hints(made_run(TWO, [])) == []
