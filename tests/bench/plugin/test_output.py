"""Where a run writes."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from bench.host.folders import ROOT
from bench.plugin.output import Output


def test_results_for_a_pipe_go_into_it_and_the_journal_to_the_reports(tmp_path: Path) -> None:
    """``--benchmark-json /dev/null`` once replaced the device of the whole machine by a file."""
    path = tmp_path / "pipe.json"
    os.mkfifo(path)
    output = Output(path, reports=tmp_path / "reports")
    try:
        output.prepare()
        output.lock()
        assert output.journal_path == output.folder / "run.jsonl"
        reader = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
        assert output.target().publish(lambda: {"benchmarks": []}) == path
        assert json.loads(os.read(reader, 1000)) == {"benchmarks": []}
        os.close(reader)
    finally:
        output.close()
    assert path.is_fifo()
    assert sorted(tmp_path.iterdir()) == [path, tmp_path / "reports"]


@pytest.mark.parametrize(
    ("names", "folders", "journals"),
    [
        (("a/out.json", "b/out.json"), ["out", "out-2"], ["a/out.jsonl", "b/out.jsonl"]),
        (("v1.2.json", "v1.3.json"), ["v1.2", "v1.3"], ["v1.2.jsonl", "v1.3.jsonl"]),
        (("v1.2", "v1.3"), ["v1.2", "v1.3"], ["v1.2.jsonl", "v1.3.jsonl"]),
        (("out.json", "out.json"), ["out", "out"], ["out.jsonl", "out.jsonl"]),
    ],
)
def test_no_two_results_share_a_folder_or_a_journal(
    names: tuple[str, str], folders: list[str], journals: list[str], tmp_path: Path
) -> None:
    """The same result again goes where it was."""
    found = []
    for name in names:
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        output = Output(path, reports=tmp_path / "reports")
        output.prepare()
        path.write_text("{}")
        found.append(output)
    assert [output.folder.name for output in found] == folders
    assert [str(output.journal_path.relative_to(tmp_path)) for output in found] == journals


def test_name_that_is_too_long_is_named_before_anything_is_measured(pytester: pytest.Pytester) -> None:
    """It was a traceback of pytest's."""
    name = "n" * 300
    result = pytester.runpytest_inprocess(ROOT / "bench", "-p", "no:cacheprovider", f"--benchmark-json={name}.json")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines([f"ERROR: *{name}*: File name too long"])


def test_empty_name_is_a_sentence() -> None:
    """``--benchmark-json "$OUT"`` with nothing in the variable."""
    with pytest.raises(pytest.UsageError, match="--benchmark-json is empty; name a file"):
        Output(Path())


def test_folder_of_a_result_that_is_gone_is_free(tmp_path: Path) -> None:
    """Nobody misses its reports."""
    (tmp_path / "a").mkdir()
    Output(tmp_path / "a" / "out.json", reports=tmp_path / "reports").prepare()
    assert Output(tmp_path / "out.json", reports=tmp_path / "reports").folder.name == "out"


def test_reports_that_cannot_be_written_are_beside_the_json(tmp_path: Path) -> None:
    """A read-only checkout can be used."""
    (tmp_path / "reports").write_text("a file where the folder should be")
    output = Output(tmp_path / "out.json", reports=tmp_path / "reports")
    output.prepare()
    assert output.folder == tmp_path / "out-reports"
    assert output.remark is not None
    assert str(tmp_path / "out-reports") in output.remark
    with pytest.raises(pytest.UsageError, match="choose another folder by --reports"):
        Output(None, reports=tmp_path / "reports").prepare()


@pytest.mark.parametrize("make", [os.mkfifo, Path.mkdir], ids=["pipe", "folder"])
def test_journal_goes_into_a_file_and_nothing_else(make: Callable[[Path], None], tmp_path: Path) -> None:
    """A pipe that nobody reads would hold the run for ever, and a folder of the user's is not ours to rename."""
    make(tmp_path / "out.jsonl")
    with pytest.raises(pytest.UsageError, match=r"out\.jsonl is no file, and the journal goes there"):
        Output(tmp_path / "out.json", reports=tmp_path / "reports").prepare()
