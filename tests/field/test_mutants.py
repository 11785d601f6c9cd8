"""The program of breaks finds the lines that it breaks."""

from __future__ import annotations

import pytest

from bench.host.folders import ROOT
from tests.field.mutants import MUTANTS, Mutant


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: f"{mutant.path}: {mutant.broken.strip()[:40]}")
def test_line_that_is_broken_stands_there_once(mutant: Mutant) -> None:
    """A line that has moved would otherwise be missed when the program is next run, which is seldom."""
    assert (ROOT / mutant.path).read_text(encoding="utf-8").count(mutant.line) == 1
    assert mutant.line != mutant.broken
