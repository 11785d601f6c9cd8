"""A number with its noun, for every sentence that counts something."""

from __future__ import annotations


def how_many(count: int, noun: str) -> str:
    """Return ``1 case``, ``0 cases``, ``3 cases`` , ``2 launches`` or ``2 processes``."""
    plural = f"{noun}es" if noun.endswith(("ch", "s")) else f"{noun}s"
    return f"{count} {noun if count == 1 else plural}"
