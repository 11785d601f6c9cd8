"""Jobs on identical code: lines that are kept, what is pooled, and the interval that is told."""

from __future__ import annotations

import argparse
import ast
import json
from dataclasses import asdict, replace
from pathlib import Path

import pytest

from bench.files.parse_json import UnreadableError
from tests.field import identical
from tests.field.calibrate import main
from tests.field.decisive_code import fingerprint
from tests.field.identical import add_options, carry_out, table
from tests.field.job_lines import FOLDER, Ended, JobAnswer, JobLine, append_lines, rate, read_lines
from tests.field.runs import ROOT

LINE = JobLine(
    tool="accelbench",
    version="0123",
    series="three",
    number=1,
    slower=0.0,
    slowed=None,
    answer=JobAnswer(
        ended=Ended.PASSED, said="PASS", verdicts={"a": "unchanged"}, figures={"a change": (0.001,)}, replicates=8
    ),
    seconds=30.5,
    machine="Chip 9, 2 cores",
    torch="2.14.1",
    commit="abcdef0",
    began="2026-11-27T12:00:00+00:00",
)
RED = replace(LINE, answer=replace(LINE.answer, ended=Ended.RED, said="REGRESSED"))


def checkout(folder: Path) -> Path:
    """Return a folder with the files that a fingerprint is made of, and one that it is not."""
    files = {
        "bench/gate/measure.py": '"""Measures."""\nLIMIT = 3\n"""Blocks."""\n',
        "reports/gate/answer.py": "from reports.stats.verdict import judge\nfrom reports.gate import rows\n",
        "reports/gate/rows.py": "import reports.stats.more\n",
        "reports/stats/verdict.py": "def judge():\n    return 1\n",
        "reports/stats/more.py": "MORE = 1\n",
        "reports/show/page.py": "TITLE = 'a'\n",
    }
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(content)
    return folder


@pytest.mark.parametrize(
    ("file", "content"),
    [
        ("bench/gate/measure.py", '"""Measures well."""\n\nLIMIT = 3  # of them\n"""So many blocks."""\n'),
        ("reports/show/page.py", "TITLE = 'b'\n"),
        ("README.md", "# More\n"),
        ("bench/gate/notes.md", "# More\n"),
    ],
)
def test_what_is_written_about_the_code_leaves_the_fingerprint(tmp_path: Path, file: str, content: str) -> None:
    """Three hundred jobs are not measured again for a sentence."""
    before = fingerprint(checkout(tmp_path))
    (tmp_path / file).write_text(content)
    assert fingerprint(tmp_path) == before


@pytest.mark.parametrize(
    ("file", "content"),
    [
        ("bench/gate/measure.py", '"""Measures."""\nLIMIT = 4\n"""Blocks."""\n'),
        ("bench/gate/more.py", "MORE = 1\n"),
        ("reports/stats/verdict.py", "def judge():\n    return 2\n"),
        ("reports/stats/more.py", "MORE = 2\n"),
        ("reports/gate/rows.py", "import reports.stats.more\nROWS = 1\n"),
    ],
)
def test_code_that_an_answer_depends_on_changes_the_fingerprint(tmp_path: Path, file: str, content: str) -> None:
    """However far away in `bench`, or behind how many imports of the answer."""
    before = fingerprint(checkout(tmp_path))
    (tmp_path / file).write_text(content)
    assert fingerprint(tmp_path) != before


def test_fingerprint_of_this_checkout_holds_what_judges() -> None:
    """The statistics and the looks are among its files."""
    from tests.field.decisive_code import ANSWER, _list_needed

    needed = {path.relative_to(ROOT).as_posix() for path in _list_needed(ROOT, ANSWER)}
    assert {"reports/gate/answer.py", "reports/stats/verdict.py", "reports/stats/signflip.py"} <= needed
    assert not {name for name in needed if name.startswith(("reports/run/", "reports/compare/"))}
    assert all(ast.parse((ROOT / name).read_bytes()) for name in needed)


def test_line_comes_back_as_it_was_written(tmp_path: Path) -> None:
    """Line after line."""
    path = tmp_path / "jobs" / "lines.jsonl"
    assert read_lines(path) == []
    for line in (LINE, RED):
        append_lines(path, line)
    assert read_lines(path) == [LINE, RED]


