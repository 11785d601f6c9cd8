"""The sentences that stand before and after the tables and pictures of a run."""

from __future__ import annotations

from statistics import median

from bench.record.case import on_cpu
from bench.record.how_many import how_many
from bench.record.run import Finish, Run
from reports.figures.evidence import QUICK
from reports.figures.provenance import provenance
from reports.figures.roofline import no_ceiling, roofs
from reports.figures.unsteadiness import find_unsteadiness
from reports.show.escape import plain
from reports.show.units import Unit, percent, seconds, text
from reports.stats.intervals import CONFIDENCE

WHAT_TO_DO = (
    "The figures are of a busy machine: stop what else runs there and measure again, or ask for a change of code by"
    " --against, which measures both sides in turn."
)

MEANING = (
    "A figure is the median over launches (fresh processes) of each launch's median over slices;"
    f" [low, high] is its {CONFIDENCE:.0%} interval over launches (Wilcoxon signed rank)."
    " A speed-up is taken within sets, so it need not be the quotient of two such times."
).replace("%", " %")


def make_headlines(run: Run) -> list[str]:
    """Return what must be read before any number: the machine was busy, nothing was timed, or it ended too early."""
    lines = []
    if not run.settings.quick and (unsteadiness := find_unsteadiness(run)):
        lines.append(f"UNSTEADY: {'; '.join(unsteadiness)}. {WHAT_TO_DO}")
    if run.settings.quick:
        lines.append(f"{QUICK[0].upper()}{QUICK[1:]}.")
    if run.finish is None:
        lines.append("The run died before it could say how it ended: what follows is what was on disk.")
    elif not run.finish.complete:
        lines.append(f"The run is incomplete: {plain(str(run.finish.reason))}.")
    return lines


def make_footer(run: Run) -> list[str]:
    """Return the lines under a table: where and how the run was made, and what its figures mean."""
    where = provenance(run)
    lines = [
        f"Device {plain(name)}: {description}{_at_best(run, name)}." for name, description in where.devices.items()
    ]
    lines += [f"No ceiling for {plain(what)}: {plain(why)}." for what, why in no_ceiling(run).items()]
    lines.append(f"Machine: {where.machine}.")
    amount = "each case once" if run.settings.quick else how_many(where.launches, "launch")
    lines.append(
        f"torch {where.torch_version}; commit {where.commit}; data: {where.data}; {amount}; seed {where.seed}."
    )
    if where.switches:
        lines.append(f"Not held still: {', '.join(where.switches)}.")
    if overridden := run.environment.get("steady.overrides"):
        lines.append(f"Set otherwise by this program: {plain(str(overridden))}.")
    if run.settings.quick:
        return lines
    lines.append(MEANING)
    if run.finish is not None and run.finish.wall_seconds > 0:
        lines.append(_spent(run.finish))
    return lines


def _at_best(run: Run, device: str) -> str:
    """Return what a device did at best in this run, and what waiting for it costs; nothing where nothing was timed."""
    own = {dtype: roof for (name, dtype), roof in roofs(run).items() if name == device}
    rates = [f"{text(Unit.FLOPS_PER_SECOND, roof.flops_per_second)} ({dtype})" for dtype, roof in own.items()]
    parts = [f"at best {', '.join(rates)} in products of matrices"] if rates else []
    copies = [f"{text(Unit.BYTES_PER_SECOND, roof.bytes_per_second)} in copies" for roof in [*own.values()][:1]]
    parts = [" and ".join([*parts, *copies])] if parts or copies else []
    waits = [
        measurement.slices.clock_seconds
        for measurement in run.measurements
        if measurement.slices and measurement.case.device == device
    ]
    if waits and not on_cpu(device):
        parts.append(f"waiting for it takes {seconds(median(waits))}")
    return "".join(f"; {part}" for part in parts)


def make_caption(run: Run) -> str:
    """Return one line for under a picture."""
    where = provenance(run)
    devices = "; ".join(f"{plain(name)}: {description}" for name, description in where.devices.items())
    launches = how_many(where.launches, "launch")
    return f"{devices} | torch {where.torch_version} | commit {where.commit} | {where.data} | {launches}"


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
