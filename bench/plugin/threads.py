"""How many threads a user may ask for: at most as many as there are cores."""

from __future__ import annotations

import re

from bench.host.limits import count_cores


def read_threads(text: str) -> int:
    """Return a number of threads.

    Raises:
        ValueError: if it is no whole number of at least 1, or if this process may run on fewer cores.
    """
    cores = count_cores()
    if not re.fullmatch(r"\d{1,9}", text) or int(text) < 1:
        raise ValueError(f"{text!r} is not a whole number of at least 1")
    if int(text) > cores:
        raise ValueError(f"{text} is more than the cores that this process may run on, which are {cores}")
    return int(text)
