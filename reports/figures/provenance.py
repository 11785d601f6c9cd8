"""Where a run comes from, in short facts that stand beside every figure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from bench.record.run import Run
from reports.show.escape import plain
from reports.show.units import data_size

UNKNOWN = "unknown"
COMMIT_DIGITS = 12
"""Git itself shortens to about so many digits in the largest repositories."""

DATA = {"fashion-mnist": "real FashionMNIST images", "random": "random images", "own": "each model's own inputs"}

SWITCHES = {
    "steady.bound_threads": "threads not bound",
    "steady.fixed_allocator": "allocator not fixed",
    "steady.no_gc": "garbage collector on",
    "steady.interleaved": "variants not interleaved",
}
"""What is held still unless it was turned off, and what to say then."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Provenance:
    """Where and how a run was made, each as one text without control characters; what is missing is unknown.

    Attributes:
        devices: description of each planned device.
        torch_version: of the torch that was measured.
        commit: shortened, and whether the working tree differed from it.
        data: which images.
        machine: processor, cores, memory and threads.
        switches: what was not held still.
        launches: asked for.
        seed: of weights, random inputs and order.
    """

    devices: Mapping[str, str]
    torch_version: str
    commit: str
    data: str
    machine: str
    switches: tuple[str, ...]
    launches: int
    seed: int


def provenance(run: Run) -> Provenance:
    """Return where a run was made."""
    fact = run.environment.get
    names = dict.fromkeys(case.device for case in run.cases)
    dirty = " with uncommitted changes" if fact("commit.dirty") is True else ""
    memory = fact("machine.memory_bytes")
    sized = data_size(memory) if isinstance(memory, int | float) else None
    images = DATA.get(str(fact("data.source")), UNKNOWN)
    why = fact("data.reason")
    cores, threads = _fact(run, "machine.cores"), _fact(run, "torch.threads")
    parts = (_fact(run, "machine.cpu"), f"{cores} cores", f"{threads} threads")
    return Provenance(
        devices={name: _fact(run, f"device.{name}.description") for name in names},
        torch_version=_fact(run, "torch.version"),
        commit=_fact(run, "commit.id")[:COMMIT_DIGITS] + dirty,
        data=f"{images} ({plain(str(why))})" if why and images != DATA["fashion-mnist"] else images,
        machine=", ".join((*parts, sized) if sized else parts),
        switches=tuple(words for name, words in SWITCHES.items() if fact(name) is False),
        launches=run.settings.launches,
        seed=run.settings.seed,
    )


def _fact(run: Run, name: str) -> str:
    """Return a fact as one line of text; ``unknown`` if this run does not know it."""
    value = run.environment.get(name)
    return UNKNOWN if value is None else plain(str(value))
