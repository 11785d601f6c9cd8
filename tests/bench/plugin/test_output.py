"""Where a run writes."""

from __future__ import annotations

import json
import os
from pathlib import Path

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
