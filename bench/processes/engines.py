"""Every engine that reaches other machines, by name."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from bench.processes.local_engine import LocalEngine
from bench.processes.ray_engine import RayEngine
from bench.processes.remote import Engine, EngineError
from bench.processes.slurm_engine import SlurmEngine


def open_engine(text: str, labels: Mapping[str, str], count: int) -> Engine:
    """Return the engine that ``--nodes`` names.

    Args:
        text: such as ``local:2``, ``ray``, ``ray:ADDRESS`` or ``slurm:PARTITION``.
        labels: that a node must have.
        count: of nodes, where the engine takes as many as it is told.

    Raises:
        EngineError: if there is no such engine, no cluster, or its library is missing.
    """
    name, _, place = text.partition(":")
    if name not in ENGINES:
        raise EngineError(f"unknown engine {name!r}; known: {', '.join(WAYS)}")
    return ENGINES[name](place, labels, count)


ENGINES: Mapping[str, Callable[[str, Mapping[str, str], int], Engine]] = {
    "local": LocalEngine,
    "ray": RayEngine,
    "slurm": SlurmEngine,
}
"""Every engine by name."""

WAYS = ("local:N", "ray", "ray:ADDRESS", "slurm", "slurm:PARTITION")
"""How they are named."""
