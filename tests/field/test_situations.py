"""The table of situations names tests that exist."""

from __future__ import annotations

import re

from bench.host.folders import ROOT

TABLE = ROOT / "tests" / "field" / "situations.md"
NAMED = re.compile(r"`(?P<file>[\w/]+\.py)(?:::(?P<test>\w+))?`|`(?P<sibling>test_\w+)`")
"""A file below ``tests/bench`` or ``tests`` and perhaps one of its tests; a test alone is of the file before it."""


def test_every_test_that_a_row_names_exists() -> None:
    """A renamed test would leave a row without one."""
    rows = [row for row in TABLE.read_text(encoding="utf-8").splitlines() if row.startswith("| ")][1:]
    missing, found = [], 0
    for row in rows:
        source = ""
        for named in NAMED.finditer(row.rsplit("|", 2)[1]):
            if named["file"]:
                places = [ROOT / folder / named["file"] for folder in ("tests/bench", "tests", "")]
                source = "".join(place.read_text(encoding="utf-8") for place in places if place.is_file())
                missing += [named["file"]] if not source else []
            test = named["test"] or named["sibling"]
            missing += [test] if test and f"def {test}(" not in source else []
            found += 1
    assert missing == []
    assert found >= len(rows) - 1, "every row but one names a test"
