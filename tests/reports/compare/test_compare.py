"""Contenders side by side: matched by what they compute, with intervals, crossings, prices and differences."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import replace
from math import log
from pathlib import Path
from random import Random

import pytest
from scipy.stats import mannwhitneyu

from bench.files.parse_json import UnreadableError
from bench.record.case import Case, Variant
from bench.record.conditions import Environment
from reports.__main__ import main
from reports.compare.alike import warn_of_alike
from reports.compare.contenders import Cell, Contender, Point, load_contenders
from reports.compare.crossings import (
    NO_INTERVAL,
    Course,
    Crossing,
    crossings,
    speedup_over,
    usd_per_million_images,
    zero_crossings,
)
from reports.compare.rows import Match, all_crossings, best_rows, environment_rows, matched_rows, yardstick_rows
from reports.compare.tables import COMPARE_TABLES
from reports.figures.yardsticks import collect_yardsticks
from reports.show.table import MARKDOWN, Format
from reports.stats.intervals import Summary
from tests.makers.contenders import on_card, on_cpu, run_on, stored
from tests.makers.runs import YARDSTICK, made_run, matrix, measured, slices


@pytest.fixture
def files(tmp_path: Path) -> list[Path]:
    """Return the results of a processor and of a card that has no bfloat16."""
    return [
        stored(run_on("cpu", on_cpu), tmp_path / "laptop.json"),
        stored(run_on("cuda", on_card, missing=["bfloat16"]), tmp_path / "card.json"),
    ]


def match_of(paths: Sequence[Path], **prices: float) -> Match:
    """Return the contenders of some files, the first as reference."""
    found = load_contenders(paths)
    return Match(contenders=found, reference=found[0], prices=prices)


def printed(capsys: pytest.CaptureFixture[str], *arguments: object) -> str:
    """Return what the command prints, which must succeed in silence."""
    assert main(["compare", *map(str, arguments)]) == 0
    said = capsys.readouterr()
    assert said.err == ""
    return said.out


def refused(capsys: pytest.CaptureFixture[str], *arguments: object) -> str:
    """Return the one line with which the command refuses."""
    assert main(["compare", *map(str, arguments)]) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.count("\n") == 1
    return said.err


def cell(values: Sequence[float]) -> Cell:
    """Return a cell with these seconds in its launches."""
    from bench.record.run import Outcome

    summary = Summary(centre=sorted(values)[len(values) // 2], n=len(values))
    return Cell(
        outcome=Outcome.MEASURED, reason=None, seconds=summary, logs=tuple(map(log, values)), figures={}, warnings=()
    )


def contender(name: str, seconds: dict[int, Sequence[float]]) -> Contender:
    """Return a contender with one curve, seconds by batch and launch."""
    variant = Variant("float32", "off")
    cells = {Point("mlp", "forward", batch, variant): cell(values) for batch, values in seconds.items()}
    return Contender(
        name=name, source=name, device="cpu", description=name, facts={}, yardsticks=None, roofs={}, cells=cells
    )


def test_speedup_is_the_ratio_of_medians_with_the_rank_sum_interval() -> None:
    """The interval holds exactly the shifts that Mann and Whitney's test does not reject."""
    random = Random(1)
    base = [random.gauss(10.0, 0.3) for _ in range(8)]
    other = [random.gauss(4.0, 0.2) for _ in range(8)]
    found = speedup_over(cell(base), cell(other))
    assert found is not None
    assert found.low is not None
    assert found.high is not None
    assert found.low < found.centre < found.high
    for ratio, inside in ((found.low * 1.0001, True), (found.low * 0.98, False), (found.high * 1.02, False)):
        p = mannwhitneyu([log(one) for one in base], [log(one * ratio) for one in other], method="exact").pvalue
        assert bool(p > 0.05) is inside


def test_speedup_mirrors_when_the_sides_change() -> None:
    """Twice as fast one way is half as fast the other."""
    base, other = cell([10.0, 11, 9, 10, 10.5, 9.5]), cell([5.0, 5.1, 4.9, 5.2, 4.8, 5.0])
    there, back = speedup_over(base, other), speedup_over(other, base)
    assert there is not None
    assert back is not None
    assert there.centre == pytest.approx(1 / back.centre)
    assert there.low == pytest.approx(1 / (back.high or 0))


