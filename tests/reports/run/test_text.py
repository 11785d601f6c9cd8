"""What a reader sees, to the letter."""

# ruff: noqa: E501  golden tables are wide; the micro sign, as units writes it

from __future__ import annotations

import csv
import io
import re
from dataclasses import replace

import pytest

from bench.record.conditions import Environment, Settings
from bench.record.run import Outcome, Run
from reports.figures.reference import Reference
from reports.run.tables import TABLES
from reports.run.text import render
from reports.run.words import make_footer, make_headlines
from reports.show.table import Format
from tests.makers.runs import FACTS, FINISH, TWO, hole, made_run, matrix, measured, realistic_run, slices, steady_run

FLOAT, BFLOAT = TWO
FOOTER = """\
  Device cpu: Imaginary Processor, AVX-512.
  Machine: Imaginary Processor, 2 cores, 2 threads, 8.0 GiB.
  torch 2.14.1; commit 0123456789ab; data: random images (no FashionMNIST in data); 8 launches; seed 0.
  A figure is the median over launches (fresh processes) of each launch's median over slices; [low, high] is its 95 % \
interval over launches (Wilcoxon signed rank). A speed-up is taken within sets, so it need not be the quotient of two \
such times.
  The run took 200.0 s: slices 50.0 %, warm-up 20.0 %, compiling 15.0 %, rest 15.0 %.
"""


def small() -> Run:
    """Return eight launches of float32, three of bfloat16, and float16 skipped."""
    cases = matrix(dtypes=("float32", "bfloat16", "float16"))
    some = [measured(cases[0], launch, slices([0.004 + 0.00001 * launch] * 3)) for launch in range(1, 9)]
    some += [measured(cases[1], launch, slices([0.002 + 0.00001 * launch] * 3)) for launch in range(1, 4)]
    some += [hole(cases[2], 1, Outcome.SKIPPED, "float16 | is not supported here")]
    return made_run(cases, some)


def shown(run: Run, *names: str, form: Format = Format.TEXT) -> str:
    """Return tables as they are shown."""
    return render(run, names, form, Reference())


def test_summary_reads_like_this() -> None:
    """Golden: axes that do not vary stand in the title, warnings and holes in footnotes."""
    assert shown(small(), "summary") == (
        """\
Summary: model mlp, step forward, batch 64, device cpu, compile eager

dtype                        time        images/s      FLOP rate    of best    yardstick, spread    dropped sets  outcome
--------  -----------------------  --  ----------  -------------  ---------  -------------------  --------------  ---------
float32   4.045 ms [4.020, 4.070]          15.82k  247.2 MFLOP/s     49.9 %      18.00 µs, 0.0 %               0  measured
bfloat16                 2.020 ms  ¹       31.68k  495.0 MFLOP/s    100.0 %      18.00 µs, 0.0 %               0  measured
float16                         —  ²            —              —          —                    —               0  skipped

  ¹ no interval: it takes 6 launches, 3 measured, 3 more needed
  ² skipped: float16 | is not supported here

"""
        + FOOTER
        + """
The machine was steady: its yardstick scattered by 0.0 %. Times are known to ±0.6 % in the median case.
"""
    )


def test_layout_and_threads_are_columns_only_where_somebody_chose_them() -> None:
    """Golden: the default of an axis is said nowhere; what all cases have besides stands in the title."""
    cases = matrix(dtypes=("float32",), threads=(None, 2), layouts=("channels_last",))
    run = made_run(cases, [measured(case, 1, slices([0.004 / (case.threads or 1)])) for case in cases])
    title, _, heads, _, first, second, *_ = shown(run, "compile").splitlines()
    assert title == (
        "Compiling and first call: model mlp, step forward, batch 64, device cpu, dtype float32, compile eager, "
        "layout channels_last"
    )
    assert heads.split()[0] == "threads"
    assert (first.split()[0], second.split()[0]) == ("—", "2")
    named = " ".join(shown(small(), "compile").splitlines()[:3])  # title and heads: the footer tells of the processor's
    assert not {"layout", "threads"} & set(re.findall(r"\w+", named))


def test_speedup_and_holes_read_like_this() -> None:
    """Golden: one footer for several tables, and the ratio of launches 1 to 3 is 4.02/2.02, not that of the medians."""
    assert shown(small(), "speedup", "holes") == (
        """\
Speed-up over float32 eager: model mlp, step forward, batch 64, device cpu, compile eager

dtype         time    reference    speed-up
--------  --------  -----------  ----------  --
bfloat16  2.020 ms     4.045 ms      1.990x  ¹
float16          —     4.045 ms           —  ²

  ¹ no interval: it takes 6 launches, 3 measured, 3 more needed
  ² skipped: float16 | is not supported here

Not measured

model    step       batch  device    dtype    compile    outcome    reason
-------  -------  -------  --------  -------  ---------  ---------  -------------------------------
mlp      forward       64  cpu       float16  eager      skipped    float16 | is not supported here

"""
        + FOOTER
    )


