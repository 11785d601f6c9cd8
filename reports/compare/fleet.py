"""The nodes of a fleet as contenders."""

from __future__ import annotations

from bench.record.fleet import Fleet
from reports.compare.contenders import gather_contenders, list_sources
from reports.compare.rows import Match


def match_fleet(fleet: Fleet) -> Match:
    """Return every node's devices side by side, the first as the reference.

    Raises:
        UnreadableError: if fewer than two devices measured anything, or they have no case in common.
    """
    contenders = gather_contenders(list_sources(fleet))
    return Match(contenders=contenders, reference=contenders[0], prices={})
