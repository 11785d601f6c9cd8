"""Pictures are the same for the same run, show holes as holes, and never fail for want of data."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from bench.record.compiling import Compiled
from bench.record.conditions import Environment
from bench.record.layers import Layered
from bench.record.run import Outcome, Run
from reports.figures.reference import Reference
from reports.run import spread as spread_module
from reports.run.plots import PLOTS, draw, plot_output
from reports.show.files import NothingToDrawError
from tests.makers.compiling import compiled, made_compiling
from tests.makers.layers import layered, made_layers
from tests.makers.runs import FACTS, TWO, hole, made_run, matrix, measured, realistic_run, slices, steady_run

FLOAT, BFLOAT = TWO


def tiny() -> Run:
    """Return a small run with holes, quick to draw."""
    cases = [
        case
        for ranks in ("1", "ddp:2")
        for case in matrix(steps=("forward",), batches=(64, 1024), compiles=("off", "on"), ranks=(ranks,))
    ]
    run = realistic_run(cases=cases, launches=2, sets=4)
    several = [made_layers(forward=40e-6 + 1e-6 * number) for number in range(6)]
    wrong = Layered(
        case=replace(cases[0], batch=1024), replicate=1, layers=None, reason="logits differ by 3.1e-02: wrong"
    )
    failed = Compiled(case=cases[2], replicate=1, cold=True, compiling=None, reason="logits differ by 3.1e-02: wrong")
    return replace(
        run, layers=(*layered(cases[0], *several), wrong), compiled=(*compiled(cases[1], made_compiling()), failed)
    )


def words(run: Run, name: str) -> str:
    """Return all text of a picture."""
    figure = draw(name, run)
    return "\n".join(text.get_text() for text in figure.findobj(lambda artist: hasattr(artist, "get_text")))  # type: ignore[attr-defined]


@pytest.mark.parametrize("name", PLOTS)
def test_same_run_gives_the_same_bytes(name: str) -> None:
    """A picture in a repository changes only if its numbers do."""
    first = plot_output(name, tiny()).make()
    assert first == plot_output(name, tiny()).make()
    assert first[0].startswith(b"<?xml")
    assert first[1].startswith(b"\x89PNG")
    assert not re.search(rb"<dc:date>|20\d\d-\d\d-\d\dT", first[0])


@pytest.mark.parametrize("name", PLOTS)
def test_picture_names_machine_and_holes(name: str) -> None:
    """It is passed on without its table."""
    said = words(tiny(), name).replace("\n", " ")
    assert "Imaginary Processor" in said
    assert "torch 2.14.1" in said
    assert "wrong" in said
    assert "logits differ by 3.1e-02" in said


@pytest.mark.parametrize("name", PLOTS)
def test_nothing_to_draw_is_said_and_no_exception_of_matplotlib(name: str) -> None:
    """Of a run without slices, of an empty plan and of a quick run."""
    lost = made_run(TWO, [hole(case, 1, Outcome.CRASHED, "signal 11") for case in TWO])
    quick = made_run(TWO, [measured(case, 1, slices([1.0])) for case in TWO], quick=True)
    for run in (lost, made_run([], []), quick):
        with pytest.raises(NothingToDrawError):
            draw(name, run)


@pytest.mark.parametrize("name", ["throughput", "latency", "spread"])
def test_single_case_in_a_single_launch_is_drawn(name: str) -> None:
    """One point, no interval, no range to scale to."""
    assert plot_output(name, made_run([FLOAT], [measured(FLOAT, 1, slices([0.001]))])).make()


def test_heat_map_draws_one_ratio_and_names_missing_references() -> None:
    """Without an interval nothing is bold; without a reference the cell says so."""
    cases = matrix(batches=(1, 64), devices=("cpu", "cuda"))
    run = made_run(
        cases,
        [
            hole(case, 1, Outcome.SKIPPED, "no") if (case.device, case.batch, case.dtype) == ("cuda", 1, "float32")
            else measured(case, 1, slices([0.001]))
            for case in cases
        ],
    )  # fmt: skip
    figure = draw("speedup", run)
    found = {text.get_text(): text.get_fontweight() for text in figure.axes[0].texts}
    assert found == {"1.000x": "normal", "no reference": "normal"}
    assert "cuda\nbfloat16 eager" in [label.get_text() for label in figure.axes[0].get_yticklabels()]


def test_heat_map_is_bold_only_where_the_interval_leaves_out_one() -> None:
    """The eye must not be drawn to noise."""
    run = steady_run(lambda case, launch: [0.001 * (1 + (launch % 2) * 0.1 * (case is FLOAT))])
    assert [text.get_fontweight() for text in draw("speedup", run).axes[0].texts] == ["normal", "normal"]
    sure = steady_run(lambda case, _: [0.002 if case is FLOAT else 0.001])
    assert [text.get_fontweight() for text in draw("speedup", sure).axes[0].texts] == ["bold", "normal"]


def test_reference_changes_the_heat_map() -> None:
    """And its title names it."""
    figure = draw("speedup", tiny(), Reference(dtype="bfloat16"))
    assert figure.get_suptitle() == "Speed-up over bfloat16 eager: above 1 is faster"


def test_models_without_a_step_leave_their_panel_empty() -> None:
    """Two models that were planned with different steps and dtypes share one grid."""
    wide = replace(BFLOAT, model="mlp-wide", step="train")
    run = made_run([FLOAT, wide], [measured(case, 1, slices([0.001])) for case in (FLOAT, wide)])
    figure = draw("latency", run)
    assert [axes.get_visible() for axes in figure.axes] == [True, False, False, True]
    assert "mlp-wide" in words(run, "spread")


def test_many_reasons_and_panels_are_cut_and_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    """A picture of a thousand cases must stay one."""
    monkeypatch.setattr(spread_module, "MAX_PANELS", 5)
    cases = matrix(batches=tuple(range(1, 13)))
    run = made_run(
        cases,
        [measured(cases[0], 1, slices([0.001])), *(hole(case, 1, Outcome.FAILED, case.id) for case in cases[1:])],
    )
    assert "15 more reasons: see the table of holes" in words(run, "latency").replace("\n", " ")
    assert "19 more cases are not drawn" in words(run, "spread")


def test_slices_beyond_the_axis_are_arrows() -> None:
    """One slice of a hundredfold must not flatten all others, nor vanish."""
    run = made_run([FLOAT], [measured(FLOAT, 1, slices([0.001] * 9 + [0.1], stolen=[0.0] * 8 + [1.0, 0.0]))])
    axes = draw("spread", run).axes[0]
    assert [line.get_marker() for line in axes.lines if len(line.get_xdata())][:3] == [".", "x", "^"]  # type: ignore[arg-type]
    assert axes.get_ylim()[1] == pytest.approx(2)


def test_case_whose_slices_were_all_dropped_is_a_hole() -> None:
    """It has slices but no figure to relate them to."""
    gone = measured(FLOAT, 1, slices([0.001], stolen=[1.0]))
    assert "no slice left" in words(made_run(TWO, [gone, measured(BFLOAT, 1, slices([0.001] * 2))]), "spread")


@pytest.mark.filterwarnings("error")
def test_hostile_names_are_drawn_as_text() -> None:
    """A dollar is no formula, an unknown script no warning."""
    facts = FACTS | {"device.cpu.description": "$\\evil{ 图\x1b[31m"}
    assert plot_output("latency", replace(tiny(), environment=Environment(facts=facts))).make()


@pytest.mark.parametrize("span", [1.0, 1.3, 3.0, 1000.0])
def test_every_range_of_speedups_has_labels_on_its_colour_bar(span: float) -> None:
    """From two percent to a thousandfold."""
    run = steady_run(lambda case, _: [span if case is FLOAT else 1.0])
    labels = [label.get_text() for label in draw("speedup", run).axes[1].get_yticklabels()]
    assert "1x" in labels
    assert 3 <= len(labels) <= 9
