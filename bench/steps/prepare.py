"""Making a case ready: build, first call, verify against the reference, warm up, estimate."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from statistics import median
from time import perf_counter
from typing import Protocol

import torch
from torch import Tensor

from bench.devices.clock import Clock
from bench.devices.memory import allocated_bytes, peak_bytes
from bench.record.case import Case
from bench.record.observations import Preparation
from bench.steps.compiling import CompileCounts, SilentEagerError, why_nothing_compiles
from bench.steps.find_step import find_step
from bench.steps.parallel import Team
from bench.steps.placement import Placement
from bench.steps.recheck import CALLS, drops, last_answer, without_dropout
from bench.steps.standard import Standard
from bench.steps.step import References, Step
from bench.steps.subject import Definition, Fed, build
from bench.steps.support import SkipError
from bench.steps.verify import Answer, Nested, check_output, keep_worse

WARM_SLICE_SECONDS = 0.005
"""A warm-up slice is so long: far above the clock's cost, and short enough for many of them within the limit."""

WARM_SLICES = 3
"""The median of so many slices is compared with the median of as many before."""

SLOW_SLICE_SECONDS = 0.05
"""From here on a single slice is compared with the one before: it holds the warm-up of many short ones."""

SETTLED_WITHIN = 0.02
"""A case counts as warm once the two medians differ by less than this share of the earlier one."""

WARM_LIMIT_SECONDS = 0.3
"""No slice is begun after this once there are two medians; if they still move, the case is marked as not settled."""

NOTHING_TO_COUNT = "none of its operators is a product, a convolution or attention: no formula counts an operation"

DROPS = "dropout is on while it is timed, and off while its answer is verified"


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepared:
    """A case that is ready to be timed.

    Attributes:
        step: runs it.
        right: what the last iteration of a slice must answer; see `recheck`.
        standard: how far it may be off.
        preparation: what making it ready showed.
        placement: moves what its network reads.
        team: the ranks that run it at once, of which this process is one; None if it runs it alone.
    """

    step: Step
    right: Answer
    standard: Standard
    preparation: Preparation
    placement: Placement
    team: Team | None = None

    def recheck(self) -> dict[str, float]:
        """Return the relative errors of the last answer of one more slice.

        Raises:
            WrongResultError: if it is wrong.
        """
        collect = None if self.team is None else self.team.collect
        return self.standard.check_last(last_answer(self.step, collect), self.right, CALLS)


