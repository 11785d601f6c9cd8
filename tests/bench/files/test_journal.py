"""Whatever has a line is never lost, and no file does more than produce a sentence."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as tuned

from bench.files import parse_json as parse_module
from bench.files import whole as whole_module
from bench.files.journal import Journal, whole_lines
from bench.files.log import JournalError, keep_aside
from bench.files.parse_json import SECTION, UnreadableError
from bench.files.run import RUN_FORMAT, RunLog, make_run_section, read_run
from bench.files.whole import write_whole
from bench.host.folders import ROOT
from bench.record.conditions import Environment
from bench.record.observations import Ceiling, Limit
from bench.record.run import SCHEMA, CeilingsFound, Measured, Outcome, Resumed, Run, RunEvent, Started
from tests.field.plain_files import read_plain
from tests.makers.runs import FINISH, TWO, hole, made_run, measured, slices
from tests.makers.strategies import runs

CASE, OTHER = TWO
RUN = replace(
    made_run(
        TWO,
        [
            measured(CASE, 0, None),
            hole(OTHER, 0, Outcome.SKIPPED, "bfloat16 does not work: größer als ein Zeichen"),
            measured(CASE, 1, slices([0.1 + 0.2, 1.25e-7], stolen=None)),
        ],
        ceilings=[
            Ceiling(device="cpu", launch=1, limit=Limit.COPIES, dtype=None, per_second=1e10, size=1 << 20, reason=None),
            Ceiling(
                device="cpu",
                launch=1,
                limit=Limit.PRODUCTS,
                dtype="float16",
                per_second=None,
                size=None,
                reason="not implemented",
            ),
        ],
    ),
    started=((0, CASE), (0, OTHER), (1, CASE)),
)


def write_journal(path: Path, run: Run) -> bytes:
    """Write a run's events in the order in which they happened; return the file's content."""
    with Journal(path) as journal:
        log = RunLog(RUN_FORMAT, begun(run), journal)
        for launch, case in run.started:
            log.add(Started(launch=launch, cases=(case,)))
        for measurement in run.measurements:
            log.add(Measured(measurements=(measurement,)))
        log.add(CeilingsFound(ceilings=run.ceilings))
        for compiled in run.compiled:
            log.add(compiled)
        for layered in run.layers:
            log.add(layered)
        for profiled in run.profiles:
            log.add(profiled)
        if run.finish is not None:
            log.add(run.finish)
    return path.read_bytes()


def begun(run: Run) -> Run:
    """Return a run before anything of it was seen."""
    return replace(run, measurements=(), started=(), ceilings=(), profiles=(), layers=(), compiled=(), finish=None)


def resume(journal: Journal, *events: RunEvent) -> None:
    """Write the events of a part that goes on where the journal ends; a case may be measured that it holds already."""
    log = RunLog(RUN_FORMAT, begun(RUN), journal, stands=True)
    for event in events:
        log.add(event)


def write_json(path: Path, run: Run) -> bytes:
    """Write a run as its JSON; return the file's content."""
    write_whole(path, json.dumps({"benchmarks": [], SECTION: make_run_section(run)}, allow_nan=False).encode())
    return path.read_bytes()


@pytest.fixture
def journal_path(tmp_path: Path) -> Path:
    """A finished run's journal."""
    write_journal(tmp_path / "out.jsonl", RUN)
    return tmp_path / "out.jsonl"


@contextmanager
def unreadable(path: Path, sentence: str) -> Iterator[None]:
    """Expect one line that begins with the file's name."""
    with pytest.raises(UnreadableError, match=sentence) as caught:
        yield
    assert str(caught.value).startswith(str(path))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("write", [write_journal, write_json])
def test_file_reads_back_as_the_run(write: Callable[[Path, Run], bytes], tmp_path: Path) -> None:
    """Both files are whole: neither needs the other."""
    path = tmp_path / ("out.jsonl" if write is write_journal else "out.json")
    write(path, RUN)
    assert read_run(path) == RUN
    assert read_run(path).source == str(path)


