"""The frame holds every planned case once, with typed columns, whatever is absent."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import reports
from bench.files.parse_json import SECTION
from bench.files.run import make_run_section
from bench.record.run import Outcome
from reports.figures import frame
from reports.figures.evidence import QUICK
from reports.figures.reference import Reference, parse_reference
from tests.makers.runs import DEFAULT_MATRIX, TWO, hole, made_run, matrix, measured, realistic_run, slices, steady_run

FLOAT, BFLOAT = TWO


def test_every_planned_case_has_one_row_in_display_order() -> None:
    """A hole is a row too, with its reason."""
    cases = frame.cases(realistic_run())
    assert list(cases["case"]) == [case.id for case in DEFAULT_MATRIX]
    assert tuple(cases.columns) == frame.COLUMNS
    holes = cases[cases["outcome"] != "measured"]
    assert list(holes["outcome"]) == ["wrong_result", "skipped"]
    assert holes["reason"].notna().all()
    assert holes[list(frame.METRIC_COLUMNS)].isna().all(axis=None)
    assert list(holes["launches"]) == list(holes["slices"]) == [0, 0]


def test_column_types_do_not_depend_on_what_is_absent() -> None:
    """A notebook that runs on one file runs on the next."""
    full, empty = frame.cases(realistic_run()), frame.cases(made_run(TWO, []))
    assert full.dtypes.equals(empty.dtypes)
    assert frame.slices(realistic_run(launches=1)).dtypes.equals(frame.slices(made_run(TWO, [])).dtypes)


def test_interval_is_nan_where_there_are_too_few_launches() -> None:
    """NaN, never 0."""
    row = frame.cases(steady_run(lambda *_: [0.001], launches=5)).iloc[0]
    assert row["seconds"] == 0.001
    assert row[["seconds_low", "seconds_high"]].isna().all()
    assert row["launches"] == 5
    assert row["warnings"] == ("no interval: it takes 6 launches, 5 measured, 1 more needed",)


def test_frame_says_where_it_was_measured() -> None:
    """Frames of several machines are put together by pd.concat, and must still be told apart."""
    run = realistic_run(launches=1, sets=2)
    row = frame.cases(run).iloc[0]
    assert row["device_description"] == "Imaginary Processor, AVX-512"
    assert row["commit"] == "0123456789ab"
    attrs = frame.cases(run).attrs
    assert attrs["source"] == "out.json"
    assert attrs["environment"]["torch.version"] == "2.14.1"


def test_quick_run_says_so_in_every_row() -> None:
    """The CSV has no other place for it."""
    cases = frame.cases(made_run(TWO, [hole(FLOAT, 1, Outcome.SKIPPED, "no")], quick=True))
    assert list(cases["warnings"]) == [(QUICK,), (QUICK,)]
    assert cases.attrs["quick"]


def test_slices_are_one_row_each_and_marked_where_dropped() -> None:
    """What was dropped is still on record."""
    timed = slices([0.001, 0.002], stolen=[1.0, 0.0])
    unknown = slices([0.003], stolen=None, set_index=[1])
    found = frame.slices(
        made_run(TWO, [measured(FLOAT, 0, timed), measured(FLOAT, 1, timed), measured(BFLOAT, 1, unknown)])
    )
    assert list(found["seconds"]) == [0.001, 0.002, 0.003]
    assert list(found["kept"]) == [False, True, True]
    assert found["stolen_seconds"].isna().tolist() == [False, False, True]
    assert list(found["launch"]) == [1, 1, 1]


def test_speedup_is_against_the_named_reference_of_the_same_group() -> None:
    """float32 takes twice as long as bfloat16: 2x one way, 0.5x the other."""
    run = steady_run(lambda case, _: [0.004 if case is FLOAT else 0.002] * 3)
    (row,) = frame.speedups(run).to_dict(orient="records")
    assert (row["dtype"], row["reference"], row["speedup"]) == ("bfloat16", "float32 eager", pytest.approx(2))
    assert (row["speedup_low"], row["speedup_high"]) == (pytest.approx(2), pytest.approx(2))
    assert (row["seconds"], row["reference_seconds"], row["launches"]) == (0.002, 0.004, 8)
    (row,) = frame.speedups(run, Reference(dtype="bfloat16")).to_dict(orient="records")
    assert (row["dtype"], row["speedup"]) == ("float32", pytest.approx(0.5))


def test_reference_has_the_first_layout_and_threads_where_the_default_was_not_measured() -> None:
    """With ``--threads 1,2`` the question is what the second thread brings."""
    cases = matrix(dtypes=("float32",), threads=(1, 2), layouts=("channels_last",))
    seconds = {1: 0.004, 2: 0.002}
    run = made_run(
        cases, [measured(case, n, slices([seconds[case.threads or 0]] * 3)) for n in (1, 2) for case in cases]
    )
    (row,) = frame.speedups(run).to_dict(orient="records")
    assert (row["threads"], row["reference"]) == (2, "float32 eager channels_last 1 thread")
    assert row["speedup"] == pytest.approx(2)
    assert Reference().describe(run.cases) == "float32 eager channels_last 1 thread"
    (row,) = frame.speedups(run, Reference(threads=2)).to_dict(orient="records")
    assert (row["threads"], row["speedup"]) == (1, pytest.approx(0.5))


def test_reference_is_the_default_where_that_was_measured() -> None:
    """A group on an accelerator has no number of threads beside a CPU's that has."""
    cases = matrix(dtypes=("float32",), layouts=("channels_last", "contiguous"))
    run = made_run(cases, [measured(case, 1, slices([0.001])) for case in cases])
    (row,) = frame.speedups(run).to_dict(orient="records")
    assert (row["layout"], row["reference"]) == ("channels_last", "float32 eager")
    both = (*matrix(dtypes=("float32",), threads=(1, 2)), *matrix(dtypes=("float32",), devices=("cuda",)))
    assert Reference().describe(both) == "float32 eager 1 thread or float32 eager"