def test_few_launches_have_a_ratio_and_no_interval() -> None:
    """And say so."""
    found = speedup_over(cell([2.0] * 5), cell([1.0] * 8))
    assert found == Summary(centre=2.0, n=5, warnings=(NO_INTERVAL,))


def test_crossing_lies_where_the_curves_are_equal() -> None:
    """At batch 16 both take the same: between 4 and 64 in equal steps of the logarithm."""
    base = contender("base", {4: [1.0] * 8, 64: [4.0] * 8})
    other = contender("other", {4: [2.0] * 8, 64: [2.0] * 8})
    (found,) = crossings(base, other)
    assert found.course is Course.OVERTAKES
    assert found.at == pytest.approx(16.0)
    assert found.low == pytest.approx(16.0)
    assert found.high == pytest.approx(16.0)
    assert found.rate == pytest.approx(16.0 / 2.0)
    (back,) = crossings(other, base)
    assert back.course is Course.FALLS_BEHIND
    assert back.at == pytest.approx(16.0)


def test_interval_of_a_crossing_holds_it_and_widens_with_the_scatter() -> None:
    """From where the favourable ends cross to where the unfavourable ones do."""

    def width(scatter: float) -> float:
        random = Random(3)

        def launches(centre: float) -> list[float]:
            return [centre * (1 + scatter * random.uniform(-1, 1)) for _ in range(8)]

        base = contender("base", {4: launches(1.0), 64: launches(4.0)})
        other = contender("other", {4: launches(2.0), 64: launches(2.0)})
        (found,) = crossings(base, other)
        assert found.at is not None
        assert found.low is not None
        assert found.high is not None
        assert found.low <= found.at <= found.high
        return found.high / found.low

    assert 1 < width(0.02) < width(0.1)


NOISY = [1.0, 1.3, 0.8, 1.1, 0.9, 1.2, 0.7, 1.0]
"""Seconds of eight launches that cannot be told from 1.1."""


def course_of(by_batch: dict[int, tuple[Sequence[float], Sequence[float]]]) -> Crossing:
    """Return the only course of a contender, given the launches of base and of it at each batch."""
    base = contender("base", {batch: launches for batch, (launches, _) in by_batch.items()})
    (found,) = crossings(base, contender("other", {batch: launches for batch, (_, launches) in by_batch.items()}))
    return found


def test_course_cannot_be_told_where_an_interval_includes_1() -> None:
    """At the smallest batch the two cannot be told apart: it may be faster there, or slower."""
    found = course_of({4: (NOISY, [1.1] * 8), 64: ([4.0] * 8, [1.1] * 8)})
    assert (found.course, found.untold, found.elsewhere) == (Course.UNTOLD, (4,), "faster")
    assert (found.at, found.low, found.high) == (None, None, None)
    found = course_of({4: (NOISY, [0.9] * 8), 64: (NOISY, [0.9] * 8)})
    assert (found.course, found.untold, found.elsewhere) == (Course.UNTOLD, (4, 64), None)


def test_course_cannot_be_told_without_intervals() -> None:
    """A hundred times as fast in two launches is not enough to say so."""
    found = course_of({4: ([1.0] * 2, [0.01] * 2), 64: ([1.0] * 2, [0.01] * 2)})
    assert (found.course, found.bounded, found.untold) == (Course.UNTOLD, False, (4, 64))


def test_crossing_lies_between_batches_that_can_be_told() -> None:
    """Where it cannot be told at a batch between, the interval is as wide as that makes it."""
    found = course_of({4: ([1.0] * 8, [2.0] * 8), 16: (NOISY, [1.1] * 8), 64: ([4.0] * 8, [1.1] * 8)})
    assert found.course is Course.OVERTAKES
    assert found.untold == (16,)
    assert found.at is not None
    assert found.low is not None
    assert found.high is not None
    assert 4 < found.low < found.at < found.high < 64
    assert found.low < 16 < found.high


def test_noise_around_1_is_one_crossing() -> None:
    """The medians cross three times, and the intervals tell one of them only."""
    noisy = {16: ([1.0, 1.3, 0.8] * 3, [0.98] * 9), 32: ([1.0, 1.3, 0.8] * 3, [1.02] * 9)}
    found = course_of({4: ([1.0] * 9, [2.0] * 9), **noisy, 64: ([4.0] * 9, [1.1] * 9)})
    assert found.course is Course.OVERTAKES


