"""Every program of this folder ends quietly where its reader leaves early."""

from __future__ import annotations

import subprocess
import sys

import pytest

from bench.host.folders import ROOT
from tests.field.program import BROKEN_PIPE

PROGRAMS = sorted(
    path.name for path in (ROOT / "tests" / "field").glob("[!t]*.py") if "\nif __name__ ==" in path.read_text()
)


@pytest.mark.parametrize("name", PROGRAMS)
def test_program_ends_in_the_one_way_that_knows_a_broken_pipe(name: str) -> None:
    """One that calls its main by itself would end in a traceback behind ``| head``."""
    last = (ROOT / "tests" / "field" / name).read_text().rstrip().splitlines()[-1]
    assert last == "    end_with(main)"


def test_reader_that_leaves_early_is_no_traceback() -> None:
    """A program of hours is watched through ``head`` and ``grep -m``."""
    code = "from tests.field.program import end_with; end_with(lambda _: print('line\\n' * 100_000))"
    with subprocess.Popen(
        [sys.executable, "-c", code], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as program:
        assert program.stdout is not None
        assert program.stderr is not None
        program.stdout.readline()
        program.stdout.close()
        assert program.stderr.read() == b""
    assert program.returncode == BROKEN_PIPE
