"""What a device allows: the smaller of two limits at a case's intensity, both measured in the same run."""

from __future__ import annotations

import pytest

from bench.record.observations import Ceiling, Limit
from bench.record.run import Run
from reports.figures.evidence import ABOVE_CEILING, examine
from reports.figures.metrics import METRICS
from reports.figures.roofline import Roof, no_ceiling, roofs
from reports.run.words import make_footer
from tests.makers.runs import TWO, made_run, matrix, measured, slices

FLOPS, LEAST = 1_000_000, 500_000
ROOF = Roof(flops_per_second=100e9, bytes_per_second=20e9)


def ceiling(
    limit: Limit, per_second: float | None, *, dtype: str | None = None, launch: int = 1, device: str = "cpu"
) -> Ceiling:
    """Return a ceiling, or one that could not be found."""
    return Ceiling(
        device=device,
        launch=launch,
        limit=limit,
        dtype=dtype,
        per_second=per_second,
        size=None if per_second is None else 1024,
        reason="torch said no" if per_second is None else None,
    )


def run_with(*ceilings: Ceiling, seconds: float = 1e-4) -> Run:
    """Return a run of one case of 2 FLOP per byte in eight launches."""
    made = [measured(TWO[0], launch, slices([seconds] * 3), flops=FLOPS, minimal_bytes=LEAST) for launch in range(1, 9)]
    return made_run(TWO[:1], made, ceilings=ceilings)


PRODUCTS = ceiling(Limit.PRODUCTS, 100e9, dtype="float32")
COPIES = ceiling(Limit.COPIES, 20e9)


def figure(run: Run, name: str) -> float | None:
    """Return a metric of the run's only case."""
    found = METRICS[name].derive(examine(run)[TWO[0]])
    return found.centre if found else None


@pytest.mark.parametrize(("intensity", "rate"), [(1.0, 20e9), (5.0, 100e9), (50.0, 100e9)])
def test_attainable_is_the_smaller_limit(intensity: float, rate: float) -> None:
    """They meet at the ridge, at 5 FLOP per byte."""
    assert ROOF.attainable(intensity) == rate
    assert ROOF.ridge == 5.0


def test_share_of_attainable_is_the_rate_over_the_smaller_limit() -> None:
    """10 GFLOP/s at 2 FLOP per byte, where copies allow 40."""
    run = run_with(PRODUCTS, COPIES)
    assert figure(run, "intensity") == 2.0
    assert figure(run, "flops_per_second") == pytest.approx(10e9)
    assert figure(run, "attainable_flops_per_second") == pytest.approx(40e9)
    assert figure(run, "share_of_attainable") == pytest.approx(0.25)
    assert figure(run, "compute_bound") == 0.0


def test_best_of_several_launches_counts() -> None:
    """A ceiling is what is reached at best."""
    later = ceiling(Limit.PRODUCTS, 300e9, dtype="float32", launch=5)
    assert roofs(run_with(PRODUCTS, COPIES, later))["cpu", "float32"].flops_per_second == 300e9


@pytest.mark.parametrize("missing", [(PRODUCTS,), (COPIES,), ()], ids=["no-copies", "no-products", "nothing"])
def test_without_both_limits_there_is_no_share(missing: tuple[Ceiling, ...]) -> None:
    """Absent, not guessed."""
    run = run_with(*missing)
    assert roofs(run) == {}
    assert figure(run, "share_of_attainable") is None


def test_ceiling_of_another_device_or_dtype_does_not_count() -> None:
    """Each has its own."""
    others = (ceiling(Limit.PRODUCTS, 1e15, dtype="float32", device="cuda"), ceiling(Limit.COPIES, 1e12, device="cuda"))
    bfloat16 = ceiling(Limit.PRODUCTS, 400e9, dtype="bfloat16")
    run = run_with(PRODUCTS, COPIES, *others, bfloat16)
    assert figure(run, "attainable_flops_per_second") == pytest.approx(40e9)


def test_autocast_is_held_against_the_dtype_that_it_multiplies_in() -> None:
    """amp-bfloat16 multiplies in bfloat16."""
    (case,) = matrix(dtypes=("amp-bfloat16",))
    made = [measured(case, launch, slices([1e-4]), flops=FLOPS, minimal_bytes=LEAST) for launch in range(1, 9)]
    run = made_run([case], made, ceilings=[ceiling(Limit.PRODUCTS, 400e9, dtype="bfloat16"), COPIES])
    assert examine(run)[case].roof == Roof(flops_per_second=400e9, bytes_per_second=20e9)


def test_more_than_the_ceiling_is_a_warning() -> None:
    """The ceiling was measured in another state of the machine; a share of 150 % must not pass unmarked."""
    assert ABOVE_CEILING in examine(run_with(PRODUCTS, COPIES, seconds=1e-5))[TWO[0]].warnings
    assert ABOVE_CEILING not in examine(run_with(PRODUCTS, COPIES))[TWO[0]].warnings


def test_reason_of_a_missing_ceiling_is_told_unless_another_launch_found_it() -> None:
    """A hole has a reason, in the table's footer too."""
    failed = ceiling(Limit.PRODUCTS, None, dtype="float32")
    run = run_with(failed, COPIES)
    assert no_ceiling(run) == {"float32 products on cpu": "torch said no"}
    assert "No ceiling for float32 products on cpu: torch said no." in make_footer(run)
    assert no_ceiling(run_with(failed, PRODUCTS, COPIES)) == {}


def test_footer_says_what_the_device_did_at_best() -> None:
    """Beside its name."""
    said = make_footer(run_with(PRODUCTS, COPIES))[0]
    assert said.endswith("; at best 100.0 GFLOP/s (float32) in products of matrices and 20.00 GB/s in copies.")