def test_a_and_a_claims_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Two runs of one machine that scatter alike: no sentence says that one of them is faster."""
    random = Random(5)

    def noisy(case: Case) -> float:
        return on_cpu(case) * random.uniform(0.4, 2.5)

    def scattered(path: Path) -> Path:
        run = run_on("cpu", on_cpu)
        made = [replace(one, slices=slices([noisy(one.case)] * 3)) if one.slices else one for one in run.measurements]
        return stored(replace(run, measurements=tuple(made)), path)

    paths = [scattered(tmp_path / f"{name}.json") for name in "ab"]
    said = printed(capsys, *paths, "--table", "all")
    assert "cannot be told at 1, 64, 1024" in said
    assert "fastest by its median; " in said
    assert not any(word in said for word in ("faster at", "slower at", "overtakes", "falls behind"))
    assert "the same in every recorded fact" not in said


def in_another_state(factor: float, load: float, path: Path, *, device: str = "cpu") -> Path:
    """Write a run of a machine that was so many times slower, yardstick and all."""
    run = run_on(device, lambda case: factor * on_cpu(case))
    made = [
        replace(one, slices=replace(one.slices, yardstick_seconds=(factor * YARDSTICK,) * 3)) if one.slices else one
        for one in run.measurements
    ]
    environment = Environment(facts={**run.environment.facts, "machine.load_at_start": load})
    return stored(replace(run, measurements=tuple(made), environment=environment), path)


def test_runs_that_are_alike_and_differ_are_a_warning(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What differs, by how much, and what to do; in the text and on the page, before any number."""
    paths = [in_another_state(1.0, 0.1, tmp_path / "calm.json"), in_another_state(1.5, 4.1, tmp_path / "busy.json")]
    said = printed(capsys, *paths)
    warning = (
        "busy and calm are the same in every recorded fact, and yet 6 of 6 matched times differ beyond their intervals "
        "(1.50 times as long in busy); the yardstick took 27.00 µs against 18.00 µs; the load at start was 4.1 against "
        "0.1. No property that is recorded explains this: the likely cause is the state of the machine, and not the "
        "contenders. Measure both again on an idle machine."
    )
    assert said.split("\n\n")[1] == warning
    rows = yardstick_rows(match_of(paths))
    assert [row["load_at_start"] for row in rows] == [0.1, 4.1]
    assert [row["yardstick_seconds"] for row in rows] == pytest.approx([YARDSTICK, 1.5 * YARDSTICK])
    assert "27.00 µs [27.00, 27.00], 0.0 %" in printed(capsys, *paths, "--table", "yardstick")
    printed(capsys, *paths, "--out", tmp_path / "page")
    assert f"**{MARKDOWN.escape(warning)}**" in (tmp_path / "page" / "compare.md").read_text()


def test_runs_that_are_alike_and_do_not_differ_are_none(tmp_path: Path) -> None:
    """Whatever the load was."""
    paths = [in_another_state(1.0, 0.1, tmp_path / "a.json"), in_another_state(1.0, 4.1, tmp_path / "b.json")]
    assert warn_of_alike(load_contenders(paths)) == []


def test_runs_that_are_not_alike_may_differ(files: list[Path]) -> None:
    """A card is not a processor."""
    assert warn_of_alike(load_contenders(files)) == []


def test_one_case_in_twenty_may_miss_its_interval() -> None:
    """Chance alone makes some intervals exclude 1; one that is far beyond chance is enough."""
    same = dict.fromkeys(range(2, 31), (NOISY, NOISY))
    near = [value * 1.45 for value in NOISY]
    assert speedup_over(cell(NOISY), cell(near)).high < 1  # type: ignore[union-attr,operator]

    def warned(by_batch: dict[int, tuple[Sequence[float], Sequence[float]]]) -> list[str]:
        sides = [
            contender(name, {batch: pair[side] for batch, pair in by_batch.items()}) for side, name in enumerate("ab")
        ]
        return warn_of_alike(sides)

    assert warned({1: (NOISY, near), **same}) == []
    assert len(warned({1: (NOISY, [value * 9 for value in NOISY]), **same})) == 1
    assert len(warned({1: (NOISY, near)})) == 1


