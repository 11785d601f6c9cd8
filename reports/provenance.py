"""Where a run's numbers come from, in the words that stand under every table and picture."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from statistics import median

from bench.record.run import Finish, Run
from reports.escape import plain
from reports.evidence import QUICK
from reports.roofline import no_ceiling, roofs
from reports.stats import CONFIDENCE
from reports.units import Unit, data_size, percent, seconds, text

UNKNOWN = "unknown"
COMMIT_DIGITS = 12
DATA = {"fashion-mnist": "real FashionMNIST images", "random": "random images"}

MEANING = (
    "A figure is the median over launches (fresh processes) of each launch's median over slices;"
    f" [low, high] is its {CONFIDENCE:.0%} interval over launches (Wilcoxon signed rank)."
).replace("%", " %")

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
        seed: of weights, random images and order.
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
        switches=tuple(said for name, said in SWITCHES.items() if fact(name) is False),
        launches=run.settings.launches,
        seed=run.settings.seed,
    )


def headlines(run: Run) -> list[str]:
    """Return what must be read before any number: nothing was timed, or the run did not end as planned."""
    lines = []
    if run.settings.quick:
        lines.append(f"{QUICK[0].upper()}{QUICK[1:]}.")
    if run.finish is None:
        lines.append("The run died before it could say how it ended: what follows is what was on disk.")
    elif not run.finish.complete:
        lines.append(f"The run is incomplete: {plain(str(run.finish.reason))}.")
    return lines


def footer(run: Run) -> list[str]:
    """Return the lines under a table: where and how the run was made, and what its figures mean."""
    where = provenance(run)
    lines = [f"Device {plain(name)}: {said}{_at_best(run, name)}." for name, said in where.devices.items()]
    lines += [f"No ceiling for {plain(what)}: {plain(why)}." for what, why in no_ceiling(run).items()]
    lines.append(f"Machine: {where.machine}.")
    amount = "each case once" if run.settings.quick else f"{where.launches} launches"
    lines.append(
        f"torch {where.torch_version}; commit {where.commit}; data: {where.data}; {amount}; seed {where.seed}."
    )
    if where.switches:
        lines.append(f"Not held still: {', '.join(where.switches)}.")
    if run.settings.quick:
        return lines
    lines.append(MEANING)
    if run.finish is not None and run.finish.wall_seconds > 0:
        lines.append(_spent(run.finish))
    return lines


def _at_best(run: Run, device: str) -> str:
    """Return what a device did at best in this run, and what waiting for it costs; nothing where nothing was timed."""
    found = {dtype: roof for (name, dtype), roof in roofs(run).items() if name == device}
    rates = [f"{text(Unit.FLOPS_PER_SECOND, roof.flops_per_second)} ({dtype})" for dtype, roof in found.items()]
    parts = [f"products {', '.join(rates)}"] if rates else []
    parts += [f"copies {text(Unit.BYTES_PER_SECOND, roof.bytes_per_second)}" for roof in [*found.values()][:1]]
    waits = [one.slices.clock_seconds for one in run.measurements if one.slices and one.case.device == device]
    if waits and device.partition(":")[0] != "cpu":
        parts.append(f"waiting for it takes {seconds(median(waits))}")
    return "".join(f"; {part}" for part in parts)


def caption(run: Run) -> str:
    """Return one line for under a picture."""
    where = provenance(run)
    devices = "; ".join(f"{plain(name)}: {said}" for name, said in where.devices.items())
    return f"{devices} | torch {where.torch_version} | commit {where.commit} | {where.data} | {where.launches} launches"


def _spent(finish: Finish) -> str:
    """Return where the wall time of a run went; the rest is what the harness itself costs."""
    known = {
        "slices": finish.slice_seconds,
        "warm-up": finish.warmup_seconds,
        "compiling": finish.compile_seconds,
    }
    shares = [f"{name} {percent(spent / finish.wall_seconds)}" for name, spent in known.items()]
    rest = percent(max(finish.wall_seconds - sum(known.values()), 0.0) / finish.wall_seconds)
    what = "The part after the resume" if finish.resumed else "The run"
    return f"{what} took {seconds(finish.wall_seconds)}: {', '.join(shares)}, rest {rest}."


def _fact(run: Run, name: str) -> str:
    """Return a fact as one line of text; ``unknown`` if this run does not know it."""
    value = run.environment.get(name)
    return UNKNOWN if value is None else plain(str(value))
