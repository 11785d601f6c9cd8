"""A number stands before its noun as a person writes it."""

from __future__ import annotations

import pytest

from bench.record.how_many import how_many


@pytest.mark.parametrize(
    ("count", "noun", "words"),
    [
        (0, "case", "0 cases"),
        (1, "case", "1 case"),
        (3, "block", "3 blocks"),
        (1, "launch", "1 launch"),
        (2, "launch", "2 launches"),
    ],
)
def test_noun_follows_its_number(count: int, noun: str, words: str) -> None:
    """``1 blocks`` was in an answer."""
    assert how_many(count, noun) == words