def test_reading_of_the_yardstick_counts_once() -> None:
    """All variants of a set share it."""
    run = run_on("cpu", on_cpu, batches=(1,), launches=2)
    readings = {"float32": (1.0, 2.0, 3.0), "bfloat16": (1.0, 2.0, 3.0)}
    made = [
        replace(one, slices=replace(one.slices, yardstick_seconds=readings[one.case.dtype])) if one.slices else one
        for one in run.measurements
    ]
    found = collect_yardsticks(replace(run, measurements=tuple(made)), "cpu")
    assert found is not None
    assert (found.seconds.centre, found.seconds.n, found.spread) == (2.0, 2, pytest.approx(0.75))
    assert collect_yardsticks(run, "cuda") is None


@pytest.mark.parametrize(("factor", "course"), [(0.5, Course.FASTER), (2.0, Course.SLOWER)])
def test_curves_that_do_not_cross_say_which_is_faster(factor: float, course: Course) -> None:
    """That there is no crossing is an answer too."""
    base = contender("base", {1: [1.0] * 8, 8: [2.0] * 8})
    other = contender("other", {1: [factor] * 8, 8: [2 * factor] * 8})
    (found,) = crossings(base, other)
    assert found.course is course
    assert found.at is None


def test_every_crossing_is_found() -> None:
    """A curve may overtake and fall behind again."""
    assert zero_crossings([(0, -1), (1, 1), (2, -3)]) == [(0.5, True), (1.25, False)]
    assert zero_crossings([(0, 1), (1, 1)]) == []


def test_one_batch_has_no_course() -> None:
    """There is nothing between."""
    assert crossings(contender("a", {4: [1.0] * 8}), contender("b", {4: [2.0] * 8})) == []


def test_cases_are_matched_by_what_they_compute(files: list[Path]) -> None:
    """The card's skipped cases are holes with a reason; the reference has no speed-up over itself."""
    rows = matched_rows(match_of(files))
    assert len(rows) == 12
    by_key = {(row["contender"], row["batch"], row["dtype"]): row for row in rows}
    assert by_key["card", 1024, "float32"]["speedup"] == pytest.approx(on_cpu_over_card(1024), rel=0.05)
    assert by_key["laptop", 1024, "float32"]["speedup"] is None
    skipped = by_key["card", 1, "bfloat16"]
    assert (skipped["outcome"], skipped["reason"], skipped["seconds"]) == ("skipped", "torch has no such kernel", None)
    assert by_key["card", 64, "float32"]["latency_seconds"] == pytest.approx(
        1.5 * by_key["card", 64, "float32"]["seconds"]
    )


def on_cpu_over_card(batch: int) -> float:
    """Return how many times faster the made-up card is, in float32."""
    return (20e-6 + 10e-6 * batch) / (200e-6 + 0.1e-6 * batch)


