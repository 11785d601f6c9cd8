"""What is written is whole, and no old picture stands beside new tables."""

from __future__ import annotations

from pathlib import Path

import pytest

from reports.show.files import NothingToDrawError, Output, text_output, write_outputs


def refuse() -> list[bytes]:
    """Raise as a picture without data does."""
    raise NothingToDrawError("no case was measured")


def test_files_are_written_in_order_into_a_new_folder(tmp_path: Path) -> None:
    """Their paths are what a command prints."""
    folder = tmp_path / "new" / "folder"
    both = Output(names=("a.svg", "a.png"), make=lambda: [b"<svg>", b"png"])
    written = write_outputs(folder, [both, text_output("b.md", lambda: "é")])
    assert written == [folder / "a.svg", folder / "a.png", folder / "b.md"]
    assert [path.read_bytes() for path in written] == [b"<svg>", b"png", "é".encode()]


def test_output_with_nothing_to_show_removes_its_old_files_and_says_why(tmp_path: Path) -> None:
    """The other outputs are written."""
    (tmp_path / "a.png").write_bytes(b"of another run")
    said: list[str] = []
    outputs = [Output(names=("a.svg", "a.png"), make=refuse), text_output("b.md", lambda: "b")]
    assert write_outputs(tmp_path, outputs, say=said.append) == [tmp_path / "b.md"]
    assert said == ["a: no case was measured"]
    assert [path.name for path in tmp_path.iterdir()] == ["b.md"]


def test_wrong_number_of_contents_is_an_error(tmp_path: Path) -> None:
    """A picture that is missing must not go unnoticed."""
    with pytest.raises(ValueError, match="zip"):
        write_outputs(tmp_path, [Output(names=("a.svg", "a.png"), make=lambda: [b"<svg>"])])
