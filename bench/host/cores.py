"""Which cores this process may run on, and how several processes share them out."""

from __future__ import annotations

import os
from pathlib import Path

from bench.host.limits import count_cores

TOPOLOGY = Path("/sys/devices/system/cpu")
"""Where Linux tells which logical processors are one core."""

Places = tuple[tuple[int, ...], ...]
"""Cores, each by the numbers of its logical processors that may be used."""


def list_places(topology: Path = TOPOLOGY) -> Places:
    """Return the cores that this process may run on; where the system does not tell, so many by number."""
    if not hasattr(os, "sched_getaffinity"):
        return tuple((number,) for number in range(count_cores()))
    cores: dict[str, list[int]] = {}
    for number in sorted(os.sched_getaffinity(0)):
        try:
            siblings = (topology / f"cpu{number}" / "topology" / "thread_siblings_list").read_text(encoding="ascii")
        except OSError:
            siblings = str(number)
        cores.setdefault(siblings.strip(), []).append(number)
    return tuple(tuple(numbers) for numbers in cores.values())


def share_places(places: Places, ranks: int) -> tuple[Places, ...] | None:
    """Return equal shares of cores, one for each rank; None if there are fewer cores than ranks.

    Cores that are left over belong to nobody, since a rank that had one more would wait for the others.
    """
    size = len(places) // ranks
    if not size:
        return None
    return tuple(places[rank * size : (rank + 1) * size] for rank in range(ranks))
