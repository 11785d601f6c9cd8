"""What compiling costs and when it pays off: seconds by phase, and the iterations after which they are saved again.

The saving is taken between a compiled case and its eager twin of the same launch and set, so that the state of the
machine is in neither; the launch is the replicate, as in every other figure of a run.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from math import ceil
from statistics import median

from bench.record.case import Case
from bench.record.compiling import Compiling, Frame, GraphBreak
from bench.record.run import Run
from reports.figures.evidence import Evidence, examine
from reports.stats.intervals import CONFIDENCE, hodges_lehmann, walsh_interval

PHASES = ("dynamo", "aot", "inductor", "code_gen")
"""From the outermost to the innermost: each of them is a part of the one before."""


class Payoff(StrEnum):
    """Whether compiling pays off."""

    AFTER = "after so many iterations"
    NEVER = "never"
    UNKNOWN = "cannot be told"


@dataclass(frozen=True, slots=True, kw_only=True)
class Saving:
    """What a compiled case saves over its eager twin.

    Attributes:
        seconds: per iteration; below 0 where compiled is slower.
        low, high: its interval; None with fewer launches than one takes.
        eager_seconds, compiled_seconds: per iteration, of both.
    """

    seconds: float
    low: float | None
    high: float | None
    eager_seconds: float
    compiled_seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class CompileAccount:
    """What compiling a case costs, what the compiler made of it, and when it pays off.

    Attributes:
        case: which.
        cold_forward, cold_backward, warm_forward, warm_backward: seconds, the median over processes; None where that
            was not seen, or the step has no backward.
        cold_is_proved: whether every process with empty caches found nothing in them.
        warm_is_proved: whether every process with full ones compiled nothing anew.
        phases: own seconds of each of `PHASES` with empty caches; empty where torch does not tell.
        frames_reason: why it does not.
        graphs, recompiles, kernels: the most over all processes.
        guards: of all frames; None where torch does not tell.
        breaks: each place once.
        recompile_reasons: each once.
        saving: over eager; None where the eager twin was not measured.
        payoff: whether compiling pays off.
        iterations: after so many it does; None unless it does.
        iterations_low, iterations_high: the interval of that; None where there is none.
        import_seconds: of importing the compiler, which is in no other figure.
        reasons: why processes failed, each once.
    """

    case: Case
    cold_forward: float | None
    cold_backward: float | None
    warm_forward: float | None
    warm_backward: float | None
    cold_is_proved: bool
    warm_is_proved: bool
    phases: Mapping[str, float]
    frames_reason: str | None
    graphs: int
    recompiles: int
    kernels: int
    guards: int | None
    breaks: tuple[GraphBreak, ...]
    recompile_reasons: tuple[str, ...]
    saving: Saving | None
    payoff: Payoff
    iterations: int | None
    iterations_low: int | None
    iterations_high: int | None
    import_seconds: float
    reasons: tuple[str, ...]

    @property
    def cost(self) -> float | None:
        """Return what must be paid back: a step that is timed backward pays for its backward alone."""
        if self.cold_forward is None:
            return None
        if self.cold_backward is None:
            return self.cold_forward
        return self.cold_backward + (0.0 if self.case.step == "backward" else self.cold_forward)


def list_compile_accounts(run: Run) -> Mapping[Case, CompileAccount | str]:
    """Return the account of each case that was compiled, or why there is none, in display order."""
    evidence = examine(run)
    accounts: dict[Case, CompileAccount | str] = {}
    for case in dict.fromkeys(compiled.case for compiled in run.compiled):
        own = [compiled for compiled in run.compiled if compiled.case == case]
        cold, warm = (
            [one.compiling for one in own if one.compiling is not None and one.cold is which] for which in (True, False)
        )
        reasons = tuple(dict.fromkeys(str(one.reason) for one in own if one.reason is not None))
        twin = evidence.get(replace(case, compile="off"))
        saving = None if twin is None else find_saving(twin, evidence[case])
        accounts[case] = _account(case, cold, warm, saving, reasons) if cold else reasons[0]
    return accounts


def _account(
    case: Case, cold: Sequence[Compiling], warm: Sequence[Compiling], saving: Saving | None, reasons: tuple[str, ...]
) -> CompileAccount:
    every = [*cold, *warm]
    frames = [one.frames for one in cold if one.frames]
    guards = [count for one in cold if (count := _count_guards(one.frames)) is not None]
    account = CompileAccount(
        case=case,
        cold_forward=median(one.forward_seconds for one in cold),
        cold_backward=_median(one.backward_seconds for one in cold),
        warm_forward=_median(one.forward_seconds for one in warm),
        warm_backward=_median(one.backward_seconds for one in warm),
        cold_is_proved=all(one.cache_hits == 0 and one.cache_misses > 0 for one in cold),
        warm_is_proved=bool(warm) and all(one.cache_hits > 0 and one.cache_misses == 0 for one in warm),
        phases=_find_phases(frames),
        frames_reason=next((one.frames_reason for one in cold if one.frames_reason), None),
        graphs=max(one.graphs for one in every),
        recompiles=max(one.recompiles for one in every),
        kernels=max(one.kernels for one in every),
        guards=max(guards, default=None),
        breaks=tuple(dict.fromkeys(place for one in every for place in one.breaks)),
        recompile_reasons=tuple(
            dict.fromkeys(frame.recompile_reason for one in every for frame in one.frames if frame.recompile_reason)
        ),
        saving=saving,
        payoff=Payoff.UNKNOWN,
        iterations=None,
        iterations_low=None,
        iterations_high=None,
        import_seconds=median(one.import_seconds for one in cold),
        reasons=reasons,
    )
    return _pay_off(account)


def _pay_off(account: CompileAccount) -> CompileAccount:
    """Return an account with the iterations after which compiling pays off, where the saving's interval tells."""
    saving, cost = account.saving, account.cost
    if saving is None or cost is None or saving.low is None or saving.high is None:
        return account
    if saving.high <= 0:
        return replace(account, payoff=Payoff.NEVER)
    if saving.low <= 0:
        return account
    return replace(
        account,
        payoff=Payoff.AFTER,
        iterations=ceil(cost / saving.seconds),
        iterations_low=ceil(cost / saving.high),
        iterations_high=ceil(cost / saving.low),
    )