def test_compile_table_reads_like_this() -> None:
    """Golden: cold, warm and first call are figures of their own."""
    cases = matrix(dtypes=("float32",), compiles=("off", "on"))
    run = made_run(
        cases,
        [
            measured(cases[1], 0, None, warm=False, compile_seconds=18.0),
            *(measured(cases[0], launch, slices([0.004])) for launch in range(1, 9)),
            *(measured(cases[1], launch, slices([0.003]), warm=True, compile_seconds=0.2) for launch in range(1, 9)),
        ],
    )
    assert shown(run, "compile").startswith(
        """\
Compiling and first call: model mlp, step forward, batch 64, device cpu, dtype float32

compile      cold compile    warm compile    first call      then
---------  --------------  --------------  ------------  --------
eager                   —               —      10.00 ms  4.000 ms
compiled          18.00 s        200.0 ms      210.0 ms  3.000 ms

"""
    )


def test_markdown_table_reads_like_this() -> None:
    """Golden: the pipe in a reason does not shift the columns."""
    assert shown(small(), "holes", form=Format.MARKDOWN).startswith(
        r"""## Not measured

| model   | step    |   batch | device   | dtype   | compile   | outcome   | reason                           |
|:--------|:--------|--------:|:---------|:--------|:----------|:----------|:---------------------------------|
| mlp     | forward |      64 | cpu      | float16 | eager     | skipped   | float16 \| is not supported here |

- Device cpu: Imaginary Processor, AVX-512.
"""
    )


def test_csv_holds_full_precision_in_base_units_and_empty_cells() -> None:
    """It can be computed with: no unit, no rounding, no dash."""
    first, _, last = csv.DictReader(io.StringIO(shown(small(), "summary", form=Format.CSV)))
    assert float(first["seconds"]) == 0.004045
    assert float(first["images_per_second"]) == 64 / 0.004045
    assert last["seconds"] == last["seconds_low"] == ""
    assert last["reason"] == "float16 | is not supported here"
    assert first["data"] == "random images (no FashionMNIST in data)"


def test_csv_joins_warnings_and_guards_formulas() -> None:
    """A reason that begins with = must not run in a spreadsheet."""
    run = made_run(
        TWO, [hole(FLOAT, 1, Outcome.FAILED, "=HYPERLINK()"), measured(BFLOAT, 1, slices([1.0], stolen=None))]
    )
    first, last = csv.DictReader(io.StringIO(shown(run, "summary", form=Format.CSV)))
    assert first["reason"] == "'=HYPERLINK()"
    assert last["warnings"].count(" | ") == 1


@pytest.mark.parametrize("form", [Format.TEXT, Format.MARKDOWN])
def test_quick_run_claims_nothing_about_time(form: Format) -> None:
    """In every table, before anything else; and no footnote repeats it."""
    run = made_run(TWO, [measured(FLOAT, 1, slices([0.001])), measured(BFLOAT, 1, slices([0.001]))], quick=True)
    said = shown(run, *TABLES, form=form)
    assert said.lstrip("*").startswith(
        "Quick run: every case ran once as a test; nothing was timed and no claim about time"
    )
    assert said.count("Quick run") == 1
    assert said.count("Nothing was timed.") == sum(table.timed for table in TABLES.values())
    assert " ms" not in said
    assert "Every case was measured." in said
    assert "each case once" in said
    assert "quick run" in shown(run, "summary", form=Format.CSV)


@pytest.mark.parametrize("name", TABLES)
def test_table_of_nothing_is_a_sentence(name: str) -> None:
    """An empty plan is no exception."""
    assert TABLES[name].empty in shown(made_run([], []), name)


def test_unfinished_run_says_so_first() -> None:
    """Whoever reads a journal of a killed run must know that the rest is missing."""
    run = realistic_run(launches=1, sets=2)
    assert make_headlines(replace(run, finish=None)) == [
        "The run died before it could say how it ended: what follows is what was on disk."
    ]
    stopped = replace(FINISH, complete=False, reason="SIGINT")
    assert make_headlines(replace(run, finish=stopped)) == ["The run is incomplete: SIGINT."]
    assert make_headlines(run) == []
    assert not any("took" in line for line in make_footer(replace(run, finish=None)))


def test_footer_says_unknown_of_what_the_file_does_not_know() -> None:
    """A missing fact is no exception and no guess."""
    run = made_run(TWO, [], facts={})
    assert make_footer(run)[:3] == [
        "Device cpu: unknown.",
        "Machine: unknown, unknown cores, unknown threads.",
        "torch unknown; commit unknown; data: unknown; 8 launches; seed 0.",
    ]


