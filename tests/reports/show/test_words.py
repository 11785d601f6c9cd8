"""How lists read in a sentence."""

from __future__ import annotations

import pytest

from reports.show.words import join_words, name_some


@pytest.mark.parametrize(("words", "said"), [("a", "a"), ("ab", "a and b"), ("abc", "a, b and c")])
def test_list_in_a_sentence(words: str, said: str) -> None:
    """The last one is joined by a word."""
    assert join_words(words) == said


def test_long_list_is_cut_and_counted() -> None:
    """Nobody reads forty names."""
    assert name_some("abcde") == "a, b, c and 2 more"
    assert name_some("abc") == "a, b and c"
