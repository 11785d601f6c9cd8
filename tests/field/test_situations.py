"""The table of situations names tests that exist."""

from __future__ import annotations

import re

from bench.host.folders import ROOT

TABLE = ROOT / "tests" / "field" / "situations.md"
NAMED = re.compile(r"`(?P<file>[\w/]+\.py)(?:::(?P<test>\w+))?`|`(?P<sibling>test_\w+)`")
"""A file below ``tests/bench`` or ``tests`` and perhaps one of its tests; a test alone is of the file before it."""


def list_rows() -> list[str]:
    """Return the rows of both tables, without their heads."""
    lines = TABLE.read_text(encoding="utf-8").splitlines()
    heads = {index - 1 for index, line in enumerate(lines) if line.startswith("|-")}
    return [line for index, line in enumerate(lines) if line.startswith("| ") and index not in heads]


def test_every_test_that_a_row_names_exists() -> None:
    """A renamed test would leave a row without one."""
    rows = list_rows()
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


def test_every_number_is_that_of_the_places_behind_it() -> None:
    """A number that nobody can check says nothing; each of the 31 items has its row."""
    rows = [re.split(r" ?\| ?", row)[1:-1] for row in list_rows() if re.match(r"\| \d+ \|", row)]
    assert [int(row[0]) for row in rows] == list(range(1, 32))
    for item, _, covered, mended, _ in rows:
        for cell in (covered, mended):
            number, _, places = cell.partition(": ")
            assert int(number) == len(places.split("; ") if places else []), (item, cell)