def test_footer_tells_dirty_commit_real_images_and_what_was_not_held_still() -> None:
    """Each of them changes what the numbers mean."""
    facts = FACTS | {
        "commit.dirty": True,
        "data.source": "fashion-mnist",
        "steady.bound_threads": False,
        "steady.no_gc": False,
        "torch.version": "2.14.1\x1b[2J",
    }
    lines = make_footer(replace(steady_run(lambda *_: [0.001]), environment=Environment(facts=facts)))
    assert lines[2] == (
        "torch 2.14.1[2J; commit 0123456789ab with uncommitted changes; data: real FashionMNIST images;"
        " 8 launches; seed 0."
    )
    assert lines[3] == "Not held still: threads not bound, garbage collector on."


def test_operations_that_are_not_counted_are_a_hole_with_its_reason() -> None:
    """In the summary and among the limits; a hole without a reason would be a riddle."""
    made = [
        measured(FLOAT, 1, slices([1e-3]), flops=None, flops_reason="no formula counts the operations of aten::gru"),
        measured(BFLOAT, 1, slices([1e-3])),
    ]
    for table in ("summary", "roofline"):
        said = shown(made_run(TWO, made), table)
        assert said.count("no FLOP rate: no formula counts the operations of aten::gru") == 1
        assert "float32" in said


def test_remarks_on_a_model_are_footnotes_of_its_case() -> None:
    """Once for all launches, in a quick run too, and beside a speed-up that one of its sides bears it in."""
    remark = "its batch is what its file says, whatever --batch says"
    pilot = measured(FLOAT, 0, None, remarks=(remark, remark))
    timed = [measured(case, launch, slices([1e-3]), remarks=()) for case in TWO for launch in (1, 2)]
    for table in ("summary", "speedup"):
        said = shown(made_run(TWO, [pilot, *timed]), table)
        assert said.count(remark) == 1
        assert re.search(rf"[¹²] {remark}", said)
    quick = replace(made_run(TWO, [pilot]), settings=Settings(quick=True))
    assert shown(quick, "summary").count(remark) == 1
    broken = [pilot, *timed, hole(FLOAT, 3, Outcome.FAILED, "torn")]
    assert remark not in shown(made_run(TWO, broken), "summary")


def test_column_that_is_empty_everywhere_is_left_out() -> None:
    """A CPU has no latency of its own, no peak memory and nothing to copy; a card has all of it."""
    (card,) = matrix(devices=("cuda",), dtypes=("float32",))
    seen = {"peak_bytes": 3 << 20, "copy_seconds": 1.23e-4}
    timed = [
        measured(card, launch, slices([1e-3] * 3, latency=[2e-3] * 3, clock_seconds=5e-6), **seen)
        for launch in range(1, 9)
    ]
    said = shown(made_run([card], timed), "summary", "roofline")
    assert "latency" in said
    assert "2.000 ms" in said
    assert "3.0 MiB" in said
    assert "copies" in said
    assert "12.3 %" in said
    assert "waiting for it takes 5.000 µs" in said
    plain = shown(made_run([FLOAT], [measured(FLOAT, 1, slices([1e-3]))]), "summary", "roofline")
    assert "latency" not in plain
    assert "copies" not in plain
    assert "peak memory" not in plain


@pytest.mark.parametrize(
    ("load", "spread", "said"),
    [
        (0.4, 0.01, None),
        (5.1, 0.01, "UNSTEADY: load 5.1 on 2 cores when it began. "),
        (0.4, 1.0, "UNSTEADY: the yardstick on cpu scattered by "),
        (5.1, 1.0, "UNSTEADY: load 5.1 on 2 cores when it began; the yardstick on cpu scattered by "),
    ],
)
def test_busy_machine_is_the_first_thing_said(load: float, spread: float, said: str | None) -> None:
    """A figure of one is as neat as any other; the line says what to do, under each picture too."""
    timed = slices([0.001] * 8)
    readings = tuple(1e-5 * (1 + spread * index) for index in range(8))
    run = made_run(TWO[:1], [measured(TWO[0], launch, replace(timed, yardstick_seconds=readings)) for launch in (1, 2)])
    facts = {**run.environment.facts, "machine.load_at_start": load, "machine.cores": 2}
    run = replace(run, environment=Environment(facts=facts))
    text = render(run, ["summary"], Format.TEXT, Reference())
    assert ("UNSTEADY" in text) is (said is not None)
    if said is not None:
        assert text.startswith(said)
        assert "measure again" in text.splitlines()[0]
