"""Where the time of an iteration goes: what is one operator, and what bounds a case."""

from __future__ import annotations

import pytest

from bench.record.profile import Place
from reports.figures.accounts import Bound, cut, list_accounts, make_account, name_work, sum_work
from tests.makers.profiles import made_profile, profiled
from tests.makers.runs import TWO, steady_run


@pytest.mark.parametrize(
    ("name", "work"),
    [
        ("aten::addmm", "aten::addmm"),
        ("graph_0_cpp_fused_relu_0", "cpp_fused_relu"),
        ("graph_12_cpp_fused_sum_threshold_backward_3", "cpp_fused_sum_threshold_backward"),
        ("triton_poi_fused_addmm_relu_1", "triton_poi_fused_addmm_relu"),
        ("## Call CompiledFxGraph ftjpvobkw3s2 ##", "## Call CompiledFxGraph ##"),
        ("Torch-Compiled Region: 0/0", "Torch-Compiled Region"),
        ("Torch-Compiled Region: 1/12", "Torch-Compiled Region"),
        ("autograd::engine::evaluate_function: AddmmBackward0", "autograd::engine::evaluate_function: AddmmBackward0"),
    ],
)
def test_kernel_is_named_by_what_it_computes(name: str, work: str) -> None:
    """A kernel that another one was put before has another number, and is the same kernel."""
    assert name_work(name) == work


def test_kernels_that_compute_the_same_stand_together() -> None:
    """Their calls and times are added; what runs on the device stays apart."""
    profile = made_profile(
        {"cpp_fused_relu_0": (1, 2e-6), "cpp_fused_relu_1": (2, 3e-6)}, kernels={"triton_poi_fused_relu_0": (1, 9e-6)}
    )
    assert sum_work(profile) == {
        (Place.HOST, "cpp_fused_relu"): (3, pytest.approx(5e-6)),
        (Place.DEVICE, "triton_poi_fused_relu"): (1, 9e-6),
    }


@pytest.mark.parametrize(
    ("operators", "outside", "bound"),
    [
        pytest.param({"aten::addmm": (3, 30e-6)}, 40e-6, Bound.AROUND, id="python"),
        pytest.param({"aten::addmm": (3, 30e-6), "aten::t": (9, 40e-6)}, 0.0, Bound.AROUND, id="short-calls"),
        pytest.param(
            {"aten::addmm": (3, 30e-6), "TorchDynamo Cache Lookup": (1, 40e-6)}, 0.0, Bound.AROUND, id="dynamo"
        ),
        pytest.param({"aten::addmm": (3, 3e-3), "aten::t": (9, 40e-6)}, 40e-6, Bound.PRODUCTS, id="products"),
        pytest.param({"aten::convolution_backward": (3, 3e-3)}, 40e-6, Bound.PRODUCTS, id="convolution"),
        pytest.param({"aten::addmm": (3, 3e-3), "aten::copy_": (1, 4e-3)}, 40e-6, Bound.OTHERS, id="copies"),
        pytest.param({"aten::_convert_weights": (1, 4e-3)}, 40e-6, Bound.OTHERS, id="a-conversion-is-no-convolution"),
    ],
)
def test_most_of_the_time_is_what_bounds(
    operators: dict[str, tuple[float, float]], outside: float, bound: Bound
) -> None:
    """Calls that are too short to compute anything count with the time in no operator."""
    account = make_account(made_profile(operators, outside=outside), None)
    assert account.bound is bound
    parts = account.around_seconds + account.sum_lines(products=True) + account.sum_lines(products=False)
    assert parts + account.outside_seconds == pytest.approx(account.seconds)


@pytest.mark.parametrize(("waits", "bound"), [(0.0, Bound.DEVICE), (100e-6, Bound.HOST)])
def test_device_that_is_idle_most_of_the_time_is_bound_by_its_host(waits: float, bound: Bound) -> None:
    """The host's own operators only queue kernels there."""
    profile = made_profile({"aten::addmm": (3, 30e-6)}, outside=0.0, kernels={"gemm": (3, 25e-6)}, more=waits)
    assert make_account(profile, None).bound is bound


def test_account_stands_beside_the_time_that_was_timed() -> None:
    """The ratio says how much a profiler adds; a case that was not profiled has no account."""
    run = steady_run(lambda *_: [40e-6])
    profiles = (profiled(TWO[0], made_profile({"aten::addmm": (3, 60e-6)}, outside=20e-6)),)
    accounts = list_accounts(
        type(run)(
            environment=run.environment,
            settings=run.settings,
            cases=run.cases,
            measurements=run.measurements,
            profiles=profiles,
        )
    )
    assert list(accounts) == [TWO[0]]
    account = accounts[TWO[0]]
    assert not isinstance(account, str)
    assert account.ratio == pytest.approx(2.0)


def test_largest_lines_of_each_place_are_shown() -> None:
    """Kernels do not push the host's operators out of the table."""
    profile = made_profile(
        {f"host{index}": (1, index * 1e-6) for index in range(1, 4)}, kernels={"kernel": (1, 1e-6), "other": (1, 2e-6)}
    )
    largest, rest = cut(make_account(profile, None).lines, 1)
    assert [line.name for line in largest] == ["host3", "other"]
    assert [line.name for line in rest] == ["host2", "host1", "kernel"]
