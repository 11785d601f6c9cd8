"""pytest-benchmark's JSON is written aside and published whole."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from bench.plugin.document import JsonTarget


@pytest.fixture
def target(tmp_path: Path) -> JsonTarget:
    """Where pytest-benchmark writes, and where the result belongs."""
    return JsonTarget(tmp_path / "out.json", tmp_path / "aside" / "part.json")


def test_target_is_written_aside_and_shown_as_the_final_name(target: JsonTarget) -> None:
    """An interrupted write of pytest-benchmark's leaves the earlier result alone."""
    assert os.fspath(target) == str(target.aside)
    assert str(target) == str(target.final)


def test_publish_puts_the_document_in_its_place(target: JsonTarget) -> None:
    """Whole, and over an earlier one."""
    target.final.write_text("old")
    target.aside.parent.mkdir()
    target.aside.write_text('{"benchmarks": [1]}')
    assert target.publish(lambda: pytest.fail("made another")) == target.final  # type: ignore[arg-type,return-value]
    assert target.final.read_text() == '{"benchmarks": [1]}'


def test_publish_makes_the_document_where_pytest_benchmark_made_none(target: JsonTarget) -> None:
    """When no case was measured, an old result must not stay as if it were the new one."""
    target.final.write_text("old")
    assert target.publish(lambda: {"benchmarks": []}) == target.final
    assert target.final.read_text() == '{\n "benchmarks": []\n}'


def test_result_that_cannot_be_written_is_rescued(
    target: JsonTarget, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Into the system's temporary folder, and the caller says where."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    target.final.mkdir()
    rescued = target.publish(lambda: {"benchmarks": []})
    assert rescued != target.final
    assert rescued.parent.name.startswith("rescued-out-")
    assert "benchmarks" in rescued.read_text()
