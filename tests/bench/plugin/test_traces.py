"""The folder of traces is made, or the reason why not is said; nothing else stops."""

from __future__ import annotations

from pathlib import Path

from bench.plugin.traces import open_traces


def test_folder_is_made_and_named(tmp_path: Path) -> None:
    """Workers run elsewhere: it is absolute."""
    said: list[str] = []
    folder = tmp_path / "new" / "traces"
    assert open_traces(folder, said.append) == folder.absolute()
    assert folder.is_dir()
    assert said == [f"traces, for ui.perfetto.dev or chrome://tracing: {folder}"]
    assert open_traces(None, said.append) is None


def test_folder_that_cannot_be_written_is_a_sentence(tmp_path: Path) -> None:
    """The run goes on without traces."""
    said: list[str] = []
    (tmp_path / "file").touch()
    assert open_traces(tmp_path / "file" / "traces", said.append) is None
    (sentence,) = said
    assert sentence.startswith(f"--trace-dir {tmp_path / 'file' / 'traces'}: cannot write there (")
    assert sentence.endswith("), so that no trace is kept")
