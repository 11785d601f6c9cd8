"""What was measured is published once, where it was asked for, or else where it can be."""

from __future__ import annotations

import io
import os
from pathlib import Path

import pytest
from _pytest.terminal import TerminalReporter

from bench.plugin.document import JsonTarget
from bench.plugin.output import Output
from bench.plugin.publication import Publication

DOCUMENT = b'{"benchmarks": [1]}'


@pytest.fixture
def publication(tmp_path: Path) -> Publication:
    """A publication of what pytest-benchmark has written aside."""
    output = Output(tmp_path / "out.json", reports=tmp_path / "reports")
    output.prepare()
    aside = tmp_path / "aside.json"
    aside.write_bytes(DOCUMENT)
    return Publication(output, JsonTarget(output.json_path, aside))


def write(folder: Path) -> str:
    """Write a report."""
    (folder / "table.txt").write_text("a table")
    return "tables"


def test_everything_is_where_it_was_asked_for(publication: Publication, pytestconfig: pytest.Config) -> None:
    """And the journal is named where there is one."""
    output = publication.output
    output.journal_path.touch()
    assert publication.publish(pytestconfig, write)
    assert output.json_path.read_bytes() == DOCUMENT
    assert (output.folder / "table.txt").read_text() == "a table"
    assert publication.messages == [
        f"results: {output.json_path}  (journal: {output.journal_path})",
        f"tables: {output.folder}",
    ]


def test_journal_that_is_not_there_is_not_named(publication: Publication, pytestconfig: pytest.Config) -> None:
    """It was removed while the run was writing it."""
    publication.publish(pytestconfig, write)
    assert publication.messages[0] == f"results: {publication.output.json_path}"


def test_json_that_cannot_be_written_is_rescued_and_said(
    publication: Publication, pytestconfig: pytest.Config, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is not where it was asked for, which is no success."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    publication.output.json_path.mkdir()
    assert not publication.publish(pytestconfig, write)
    (rescued,) = tmp_path.glob("rescued-*/out.json")
    assert rescued.read_bytes() == DOCUMENT
    assert publication.messages == [
        f"results: {rescued}",
        f"tables: {publication.output.folder}",
        f"they could not be written to {publication.output.json_path}",
    ]


def test_report_that_cannot_be_written_is_said(publication: Publication, pytestconfig: pytest.Config) -> None:
    """The JSON and the journal have it all."""

    def fail(folder: Path) -> str:
        raise OSError(28, "No space left on device", str(folder / "table.txt"))

    assert not publication.publish(pytestconfig, fail)
    output = publication.output
    assert publication.messages[-1] == (
        f"{output.folder / 'table.txt'}: No space left on device; what is on disk is in {output.journal_path}"
    )


def test_broken_end_of_a_session_is_made_up_for_once(
    publication: Publication, pytestconfig: pytest.Config, capsys: pytest.CaptureFixture[str]
) -> None:
    """Also where something was said before; what pytest cannot show any more goes to standard error."""
    publication.say("an earlier journal is kept")
    publication.rescue(pytestconfig, write)
    assert publication.output.json_path.read_bytes() == DOCUMENT
    assert capsys.readouterr().err.splitlines() == publication.messages
    publication.output.json_path.unlink()
    publication.rescue(pytestconfig, write)
    assert not publication.output.json_path.exists()
    assert capsys.readouterr().err == ""


def test_summary_begins_with_where_everything_lies(publication: Publication, pytestconfig: pytest.Config) -> None:
    """The answer comes last."""
    stream = io.StringIO()
    publication.say("results: out.json")
    publication.show(TerminalReporter(pytestconfig, file=stream), ["1 measured"])
    title, *lines = stream.getvalue().splitlines()
    assert " accelbench " in title
    assert lines == ["results: out.json", "", "1 measured"]


@pytest.mark.parametrize(
    ("line", "colour"),
    [
        ("REGRESSED · 1", 31),
        ("FAILED · 1", 31),
        ("PASS · 2", 32),
        ("UNSTEADY: load", 33),
        ("PASSABLE", None),
        ("", None),
    ],
)
def test_word_that_says_how_it_ended_has_a_colour(
    line: str, colour: int | None, publication: Publication, pytestconfig: pytest.Config
) -> None:
    """Where colours are wanted, and beside the word."""
    for wanted in (True, False):
        stream = io.StringIO()
        reporter = TerminalReporter(pytestconfig, file=stream)
        reporter._tw.hasmarkup = wanted
        publication.show(reporter, ["measured", line])
        said = stream.getvalue().splitlines()[-1]
        assert said == (f"\x1b[{colour}m\x1b[1m{line}\x1b[0m" if wanted and colour else line)


def test_session_with_nothing_to_say_says_nothing(publication: Publication, pytestconfig: pytest.Config) -> None:
    """No heading without a line."""
    stream = io.StringIO()
    publication.show(TerminalReporter(pytestconfig, file=stream), [])
    assert stream.getvalue() == ""


def test_reports_of_an_earlier_result_do_not_stand_beside_the_new_ones(
    publication: Publication, pytestconfig: pytest.Config
) -> None:
    """A gate's answer beside a run's tables would be read as one result; a file of the user's is not ours to remove."""
    folder = publication.output.folder
    (folder / "mine.txt").write_text("a user's own")

    def write_gate(place: Path) -> str:
        (place / "gate.md").write_text("an answer")
        return "an answer"

    publication.publish(pytestconfig, write_gate)
    assert sorted(path.name for path in folder.iterdir() if not path.name.startswith(".")) == ["gate.md", "mine.txt"]
    publication.publish(pytestconfig, write)
    assert sorted(path.name for path in folder.iterdir() if not path.name.startswith(".")) == ["mine.txt", "table.txt"]
    publication.publish(pytestconfig, write)
    assert (folder / "table.txt").exists()


def test_links_in_the_folder_of_reports_are_a_users_own(publication: Publication, pytestconfig: pytest.Config) -> None:
    """One to nothing ends no run; a report that is kept elsewhere, behind a link, is not taken for a stale one."""
    folder = publication.output.folder
    (folder / "gone.txt").symlink_to("nowhere")
    (folder / "round.txt").symlink_to("round.txt")
    assert publication.publish(pytestconfig, write)
    kept = folder.parent / "kept.txt"
    (folder / "table.txt").rename(kept)
    (folder / "table.txt").symlink_to(kept)
    assert publication.publish(pytestconfig, write)
    assert {path.name for path in folder.iterdir() if path.is_symlink()} == {"gone.txt", "round.txt", "table.txt"}
    assert kept.read_text() == "a table"


def test_report_whose_name_is_no_text_is_listed(publication: Publication, pytestconfig: pytest.Config) -> None:
    """A file of such a name that somebody put there meanwhile ended the session in a traceback."""
    strange = os.fsdecode(b"caf\xe9.txt")

    def write_strange(folder: Path) -> str:
        (folder / strange).write_text("a table")
        return "a table"

    assert publication.publish(pytestconfig, write_strange)
    assert publication.publish(pytestconfig, write)
    assert not (publication.output.folder / strange).exists()