def test_speedup_warns_of_either_side_and_of_its_own_launches_once() -> None:
    """The reference's disturbance is the ratio's too."""
    cases = matrix(compiles=("off", "on"), dtypes=("float32",))
    run = made_run(cases, [measured(case, 1, slices([0.001]), settled=case.compiled) for case in cases], launches=1)
    assert list(frame.cases(run)["unsettled_launches"]) == [1, 0]
    (row,) = frame.speedups(run).to_dict(orient="records")
    assert row["warnings"] == (
        "no interval: it takes 6 launches, 1 measured, 5 more needed",
        "warm-up did not settle in some launches: the figure may include it",
    )


def test_absent_speedup_says_why() -> None:
    """The case's own outcome, its reference's, no reference planned, or nothing interleaved."""
    skipped = made_run(TWO, [hole(BFLOAT, 1, Outcome.SKIPPED, "no bfloat16"), measured(FLOAT, 1, slices([0.001]))])
    lost = made_run(TWO, [hole(FLOAT, 1, Outcome.CRASHED, "signal 11"), measured(BFLOAT, 1, slices([0.001]))])
    apart = made_run(TWO, [measured(FLOAT, 1, slices([0.001])), measured(BFLOAT, 2, slices([0.001]))])
    quick = made_run(TWO, [measured(FLOAT, 1, slices([1.0])), measured(BFLOAT, 1, slices([1.0]))], quick=True)
    reasons = [frame.speedups(run)["reason"].iloc[0] for run in (skipped, lost, apart, quick)]
    assert reasons == [
        "no bfloat16",
        "the reference, float32 eager, is crashed: signal 11",
        "no interleaved set in common with the reference, float32 eager",
        "nothing was timed",
    ]
    none = frame.speedups(apart, Reference(dtype="float64"))
    assert set(none["reason"]) == {"the reference, float64 eager, is not in the plan"}


@pytest.mark.parametrize(
    ("text", "reference"),
    [
        ("dtype=bfloat16", Reference(dtype="bfloat16")),
        ("compile=on, dtype=float64", Reference(dtype="float64", compile="on")),
        ("compile=backend:aot_eager", Reference(compile="backend:aot_eager")),
        ("threads=2,layout=channels_last", Reference(threads=2, layout="channels_last")),
    ],
)
def test_reference_is_read_from_axes(text: str, reference: Reference) -> None:
    """What is left out has its default."""
    assert parse_reference(text) == reference


@pytest.mark.parametrize(
    "text",
    [
        "",
        "dtype",
        "batch=64",
        "dtype=float32,dtype=float64",
        "dtype=int8",
        "compile=maybe",
        "layout=nhwc",
        "threads=0",
        "threads=x",
    ],
)
def test_reference_that_is_none_is_refused(text: str) -> None:
    """A typo must not fall back to the default."""
    with pytest.raises(ValueError, match=r"expected each of|known:|whole number"):
        parse_reference(text)


def test_load_reads_a_file_as_one_frame(tmp_path: Path) -> None:
    """What a notebook begins with."""
    run = realistic_run(launches=1, sets=2)
    path = tmp_path / "out.json"
    path.write_text(json.dumps({SECTION: make_run_section(run)}))
    loaded = reports.load(str(path))
    assert loaded.equals(frame.cases(run))