def test_layout_and_threads_are_matched_too_and_shown_where_they_are_not_the_default(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """One thread of one machine is no contender for all threads of another."""
    cases = matrix(batches=(1, 64), dtypes=("float32",), threads=(1, 2))
    timed = [measured(case, launch, slices([0.01])) for launch in range(1, 9) for case in cases]
    mine = stored(made_run(cases, timed), tmp_path / "mine.json")
    theirs = stored(made_run(cases[::2], timed[::2]), tmp_path / "theirs.json")
    text = printed(capsys, mine, theirs, "--table", "matched")
    (title,) = (line for line in text.splitlines() if line.startswith("Matched cases"))
    assert title.endswith("step forward, dtype float32, compile eager, threads 1")
    stranger = stored(run_on("cpu", on_cpu), tmp_path / "stranger.json")
    assert "run the same models, steps, batches and variants" in refused(capsys, mine, stranger)


def test_card_overtakes_the_processor_where_it_must(files: list[Path]) -> None:
    """20 + 10 b = 200 + 0.1 b at b = 18.2; straight lines between 1 and 64 say a little more or less."""
    (found,) = all_crossings(match_of(files))
    assert found.course is Course.OVERTAKES
    assert found.at is not None
    assert 10 < found.at < 30


def test_best_variant_is_the_fastest_of_each(files: list[Path]) -> None:
    """bfloat16 on the processor; the card only has float32."""
    rows = {(row["contender"], row["batch"]): row for row in best_rows(match_of(files))}
    assert rows["laptop", 64]["variant"] == "bfloat16 eager"
    assert rows["card", 64]["variant"] == "float32 eager"
    assert rows["card", 1024]["share_of_best"] == 1.0
    assert rows["laptop", 1024]["share_of_best"] < 0.1


def test_price_is_of_a_million_images() -> None:
    """Half a millisecond an image at 3.60 USD an hour: a million are 500 s, which are half a dollar."""
    assert usd_per_million_images(cell([0.5]), 1000, 3.60) == pytest.approx(0.5)


def test_price_is_a_column_where_one_is_given(files: list[Path], capsys: pytest.CaptureFixture[str]) -> None:
    """Those without a price have none."""
    assert "USD" not in printed(capsys, *files)
    said = printed(capsys, *files, "--price", "card=2.50", "--table", "best")
    assert "USD per million images" in said


def test_environments_are_compared_field_by_field(tmp_path: Path) -> None:
    """What is the same for all is not said; the device's own facts stand under one name."""
    one = run_on("cpu", on_cpu)
    facts = {**one.environment.facts, "torch.version": "2.13.0", "run.started": "another day"}
    from bench.record.conditions import Environment

    other = replace(one, environment=Environment(facts={**facts, "device.cpu.description": "Other"}))
    rows = environment_rows(match_of([stored(one, tmp_path / "a.json"), stored(other, tmp_path / "b.json")]))
    assert {(row["fact"], row["value"], row["contenders"]) for row in rows} == {
        ("torch.version", "2.14.1", "a"),
        ("torch.version", "2.13.0", "b"),
        ("device.description", "Imaginary cpu", "a"),
        ("device.description", "Other", "b"),
    }


def two_devices(batches: Sequence[int], path: Path) -> Path:
    """Write a run on two devices."""
    cpu, card = run_on("cpu", on_cpu, batches=batches), run_on("cuda", on_card, batches=batches)
    both = replace(
        cpu,
        cases=cpu.cases + card.cases,
        measurements=cpu.measurements + card.measurements,
        ceilings=cpu.ceilings + card.ceilings,
    )
    return stored(both, path)


def test_devices_of_one_file_are_contenders_too(tmp_path: Path) -> None:
    """They are called by their device."""
    path = two_devices((1, 64, 1024), tmp_path / "both.json")
    assert [one.name for one in load_contenders([path])] == ["cpu", "cuda"]
    named = load_contenders([path, stored(run_on("cpu", on_cpu), tmp_path / "mac.json")])
    assert [one.name for one in named] == ["both:cpu", "both:cuda", "mac"]


def test_files_of_one_name_are_told_apart(tmp_path: Path) -> None:
    """By their folders."""
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    paths = [stored(run_on("cpu", on_cpu), tmp_path / folder / "out.json") for folder in "ab"]
    assert [one.name for one in load_contenders(paths)] == [str(tmp_path / folder / "out") for folder in "ab"]


def test_many_files_are_read_alike(files: list[Path], tmp_path: Path) -> None:
    """By several processes, and a broken one among them is still one line."""
    more = [stored(run_on("cpu", on_cpu), tmp_path / f"{index}.json") for index in range(4)]
    assert load_contenders([*files, *more])[0] == load_contenders(files)[0]
    (tmp_path / "torn.json").write_text("{")
    with pytest.raises(UnreadableError, match=r"torn.json: not JSON"):
        load_contenders([*files, *more, tmp_path / "torn.json"])


def test_what_cannot_be_compared_is_one_line(
    files: list[Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """What, where and what to do; exit code 2."""
    stranger = stored(run_on("cpu", on_cpu, batches=(7,)), tmp_path / "stranger.json")
    both = [two_devices((1,), tmp_path / "one.json"), two_devices((7,), tmp_path / "seven.json")]
    assert "one.json: no case in common" in refused(capsys, *both)
    quick = stored(run_on("cpu", on_cpu, quick=True), tmp_path / "quick.json")
    assert "stranger.json: no case in common" in refused(capsys, *files, stranger)
    assert "quick.json: a quick run" in refused(capsys, files[0], quick)
    assert "given twice" in refused(capsys, files[0], files[0])
    assert "one device in one file" in refused(capsys, files[0])
    assert "no contender 'gpu'; there are laptop, card" in refused(capsys, *files, "--price", "gpu=1")
    assert "no contender 'gpu'; there are laptop, card" in refused(capsys, *files, "--reference", "gpu")
    assert "'card=free' is not NAME=USD" in refused(capsys, *files, "--price", "card=free")
    assert "'card=-1' is not NAME=USD" in refused(capsys, *files, "--price", "card=-1")
    assert "nowhere.json" in refused(capsys, files[0], tmp_path / "nowhere.json")
    assert "prints one table" in refused(capsys, *files, "--format", "csv", "--table", "all")


@pytest.mark.parametrize("form", list(Format))
@pytest.mark.parametrize("name", list(COMPARE_TABLES))
def test_every_table_in_every_format(
    name: str, form: Format, files: list[Path], capsys: pytest.CaptureFixture[str]
) -> None:
    """Each names the contenders."""
    said = printed(capsys, *files, "--table", name, "--format", form.value)
    assert "card" in said
    if form is Format.CSV:
        rows = list(csv.reader(io.StringIO(said)))
        assert len({len(row) for row in rows}) == 1
        assert len(rows) > 1


def test_page_explains_its_figures(files: list[Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """All tables, all meanings, and pictures that exist."""
    folder = tmp_path / "page"
    paths = printed(capsys, *files, "--out", folder).splitlines()
    text = (folder / "compare.md").read_text()
    assert paths[0] == str(folder / "compare.md")
    assert all(table.meaning in text for table in COMPARE_TABLES.values())
    assert all(Path(path).stat().st_size > 100 for path in paths)
    assert {Path(path).name for path in paths} >= {"throughput.svg", "roofline.png", "matched.csv"}
    assert "![throughput](throughput.svg)" in text


def test_page_without_counts_has_no_roofline(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """It says why, removes an older one, and the rest is there."""
    paths = []
    for name in "ab":
        run = run_on("cpu", on_cpu)
        bare = [
            replace(one, preparation=replace(one.preparation, flops=None)) if one.preparation else one
            for one in run.measurements
        ]
        paths.append(stored(replace(run, measurements=tuple(bare)), tmp_path / f"{name}.json"))
    folder = tmp_path / "page"
    folder.mkdir()
    (folder / "roofline.png").write_text("of another compare")
    assert main(["compare", *map(str, paths), "--out", str(folder)]) == 0
    assert "not drawn: roofline: no operation was counted" in capsys.readouterr().err
    assert not (folder / "roofline.png").exists()
    assert (folder / "throughput.png").exists()


def test_hostile_names_stay_text(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What a file says of its device is escaped wherever it is shown."""
    evil = "=HYPERLINK('x')\x1b[31m|<script>$x$"
    paths = [
        stored(run_on("cpu", on_cpu, description=evil), tmp_path / "a.json"),
        stored(run_on("cpu", on_cpu), tmp_path / "b.json"),
    ]
    for form in Format:
        said = printed(capsys, *paths, "--table", "ceilings", "--format", form.value)
        assert "\x1b" not in said
        assert form is not Format.MARKDOWN or "<script>" not in said
        assert form is not Format.CSV or "'=HYPERLINK" in said
    printed(capsys, *paths, "--out", tmp_path / "page")


def test_batches_that_a_float_cannot_tell_apart_are_no_error() -> None:
    """A file may claim any batch."""
    base = contender("base", {2**53 - 1: [1.0] * 8, 2**53: [4.0] * 8})
    (found,) = crossings(base, contender("other", {2**53 - 1: [2.0] * 8, 2**53: [2.0] * 8}))
    assert found.at == 2.0**53


def test_busy_machine_is_named_before_any_number(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """On the terminal, on the page, and under its pictures: a figure of a busy machine is as neat as any."""
    quiet, busy = run_on("cpu", on_cpu), run_on("cuda", on_card)
    facts = {**busy.environment.facts, "machine.load_at_start": 5.1}
    busy = replace(busy, environment=Environment(facts=facts))
    paths = [stored(quiet, tmp_path / "quiet.json"), stored(busy, tmp_path / "busy.json")]
    said = "UNSTEADY: busy: load 5.1 on 2 cores when it began. Measure it again on an idle machine."
    lines = printed(capsys, *paths).splitlines()
    assert said in lines
    assert lines.index(said) < next(index for index, line in enumerate(lines) if line.startswith("---"))
    printed(capsys, *paths, "--out", tmp_path / "page")
    assert f"**{said}**" in (tmp_path / "page" / "compare.md").read_text()
    assert "UNSTEADY: busy" in (tmp_path / "page" / "throughput.svg").read_text()
