"""What ranks give over one process: the ideal is known, and what is compared has an interval."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bench.record.case import Case
from bench.record.run import Run
from reports.figures.reference import Reference
from reports.figures.roofline import Roof, roof_of
from reports.figures.scaling import list_scalings
from reports.run.answer import make_answers
from reports.run.plots import draw, list_drawn
from reports.run.scaling import list_ranks
from reports.run.text import render_look
from reports.show.files import NothingToDrawError
from reports.show.table import TERMINAL
from tests.makers.runs import made_run, matrix, measured, slices

SECONDS = {"1": 1e-3, "ddp:1": 1.25e-3, "ddp:2": 2e-3}
"""Per iteration of 64 images, in one process and by ranks; of 128 twice as much."""


def ranked(device: str = "cpu", batches: tuple[int, ...] = (64, 128)) -> Run:
    """Return a run in which half of a backward of ranks is their exchange."""
    cases = matrix(steps=("backward",), batches=batches, devices=(device,), dtypes=("float32",), ranks=tuple(SECONDS))
    return made_run(cases, [measured(case, launch, timed(case)) for launch in range(1, 9) for case in cases])


def timed(case: Case) -> object:
    """Return slices of a case."""
    seconds = SECONDS[case.ranks] * case.batch / 64
    return slices([seconds] * 3, local=[seconds / 2] * 3 if case.distributed else None)


@pytest.mark.parametrize(("device", "ideal"), [("cpu", 1), ("cuda", 2)])
def test_efficiency_is_throughput_over_what_would_be_ideal(device: str, ideal: int) -> None:
    """Ranks on a CPU share out its cores; each on an accelerator has one of its own."""
    run = ranked(device)
    two = next(case for case in run.cases if (case.ranks, case.batch) == ("ddp:2", 128))
    scaling = list_scalings(run)[two]
    assert scaling.ideal == ideal
    assert scaling.strong is not None
    assert scaling.strong.centre == pytest.approx(0.5)  # 128 images in 4 ms, and in 2 ms alone
    assert scaling.strong_of_ranks is not None
    assert scaling.strong_of_ranks.centre == pytest.approx(0.625)
    assert scaling.weak is not None
    assert scaling.weak.centre == pytest.approx(0.5)  # 128 images in 4 ms, and 64 in 1 ms alone
    assert scaling.weak_of_ranks is not None
    assert scaling.weak_of_ranks.centre == pytest.approx(0.625)
    efficiency = scaling.efficiency(scaling.strong)
    assert efficiency is not None
    assert (efficiency.centre, efficiency.low, efficiency.high) == pytest.approx((0.5 / ideal,) * 3)


def test_exchange_is_what_is_saved_without_it() -> None:
    """Of one rank, too, which exchanges with nobody and pays for the wrapper."""
    run = ranked()
    for case, scaling in list_scalings(run).items():
        assert scaling.exchange is not None, case
        assert scaling.exchange.centre == pytest.approx(0.5)
        assert (scaling.exchange.low, scaling.exchange.high) == pytest.approx((0.5, 0.5))


def test_what_has_nothing_to_be_compared_with_is_absent() -> None:
    """A rank's share of the smaller batch was not measured, and one rank is not compared with itself."""
    scalings = list_scalings(ranked())
    small = next(scaling for case, scaling in scalings.items() if (case.ranks, case.batch) == ("ddp:2", 64))
    assert small.weak is None
    one = next(scaling for case, scaling in scalings.items() if (case.ranks, case.batch) == ("ddp:1", 64))
    assert (one.strong_of_ranks, one.weak) == (None, None)


@pytest.mark.parametrize(("device", "devices"), [("cpu", 1), ("cuda", 2)])
def test_what_ranks_may_attain_is_of_all_their_devices(device: str, devices: int) -> None:
    """Their operations are counted together, so their limits are added, too; the cores of a CPU are the same ones."""
    case = matrix(devices=(device,), dtypes=("float32",), ranks=("ddp:2",))[0]
    limits = {(device, "float32"): Roof(flops_per_second=10.0, bytes_per_second=2.0)}
    roof = roof_of(case, limits)
    assert roof == Roof(flops_per_second=10.0 * devices, bytes_per_second=2.0 * devices)


def test_table_of_ranks_says_images_in_all_and_per_rank() -> None:
    """The batch is that of all ranks."""
    run = ranked()
    rows = list_ranks(run)
    assert list(rows["ranks"]) == ["ddp:1", "ddp:2"] * 2
    two = rows[(rows["ranks"] == "ddp:2") & (rows["batch"] == 128)].iloc[0]
    assert two["images_per_second"] == pytest.approx(32_000)
    assert two["images_per_second_of_rank"] == pytest.approx(16_000)
    text = render_look(run, ["ranks"], replace(TERMINAL, width=None), Reference())
    assert "50.0 % [50.0, 50.0]" in text


def test_answer_says_whether_a_second_process_pays() -> None:
    """By throughput over one process, where the interval tells it."""
    (said,) = [sentence for sentence in make_answers(ranked()) if "ranks" in sentence]
    assert said == (
        "2 cases of several ranks beside one process: 2 with a lower throughput (down to 0.500x [0.500, 0.500], "
        "mlp-backward-b64-cpu-float32-eager-ddp2)."
    )


def test_picture_of_ranks_is_drawn_where_there_are_some() -> None:
    """A run of one process has none, and is not told that it lacks one."""
    assert "ranks" in list_drawn(ranked())
    assert [axes.get_title(loc="left") or axes.get_title() for axes in draw("ranks", ranked()).axes] == [
        "backward, the same batch in all",
        "backward, the same batch for each rank",
    ]
    cases = matrix(steps=("train",), batches=(64, 128), dtypes=("float32",), ranks=("1", "ddp:2"))
    fast = made_run(
        cases,
        [
            measured(case, launch, slices([case.batch / (3 if case.distributed else 1) * 1e-5] * 3))
            for launch in range(1, 9)
            for case in cases
        ],
    )
    for axes in draw("ranks", fast).axes:
        assert axes.get_ylim()[1] > 3, "what is beyond the ideal is seen, too"
    alone = made_run(matrix(), [])
    assert "ranks" not in list_drawn(alone)
    with pytest.raises(NothingToDrawError, match="no case of several ranks"):
        draw("ranks", alone)