def test_damaged_line_is_named(tmp_path: Path) -> None:
    """A job that is not counted silently would make the interval another."""
    path = tmp_path / "lines.jsonl"
    path.write_text(json.dumps(asdict(LINE)) + "\n" + json.dumps({**asdict(LINE), "slower": 0.1}) + "\n")
    with pytest.raises(UnreadableError, match=r"lines.jsonl:2: .*slower and slowed go together"):
        read_lines(path)


@pytest.mark.parametrize(
    ("red", "of", "told"),
    [(0, 300, "0 of 300 (0.0 to 1.2 %)"), (1, 100, "1 of 100 (0.0 to 5.4 %)"), (0, 0, "none of 0")],
)
def test_interval_is_exact(red: int, of: int, told: str) -> None:
    """Of 300 jobs without a red one, 1 - 0.025^(1/300) is the upper end."""
    lines = [RED] * red + [LINE] * (of - red)
    assert rate(lines, lambda line: line.answer.ended is Ended.RED) == told


def test_only_jobs_of_equal_code_are_pooled() -> None:
    """Nor are two machines or two releases of torch one sample."""
    others = [replace(LINE, **{name: "other"}) for name in ("version", "series", "machine", "torch")]
    rows = table([LINE, RED, *others]).splitlines()[2:]
    assert len(rows) == 5
    assert rows[0].startswith("| 0123 | three | 1 of 2 (1.3 to 98.7 %) | 0 of 2 (0.0 to 84.2 %) |")
    assert all("0 of 1 (0.0 to 97.5 %)" in row for row in rows[1:])


@pytest.fixture
def stage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> argparse.Namespace:
    """The options of the stage, with a gate that takes no time and stores nothing."""
    parser = argparse.ArgumentParser()
    add_options(parser)

    def no_gate(path: Path, *_: str) -> int:
        path.with_suffix(".log").write_text("a line\nit broke\n")
        return 3

    monkeypatch.setattr(identical, "gate", no_gate)
    options = parser.parse_args(["--jobs", "2", "--lines", str(tmp_path / "lines.jsonl")])
    options.folder = tmp_path
    return options


def test_stage_goes_on_where_it_was_cut_off(stage: argparse.Namespace) -> None:
    """Jobs of other code do not count, and what wanted two has two."""
    append_lines(stage.lines, replace(LINE, number=7))
    append_lines(stage.lines, replace(LINE, version=fingerprint(ROOT), number=1))
    carry_out(stage)
    carry_out(stage)
    lines = read_lines(stage.lines)
    assert [(line.version, line.number) for line in lines[1:]] == [(fingerprint(ROOT), 1), (fingerprint(ROOT), 2)]
    assert len(lines) == 3


def test_job_without_a_result_is_unproven(stage: argparse.Namespace) -> None:
    """It is a line all the same, which says what happened, and its log is kept."""
    carry_out(stage)
    line = read_lines(stage.lines)[0]
    assert line.answer.ended is Ended.UNPROVEN
    assert line.answer.said == "exit code 3 and no result: it broke"
    assert (stage.folder / "aa-three-1.log").exists()


def test_stage_ends_when_its_time_is_over(stage: argparse.Namespace) -> None:
    """It begins no further job."""
    stage.minutes = 0.0
    carry_out(stage)
    assert not stage.lines.exists()


def test_job_does_not_count_if_the_code_was_changed_in_it(
    stage: argparse.Namespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It would be counted for code that did not measure it."""
    prints = iter(["before", "after"])
    monkeypatch.setattr(identical, "fingerprint", lambda _: next(prints))
    carry_out(stage)
    assert not stage.lines.exists()


def test_table_shows_committed_jobs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """`calibrate table` reads them, and measures nothing."""
    append_lines(tmp_path / "lines.jsonl", LINE)
    assert main(["table", "--folder", str(tmp_path / "none"), "--lines", str(tmp_path / "lines.jsonl")]) == 0
    assert "0 of 1 (0.0 to 97.5 %)" in capsys.readouterr().out


def test_committed_lines_can_be_read() -> None:
    """Whatever field a later version adds."""
    for path in FOLDER.glob("*.jsonl"):
        assert read_lines(path)