@tuned(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(run=runs())
def test_any_run_survives_both_files(run: Run, tmp_path: Path) -> None:
    """Any text a machine may be called by, any number a clock may show."""
    path = tmp_path / "any.jsonl"
    path.unlink(missing_ok=True)
    write_journal(path, run)
    write_json(tmp_path / "any.json", run)
    assert read_run(path) == read_run(tmp_path / "any.json") == run


def test_each_line_is_on_disk_before_the_call_returns(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A kill right after a measurement must not lose it, nor may a power cut."""
    synced: list[int] = []
    path = tmp_path / "out.jsonl"
    real = whole_module.os.fsync
    monkeypatch.setattr(
        whole_module.os, "fsync", lambda number: (real(number), synced.append(path.read_bytes().count(b"\n")))
    )
    with Journal(path) as journal:
        log = RunLog(RUN_FORMAT, begun(RUN), journal)
        log.add(Started(launch=0, cases=TWO))
        log.add(Measured(measurements=RUN.measurements[:1]))
        assert synced == [0, 1, 2, 3]  # the file's name first
        assert read_run(path).measurements == RUN.measurements[:1]
        assert read_run(path).started == ((0, CASE), (0, OTHER))


def test_torn_last_line_is_dropped(journal_path: Path) -> None:
    """A kill in the middle of a write, at whichever byte, costs that line and nothing else."""
    content = journal_path.read_bytes()
    last = content.rindex(b"\n", 0, -1) + 1
    for end in range(last, len(content)):
        journal_path.write_bytes(content[:end])
        assert read_run(journal_path) == replace(RUN, finish=None)


def test_torn_first_line_is_an_empty_run(journal_path: Path) -> None:
    """Nothing was measured, and the sentence says so."""
    first = journal_path.read_bytes().partition(b"\n")[0]
    for content in (b"", first[:1], first):
        journal_path.write_bytes(content)
        with unreadable(journal_path, "empty; the run ended before anything was written"):
            read_run(journal_path)


def edit_line(path: Path, number: int, change: Callable[[dict[str, Any]], None]) -> None:
    """Change one line of a journal, counted from 1."""
    lines = path.read_text().splitlines()
    content = json.loads(lines[number - 1])
    change(content)
    lines[number - 1] = json.dumps(content)
    path.write_text("\n".join(lines) + "\n")


@pytest.mark.parametrize("cut", [1, -1])
def test_broken_middle_line_is_an_error(journal_path: Path, cut: int) -> None:
    """Only the end of a file can be torn by a kill; a hole before it is damage that must not pass as a short run."""
    lines = journal_path.read_bytes().split(b"\n")
    lines[5] = lines[5][:cut]
    journal_path.write_bytes(b"\n".join(lines))
    with unreadable(journal_path, ":6: not JSON"):
        read_run(journal_path)


@pytest.mark.parametrize(
    ("line", "change", "sentence"),
    [
        pytest.param(1, lambda line: line.update(event="start"), ":1: not a journal", id="foreign-first-line"),
        pytest.param(
            1,
            lambda line: line.update(schema=SCHEMA + 1),
            ":1: schema 3, this reader knows 2",
            id="newer",
        ),
        pytest.param(1, lambda line: line.update(schema=None), ":1: schema None", id="no-schema"),
        pytest.param(1, lambda line: line.update(schema=True), ":1: schema True", id="bool-schema"),
        pytest.param(1, lambda line: line.pop("environment"), "line 1: environment: expected an obj", id="no-place"),
        pytest.param(1, lambda line: line["settings"].pop("seed"), "line 1: settings: field 'seed'", id="no-seed"),
        pytest.param(1, lambda line: line.update(cases="all"), "cases: expected a list", id="no-plan"),
        pytest.param(2, lambda line: line.update(event="hello"), "line 2: not an event", id="unknown-event"),
        pytest.param(2, lambda line: line.update(launch=-1), "line 2: not a mark of a started", id="bad-mark"),
        pytest.param(2, lambda line: line.update(launch=True), "line 2: not a mark of a started", id="bool-launch"),
        pytest.param(2, lambda line: line["cases"][0].update(batch=0), "line 2: .*batch is 0", id="bad-started-case"),
        pytest.param(
            7,
            lambda line: line["measurements"][0]["slices"]["seconds"].reverse(),
            None,
            id="other-numbers-are-another-run",
        ),
        pytest.param(
            7,
            lambda line: line["measurements"][0]["slices"].update(seconds=[float("nan"), 1]),
            ":7: not JSON .JSON is malformed: invalid character",
            id="nan",
        ),
        pytest.param(
            7,
            lambda line: line["measurements"][0]["slices"].update(seconds=[1, float("inf")]),
            ":7: not JSON .JSON is malformed: invalid character",
            id="infinity",
        ),
        pytest.param(
            7,
            lambda line: line["measurements"][0]["slices"].update(seconds=[1, -1]),
            "line 7.*not a positive number",
            id="negative-seconds",
        ),
        pytest.param(
            7,
            lambda line: line["measurements"][0]["case"].update(device="cuda"),
            "was measured but not planned",
            id="stranger",
        ),
        pytest.param(9, lambda line: line["finish"].update(surprise=1), "line 9.*unknown field", id="surprise"),
    ],
)
def test_wrong_line_is_an_error_that_names_it(
    journal_path: Path, line: int, change: Callable[[dict[str, Any]], None], sentence: str | None
) -> None:
    """What, where and what to do, in one line."""
    edit_line(journal_path, line, change)
    if sentence is None:
        assert read_run(journal_path) != RUN
        return
    with unreadable(journal_path, sentence):
        read_run(journal_path)


def test_number_beyond_a_float_is_an_error(journal_path: Path) -> None:
    """1e400 parses as infinity, which Python's parser does not report."""
    content = journal_path.read_text()
    journal_path.write_text(content.replace("1.25e-07", "1e400"))
    with unreadable(journal_path, ":7: not JSON .Number out of range"):
        read_run(journal_path)


def test_measurement_that_stands_twice_is_an_error(journal_path: Path) -> None:
    """Doubling a launch would narrow the interval."""
    lines = journal_path.read_bytes().splitlines(keepends=True)
    journal_path.write_bytes(b"".join([*lines[:7], lines[6], *lines[7:]]))
    with unreadable(journal_path, f"{CASE.id} stands twice in launch 1"):
        read_run(journal_path)


JSON_FILES = {
    "pyperf's": (b'{"benchmarks": [], "metadata": {}, "version": "1.0"}', "made by pyperf"),
    "Google Benchmark's": (b'{"benchmarks": [], "context": {}}', "made by Google Benchmark"),
    "asv's": (b'{"results": {}, "result_columns": []}', "made by asv"),
    "pytest-benchmark's own": (b'{"benchmarks": [], "version": "5.3.1"}', "made by pytest-benchmark alone"),
    "foreign": (b'{"hello": 1}', "no 'accelbench' section .foreign"),
    "a list": (b"[1]", "foreign"),
    "a scalar": (b"1", "foreign"),
    "our section is no object": (b'{"accelbench": []}', "no 'accelbench' section"),
    "empty": (b"", "not JSON .*journal"),
    "truncated": (b'{"benchmarks": [', "not JSON"),
    "binary": (b"\x80\x04\x95\x00", "not JSON"),
    "nested deeply": (b"[" * 200_000, "nested too deeply"),
    "nested deeply in objects": (b'{"a":' * 200_000, "nested too deeply"),
    "a number of 10,000 digits": (b'{"accelbench": {"schema": ' + b"1" * 10_000 + b"}}", "not JSON|schema 111"),
    "newer": (b'{"accelbench": {"schema": 99}}', "schema 99, this reader knows 2; measure again or use the version"),
    "a long schema": (b'{"accelbench": {"schema": "' + b"x" * 9000 + b'"}}', "schema x{20}, this reader"),
    "hollow": (b'{"accelbench": {"schema": 2}}', r"started: expected a list"),
}


@pytest.mark.parametrize(("content", "sentence"), JSON_FILES.values(), ids=JSON_FILES)
def test_file_that_is_not_ours_is_one_line(content: bytes, sentence: str, tmp_path: Path) -> None:
    """No traceback, whatever the file holds."""
    path = tmp_path / "out.json"
    path.write_bytes(content)
    with unreadable(path, sentence):
        read_run(path)


def test_file_of_too_many_bytes_is_refused_unread(journal_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Reading costs memory before it can be judged."""
    size = journal_path.stat().st_size
    monkeypatch.setattr(parse_module, "MAX_BYTES", size)
    assert read_run(journal_path) == RUN
    monkeypatch.setattr(parse_module, "MAX_BYTES", size - 1)
    with unreadable(journal_path, f"{size} bytes; files over {size - 1} are not read"):
        read_run(journal_path)


@pytest.mark.parametrize(("name", "sentence"), [("absent.json", "No such file"), ("", "Is a directory")])
def test_path_without_a_file_is_one_line(name: str, sentence: str, tmp_path: Path) -> None:
    """The commonest mistake gets the plainest answer."""
    with unreadable(tmp_path, f"{sentence}.*; name a result file"):
        read_run(tmp_path / name)


def test_section_says_how_every_planned_case_ended() -> None:
    """A reader of the JSON alone sees the holes and their reasons."""
    assert make_run_section(RUN)["outcomes"] == [
        {"id": CASE.id, "outcome": "measured", "reason": None},
        {"id": OTHER.id, "outcome": "skipped", "reason": RUN.measurements[1].reason},
    ]


def test_write_whole_replaces_the_file_and_leaves_nothing_beside_it(tmp_path: Path) -> None:
    """A reader sees the old file or the new one."""
    path = tmp_path / "out.json"
    path.write_bytes(b"old")
    write_whole(path, b"new")
    assert path.read_bytes() == b"new"
    assert list(tmp_path.iterdir()) == [path]


def test_write_whole_leaves_a_link_and_changes_what_it_leads_to(tmp_path: Path) -> None:
    """``latest.json`` goes on leading to the newest result."""
    path, target = tmp_path / "latest.json", tmp_path / "deep" / "out.json"
    target.parent.mkdir()
    target.write_bytes(b"old")
    path.symlink_to(target)
    write_whole(path, b"new")
    assert path.readlink() == target
    assert target.read_bytes() == b"new"
    assert list(target.parent.iterdir()) == [target]


def test_a_link_that_leads_to_itself_is_replaced(tmp_path: Path) -> None:
    """Following it would never end, and the results would be lost."""
    path, other = tmp_path / "out.json", tmp_path / "other.json"
    path.symlink_to(other)
    other.symlink_to(path)
    write_whole(path, b"new")
    assert path.read_bytes() == b"new"


def test_write_whole_writes_to_a_pipe_and_does_not_replace_it(tmp_path: Path) -> None:
    """As root, replacing ``/dev/null`` would take the device from the whole machine."""
    path = tmp_path / "pipe"
    os.mkfifo(path)
    reader = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    try:
        write_whole(path, b"new")
        assert os.read(reader, 100) == b"new"
    finally:
        os.close(reader)
    assert path.is_fifo()
    assert list(tmp_path.iterdir()) == [path]


def test_standard_output_is_written_to_and_not_replaced(tmp_path: Path) -> None:
    """Even where it is a file: the shell that opened it would never see what was put in its place."""
    program = (
        "from pathlib import Path; from bench.files.whole import write_whole; write_whole(Path('/dev/stdout'), b'new')"
    )
    path = tmp_path / "said.txt"
    with path.open("wb") as output:
        before = os.fstat(output.fileno()).st_ino
        subprocess.run([sys.executable, "-c", program], stdout=output, check=True, cwd=ROOT)
    assert path.read_bytes() == b"new"
    assert path.stat().st_ino == before


@pytest.mark.parametrize("failing", ["fsync", "replace"])
def test_failed_write_leaves_the_old_file(failing: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A full disk must not cost the results of yesterday."""
    path = tmp_path / "out.json"
    path.write_bytes(b"old")

    def fail(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(*((whole_module.os, "fsync") if failing == "fsync" else (Path, "replace")), fail)
    with pytest.raises(OSError, match="No space") as ended:
        write_whole(path, b"new")
    assert ended.value.filename == str(path)
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_unfinished_journal_is_kept_aside(tmp_path: Path) -> None:
    """What a killed run measured is not overwritten by the next one, however often that happens."""
    path = tmp_path / "out.jsonl"
    contents = []
    for count in range(3):
        contents.append(write_journal(path, replace(RUN, finish=None, started=RUN.started[:count])))
        assert keep_aside(RUN_FORMAT, path) == tmp_path / f"out.jsonl.{count + 1}"
        assert not path.exists()
    assert [(tmp_path / f"out.jsonl.{number}").read_bytes() for number in (1, 2, 3)] == contents


def test_unreadable_journal_is_kept_aside(tmp_path: Path) -> None:
    """What we cannot judge we do not delete."""
    path = tmp_path / "out.jsonl"
    path.write_text("notes of mine\n")
    assert keep_aside(RUN_FORMAT, path) == tmp_path / "out.jsonl.1"
    assert (tmp_path / "out.jsonl.1").read_text() == "notes of mine\n"


def test_finished_journal_makes_room(journal_path: Path) -> None:
    """Its JSON holds the same."""
    write_json(journal_path.with_suffix(".json"), RUN)
    assert keep_aside(RUN_FORMAT, journal_path) is None
    assert journal_path.exists()


def test_finished_journal_whose_json_was_never_written_is_kept_aside(journal_path: Path) -> None:
    """After a full disk at the end of a run, its journal is the only copy."""
    assert keep_aside(RUN_FORMAT, journal_path) is not None


def test_absent_journal_is_nothing_to_keep(tmp_path: Path) -> None:
    """The first run in a folder says nothing."""
    assert keep_aside(RUN_FORMAT, tmp_path / "out.jsonl") is None


def test_finish_says_how_the_run_ended(journal_path: Path) -> None:
    """Without it the run died."""
    assert read_run(journal_path).finish == FINISH


def test_half_of_a_surrogate_pair_is_read_as_it_is_spelt(tmp_path: Path) -> None:
    """A name of a file may hold one where it is no UTF-8, and what a run writes its reader reads."""
    facts = {**RUN.environment.facts, "data.reason": "no images in /d\udcff"}
    odd = replace(RUN, environment=Environment(facts=facts))
    path = tmp_path / "odd.json"
    write_json(path, odd)
    assert read_run(path).environment.facts == {**facts, "data.reason": "no images in /d\\udcff"}
    path.write_text(path.read_text().replace("0.001", "NaN", 1))
    with unreadable(path, "NaN is not a number"):
        read_run(path)


def test_journal_that_is_removed_while_it_is_written_is_an_error(tmp_path: Path) -> None:
    """Lines written to a file that has no name are lost."""
    path = tmp_path / "out.jsonl"
    with Journal(path) as journal:
        log = RunLog(RUN_FORMAT, begun(RUN), journal)
        path.unlink()
        with pytest.raises(JournalError, match=f"removed .* \\({path}\\)"):
            log.add(Started(launch=0, cases=TWO))


@pytest.mark.parametrize(
    "torn", [b"", b'{"event": "meas', b'{"event": "measured"' + b"x" * 100_000], ids=["whole", "torn", "torn-late"]
)
def test_resumed_journal_goes_on_after_its_last_whole_line(tmp_path: Path, torn: bytes) -> None:
    """The torn line is cut off, and what was dropped may be measured again."""
    path = tmp_path / "out.jsonl"
    write_journal(path, replace(RUN, finish=None))
    before = path.read_bytes()
    path.write_bytes(before + torn)
    assert whole_lines(path) == len(before)
    again = replace(RUN.measurements[2], notes=("measured again",))
    with Journal(path, resume_at=whole_lines(path)) as journal:
        resume(journal, Resumed(dropped=((1, CASE),)), Measured(measurements=(again,)), FINISH)
    assert path.read_bytes().startswith(before + b'{"event": "resumed"')
    assert path.read_bytes().endswith(b"}\n"), (
        "of a torn line something is left that other readers of lines would trip over"
    )
    assert read_run(path) == replace(RUN, measurements=(*RUN.measurements[:2], again))


def test_run_that_was_resumed_has_not_ended(journal_path: Path) -> None:
    """An earlier end no longer counts; without a new one, the run died again."""
    with Journal(journal_path, resume_at=whole_lines(journal_path)) as journal:
        resume(journal, Resumed(dropped=()))
    assert read_run(journal_path) == replace(RUN, finish=None)


def test_measurement_that_was_not_dropped_cannot_be_measured_again(journal_path: Path) -> None:
    """Doubling a launch would narrow the interval."""
    with Journal(journal_path, resume_at=whole_lines(journal_path)) as journal:
        resume(journal, Resumed(dropped=()), Measured(measurements=RUN.measurements[2:]))
    with unreadable(journal_path, f"line 11: {CASE.id} stands twice in launch 1"):
        read_run(journal_path)


@pytest.mark.parametrize("mark", [{"launch": "1"}, {"launch": 1, "case": {}}, 7], ids=str)
def test_mark_of_a_dropped_measurement_is_checked(journal_path: Path, mark: object) -> None:
    """It takes a measurement out of the run."""
    with journal_path.open("a") as file:
        file.write(json.dumps({"event": "resumed", "dropped": [mark]}) + "\n")
    with unreadable(journal_path, r"line 10: dropped\[0\]"):
        read_run(journal_path)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="only Linux has a device that is always full")
def test_full_disk_is_told_once_and_not_again_when_the_journal_closes(monkeypatch: pytest.MonkeyPatch) -> None:
    """A second error out of the close would hide the run that is still in memory."""
    monkeypatch.setattr(whole_module.os, "ftruncate", lambda *_: None)
    with Journal.__new__(Journal) as journal:
        journal.path = Path("/dev/full")
        journal._file = journal.path.open("wb", buffering=0)
        with pytest.raises(OSError, match="No space left") as ended:
            journal.append("measured", measurements=[])
        assert ended.value.filename == "/dev/full"


def test_finished_journal_beside_another_runs_json_is_kept_aside(journal_path: Path) -> None:
    """It is the only copy of its run, whatever lies beside it."""
    write_json(journal_path.with_suffix(".json"), replace(RUN, measurements=RUN.measurements[:1]))
    assert keep_aside(RUN_FORMAT, journal_path) is not None


def test_plain_benchmark_file_is_read_strictly(tmp_path: Path) -> None:
    """Its raw data and parameters, or one sentence."""
    path = tmp_path / "plain.json"
    good = {"fullname": "t", "params": {"batch": 1}, "stats": {"data": [0.5, 1]}}
    path.write_text(json.dumps({"benchmarks": [good]}))
    (one,) = read_plain(path)
    assert (one.fullname, dict(one.params), one.seconds) == ("t", {"batch": 1}, (0.5, 1.0))
    for bad in (
        {"benchmarks": [good | {"stats": {}}]},
        {"benchmarks": [good | {"stats": {"data": []}}]},
        {"benchmarks": [good | {"stats": {"data": [-1.0]}}]},
        {"benchmarks": [good | {"fullname": 7}]},
        {"benchmarks": 3},
        [],
    ):
        path.write_text(json.dumps(bad))
        with unreadable(path, "plain.json: "):
            read_plain(path)


def test_journal_that_is_a_link_leads_to_the_new_one(tmp_path: Path) -> None:
    """It was put there to keep journals on another disk: the file there is renamed, and the link stays."""
    (tmp_path / "disk").mkdir()
    link, target = tmp_path / "out.jsonl", tmp_path / "disk" / "journal.jsonl"
    link.symlink_to(target)
    content = write_journal(link, replace(RUN, finish=None))
    assert keep_aside(RUN_FORMAT, link) == tmp_path / "disk" / "journal.jsonl.1"
    assert (tmp_path / "disk" / "journal.jsonl.1").read_bytes() == content
    assert link.is_symlink()
    write_journal(link, RUN)
    assert target.exists()


def test_device_that_never_ends_is_refused_like_a_large_file(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its size is said to be 0, and reading it whole took all memory."""
    monkeypatch.setattr(parse_module, "MAX_BYTES", 1000)
    with pytest.raises(UnreadableError, match="/dev/zero: 1001 bytes; files over 1000 are not read"):
        read_run(Path("/dev/zero"))
