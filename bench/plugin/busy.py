"""What is said before anything is measured where the machine is busy with something else."""

from __future__ import annotations

import os

from bench.record.conditions import is_busy
from bench.record.how_many import how_many


def tell_busy() -> str | None:
    """Return a sentence where more processes want to run than a quiet machine has; None where it is quiet."""
    load, cores = os.getloadavg()[0], os.cpu_count() or 1
    if not is_busy(load, cores):
        return None
    return f"the machine is busy (load {load:.1f} on {how_many(cores, 'core')}): what is measured now is of that, too"