def prepare(  # noqa: PLR0913  everything that makes a case
    case: Case,
    model: Definition,
    device: torch.device,
    clock: Clock,
    clock_seconds: float,
    feeds: tuple[Fed, Fed],
    right: References,
    standard: Standard,
    *,
    seed: int,
    warm: bool,
    counted: bool,
    warm_iterations: int | None = None,
    team: Team | None = None,
) -> Prepared:
    """Return a case ready to be timed.

    Args:
        case: what to prepare.
        model: its model's definition.
        device: where.
        clock: its clock.
        clock_seconds: what one pair of its reads costs.
        feeds: what the network is fed and what its loss compares with, twice, on the CPU; a rank's own share.
        right: the reference's answers to both.
        standard: how far the case's may be off.
        seed: of the weights.
        warm: whether to warm up; a quick pass does not.
        counted: whether to count operations and bytes, which are the same in every launch, and to verify the last
            answer of one more slice, since none may follow.
        warm_iterations: how many iterations warm it up, whether it settles or not; None to go on until it does.
        team: the ranks that run it at once, of which this process is one; None if it runs it alone.

    Raises:
        WrongResultError: if the answer is wrong.
        SkipError: if torch compiles no such network, and says so.
        SilentEagerError: if a compiled case was not compiled.
    """
    begin = perf_counter()
    held = allocated_bytes(device) if counted else None
    step_class = find_step(case.step)
    wrap = None if team is None else team.wrap
    step = step_class(build(case, model, device, feeds, seed=seed, compiled=True, wrap=wrap), clock)
    if team is not None:
        team.check_training(step.subject.network)
    collect = None if team is None else team.collect
    before = CompileCounts.now()
    with without_dropout(step.subject.network):
        (output, loss), first_seconds = _time_iteration(step, clock)
    check_output(output, device, on_host=step.answers_on_host)
    answer = None if right.first is None else step.answer(output, loss)
    if answer is not None and collect is not None:
        answer = collect(answer)
    if team is not None and step.differentiates:
        with team.local(step.subject):  # which is another graph where it is compiled
            step.iterate()
    graphs = CompileCounts.now().since(before).graphs
    _, second_seconds = _time_iteration(step, clock)
    counts = CompileCounts.now().since(before)
    if case.compiled and counts.graphs == 0:
        if (reason := why_nothing_compiles(step.subject.network)) is not None:
            raise SkipError(reason)
        raise SilentEagerError("torch.compile compiled no graph for this case: it ran eagerly")
    verify_begin = perf_counter()
    errors = {} if right.first is None or answer is None else standard.check_first(answer, right.first)
    warm_begin = perf_counter()
    estimate, settled = second_seconds, False
    if warm and warm_iterations is None:
        estimate, settled = warm_up(step) if team is None else warm_up(step, team.agree)
    elif warm and warm_iterations is not None:
        estimate = step.timed(warm_iterations) / warm_iterations
    warm_end = perf_counter()
    if counted:  # where no slices follow, whose last answer would be verified
        errors = keep_worse(errors, standard.check_last(last_answer(step, collect), right.last, CALLS))
    verify_end = perf_counter()
    compiled = CompileCounts.now().since(before)
    flops = minimal = peak = copies = why_no_flops = why_no_peak = why_no_copies = None
    if counted:
        copies, why_no_copies = step.time_copies(max(1, round(WARM_SLICE_SECONDS / estimate)))
        peak, why_no_peak = peak_bytes(device, step.iterate, held)
        step.restore()
        alone = case if team is None else team.alone(case)
        twin = step_class(build(alone, model, device, feeds, seed=seed, compiled=False), clock)
        flops, why_no_flops = twin.flops()
        flops = None if flops is None else case.processes * flops
        minimal = case.processes * twin.minimal_bytes()
    return Prepared(
        step=step,
        right=right.last,
        standard=standard,
        placement=Placement(step.subject),
        team=team,
        preparation=Preparation(
            first_call_seconds=first_seconds,
            compile_seconds=max(0.0, first_seconds - second_seconds) if case.compiled else None,
            cache_was_warm=counts.cache_was_warm if case.compiled else None,
            warmup_seconds=warm_end - warm_begin,
            settled=settled,
            verify_seconds=warm_begin - verify_begin + verify_end - warm_end,
            total_seconds=perf_counter() - begin,
            relative_errors=errors,
            estimate_seconds=estimate,
            clock_seconds=clock_seconds,
            queued=step.queued,
            clock_pairs_per_iteration=step.clock_pairs_per_iteration,
            flops=flops or None,
            flops_reason=NOTHING_TO_COUNT if flops == 0 else why_no_flops,
            minimal_bytes=minimal or None,
            peak_bytes=peak,
            peak_bytes_reason=why_no_peak,
            remarks=_remarks(step) if counted else (),
            copy_seconds=copies,
            copy_reason=why_no_copies,
            graph_breaks=compiled.breaks if case.compiled else None,
            recompiles=compiled.graphs - graphs if case.compiled else None,
        ),
    )


def _remarks(step: Step) -> tuple[str, ...]:
    remarks = step.subject.remarks
    return (*remarks, DROPS) if drops(step.subject.network) else remarks


def _time_iteration(step: Step, clock: Clock) -> tuple[tuple[Nested, Tensor | None], float]:
    begin = clock()
    result = step.iterate()
    return result, clock() - begin


Agree = Callable[[float], float]
"""Makes one value of those of several ranks."""


class Timeable(Protocol):
    """Whatever runs n iterations and says what they took."""

    def timed(self, iterations: int, lead: int = 1) -> float:
        """Return the seconds of `iterations` iterations, after `lead` that are not timed."""


def warm_up(step: Timeable, agree: Agree = float) -> tuple[float, bool]:
    """Iterate until slice medians settle; return the seconds per iteration and whether they did.

    Args:
        step: runs the iterations.
        agree: makes one value of what several ranks measured, so that all of them iterate equally often.
    """
    begin = perf_counter()
    iterations = 1

    def elapsed() -> float:
        return agree(perf_counter() - begin)

    while (seconds := agree(step.timed(iterations))) < WARM_SLICE_SECONDS and elapsed() < WARM_LIMIT_SECONDS:
        iterations = max(
            2 * iterations, min(int(iterations * WARM_SLICE_SECONDS / max(seconds, 1e-9)), 16 * iterations)
        )
    several = WARM_SLICES if seconds < SLOW_SLICE_SECONDS else 1
    values = [seconds / iterations]
    while True:
        values.append(agree(step.timed(iterations)) / iterations)
        if len(values) < 2 * several:
            continue
        before, now = median(values[-2 * several : -several]), median(values[-several:])
        if abs(now / before - 1) < SETTLED_WITHIN:
            return now, True
        if elapsed() > WARM_LIMIT_SECONDS:
            return now, False