def find_saving(eager: Evidence, compiled: Evidence) -> Saving | None:
    """Return what compiled saves per iteration over its eager twin, from sets that both have; None without any."""
    saved = []
    for launch in sorted(eager.kept.seconds.keys() & compiled.kept.seconds.keys()):
        slow, fast = eager.kept.seconds[launch], compiled.kept.seconds[launch]
        if common := slow.keys() & fast.keys():
            saved.append(median(slow[index] - fast[index] for index in common))
    if not saved or eager.seconds is None or compiled.seconds is None:
        return None
    low, high = walsh_interval(saved, confidence=CONFIDENCE) or (None, None)
    return Saving(
        seconds=hodges_lehmann(saved),
        low=low,
        high=high,
        eager_seconds=eager.seconds.centre,
        compiled_seconds=compiled.seconds.centre,
    )


def _find_phases(processes: Sequence[Sequence[Frame]]) -> dict[str, float]:
    """Return the own seconds of each phase, the median over processes; of a phase that torch tells of none nothing."""
    sums = [_sum_phases(frames) for frames in processes]
    known = [phase for phase in PHASES if any(phase in own for own in sums)]
    return {phase: median(own.get(phase, 0.0) for own in sums) for phase in known}


def _sum_phases(frames: Iterable[Frame]) -> dict[str, float]:
    """Return the own seconds of each phase over frames: a phase of a frame holds those further in."""
    sums: dict[str, float] = {}
    for frame in frames:
        told = {phase: getattr(frame, f"{phase}_seconds") for phase in PHASES}
        whole = {phase: seconds for phase, seconds in told.items() if seconds is not None}
        inner = [*whole.values(), 0.0][1:]
        for (phase, seconds), inside in zip(whole.items(), inner, strict=False):
            sums[phase] = sums.get(phase, 0.0) + max(0.0, seconds - inside)
    return sums


def _count_guards(frames: Iterable[Frame]) -> int | None:
    told = [frame.guards for frame in frames if frame.guards is not None]
    return sum(told) if told else None


def _median(values: Iterable[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return median(known) if known else None
