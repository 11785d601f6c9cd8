"""Words that every answer is made of: how long it may be, and how a list reads in a sentence."""

from __future__ import annotations

from collections.abc import Iterable

MOST_SENTENCES = 5
"""An answer of more sentences is not read."""

MOST_NAMED = 3
"""So many cases are named in a list; the rest are counted."""


def join_words(words: Iterable[str], last: str = "and") -> str:
    """Return words as a list in a sentence: ``a, b and c``."""
    *most, end = words
    return f"{', '.join(most)} {last} {end}" if most else end


def name_some(names: Iterable[str]) -> str:
    """Return the first names of a list as words in a sentence, and how many more there are."""
    listed = list(names)
    left = len(listed) - MOST_NAMED
    return join_words([*listed[:MOST_NAMED], *([f"{left} more"] if left > 0 else [])])
