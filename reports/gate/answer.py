"""From a gate's quads to its answer: effects, rulings, controls, and what the gate as a whole may claim."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from fnmatch import fnmatchcase
from math import log
from statistics import fmean, median

from bench.record.arm import Side
from bench.record.case import Case
from bench.record.conditions import is_busy
from bench.record.gate import FIRST_FLOPS, Acceptance, Contest, Fault, Gate, Pairing, quad_effects
from bench.record.how_many import how_many
from bench.record.run import Outcome
from reports.stats.verdict import Ruling, Verdict, judge

Effects = dict[Case, list[float]]
"""One value for each block of each case: ln(head / base)."""


WHOLE_PROJECT = "arm.base.project"
"""A gate with this fact compares a whole project, of whose files those count that workers load."""

INSTALLED = "; where that is an installed copy of the project, uninstall it, or name its folder in the project by --src"
"""What to do about a module that comes from elsewhere than the project's tree."""


class State(StrEnum):
    """What a gate as a whole says, worst first."""

    FAILED = "FAILED"
    UNPROVEN = "UNPROVEN"
    REGRESSED = "REGRESSED"
    INCONCLUSIVE = "INCONCLUSIVE"
    PASS = "PASS"  # noqa: S105  a verdict


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What a gate says.

    Attributes:
        gate: what it rests on.
        rulings: on every case that both arms measured in all blocks; empty where nothing could be judged.
        controls: rulings on the case compared with itself, and with itself slowed on purpose.
        failed: cases that went wrong in head where base measured.
        skipped: cases that neither arm could run here, and why.
        accepted: regressions that are known and not to fail yet.
        expired: regressions that were accepted until a day that has passed.
        problems: why nothing is proved; empty if the verdicts may be believed.
    """

    gate: Gate
    rulings: Mapping[Case, Ruling]
    controls: Mapping[Contest, Ruling]
    failed: Mapping[Case, Fault]
    skipped: Mapping[Case, str]
    accepted: Mapping[Case, Acceptance]
    expired: Mapping[Case, Acceptance]
    problems: tuple[str, ...]

    @property
    def state(self) -> State:
        """Return the worst that is true."""
        if self.failed:
            return State.FAILED
        if self.problems:
            return State.UNPROVEN
        if self.regressed:
            return State.REGRESSED
        if self.count(Verdict.INCONCLUSIVE) or self.blind:
            return State.INCONCLUSIVE
        return State.PASS

    @property
    def visible(self) -> float | None:
        """Return the smallest slowdown that would have been seen in any case; None if nothing was judged."""
        return max((ruling.visible for ruling in self.rulings.values()), default=None)

    @property
    def blind(self) -> bool:
        """Whether the slowdown that was to be seen could not have been seen so far."""
        return self.gate.detect is not None and self.visible is not None and self.visible > self.gate.detect

    @property
    def regressed(self) -> list[Case]:
        """Return the cases that are slower and not accepted."""
        return [
            case
            for case, ruling in self.rulings.items()
            if ruling.verdict is Verdict.REGRESSED and case not in self.accepted
        ]

    def count(self, verdict: Verdict) -> int:
        """Return how many cases have a verdict."""
        return Counter(ruling.verdict for ruling in self.rulings.values())[verdict]

    def find_changed(self, *, every: bool) -> list[Case]:
        """Return the cases whose change is to be explained: those that regressed or improved, or every one judged."""
        return [
            case
            for case, ruling in self.rulings.items()
            if every or ruling.verdict in {Verdict.REGRESSED, Verdict.IMPROVED}
        ]

    @property
    def settled(self) -> bool:
        """Whether nothing is left that more blocks could find out."""
        judged = bool(self.rulings) and not self.problems and not self.count(Verdict.INCONCLUSIVE)
        return judged and (not self.blind or bool(self.regressed))


def conclude(gate: Gate, today: Callable[[], date] = date.today, *, finished: bool = True) -> Answer:
    """Return what a gate says; whatever keeps it from being judged is a problem, never a pass.

    Args:
        gate: what was measured.
        today: against which acceptances expire.
        finished: whether a gate without an ending is one that died; otherwise it is still going on.
    """
    failed, skipped, problems = _sort_faults(gate)
    problems += list_shared_modules(gate)
    problems += list_remembered(gate)
    rulings: dict[Case, Ruling] = {}
    controls: dict[Contest, Ruling] = {}
    if gate.ending is not None and gate.ending.broken:
        problems.append(gate.ending.reason)
    if gate.ending is None and finished:
        problems.append("it died before its end; go on with it by --add-blocks")
    least = gate.design.least_blocks
    if len(gate.blocks) < least or not gate.looks:
        if not (gate.ending is not None and gate.ending.broken):
            short = f"a verdict takes {least}" if len(gate.blocks) < least else "none was looked at"
            problems.append(f"{how_many(len(gate.blocks), 'block')}; {short}")
    elif gate.plan is None or not gate.live:
        problems.append("no case was measured in both arms")
    else:
        try:
            rulings = _judge_cases(gate, Contest.ARMS, gate.live)
            for contest in (Contest.SAME, Contest.SLOWED):
                controls[contest] = _judge_cases(gate, contest, [gate.plan.control])[gate.plan.control]
            problems += _check_controls(controls, busy=_tell_load(gate))
        except Exception as error:  # noqa: BLE001  a verdict that cannot be computed is never a pass, whatever raised
            problems.append(f"the statistics failed: {type(error).__name__}: {error}")
            rulings, controls = {}, {}
    accepted, now = _find_accepted(gate, rulings), today()
    return Answer(
        gate=gate,
        rulings=rulings,
        controls=controls,
        failed=failed,
        skipped=skipped,
        accepted={case: known for case, known in accepted.items() if now <= date.fromisoformat(known.until)},
        expired={case: known for case, known in accepted.items() if now > date.fromisoformat(known.until)},
        problems=tuple(problems),
    )


def compute_effects(gate: Gate, contest: Contest, cases: Iterable[Case]) -> Effects:
    """Return one value per block of each case: the median of its quads, ln(head / base)."""
    return _compute(gate, contest, cases, lambda pairing: median(quad_effects(pairing)))


def compute_tails(gate: Gate, contest: Contest, cases: Iterable[Case]) -> Effects:
    """Return one value per block of each case: ln(mean of head's slices / mean of base's slices)."""
    return _compute(
        gate, contest, cases, lambda pairing: log(fmean(pairing.head_seconds) / fmean(pairing.base_seconds))
    )


def _compute(gate: Gate, contest: Contest, cases: Iterable[Case], effect: Callable[[Pairing], float]) -> Effects:
    by_block = [
        {pairing.case: pairing for pairing in block.pairings if pairing.contest is contest} for block in gate.blocks
    ]
    return {case: [effect(pairings[case]) for pairings in by_block] for case in cases}


def find_pairings(gate: Gate, case: Case) -> dict[int, Pairing]:
    """Return what was timed of a case in both arms, by block."""
    return {
        block.index: pairing
        for block in gate.blocks
        for pairing in block.pairings
        if (pairing.case, pairing.contest) == (case, Contest.ARMS)
    }


def _judge_cases(gate: Gate, contest: Contest, cases: Sequence[Case]) -> dict[Case, Ruling]:
    medians, tails = (
        {case.id: values for case, values in compute(gate, contest, cases).items()}
        for compute in (compute_effects, compute_tails)
    )
    rulings = judge(medians, tails, gate.looks, {case.id: gate.floors[case.id] for case in cases}, gate.design)
    return {case: rulings[case.id] for case in cases}


def list_shared_modules(gate: Gate) -> list[str]:
    """Return which modules of the repository both arms loaded from the same file, each as a sentence."""
    files = {
        (name, footprint.outside[name]): footprint.model for footprint in gate.footprints for name in footprint.shared
    }
    remedy = INSTALLED if WHOLE_PROJECT in gate.environment.facts else ""
    return [
        f"{model} loads {name} from {file}, which is outside the compared tree and the same for both arms: a change "
        f"there is not seen{remedy}"
        for (name, file), model in files.items()
    ]


def list_remembered(gate: Gate) -> list[str]:
    """Return which cases compute in their first iteration only, each as a sentence.

    A network that remembers its first answer has no operation left in the second, however it recognises the input; its
    time is that of looking an answer up.
    """
    return [
        f"{counts.case.id} computes nothing in {counts.side} on an input that it has seen before, and "
        f"{counts.numbers[FIRST_FLOPS]} floating-point operations on one that it has not: an answer is remembered, "
        "and its time is not the network's"
        for counts in gate.counts
        if counts.flops_reason is None and FIRST_FLOPS in counts.numbers and not counts.numbers.get("flops")
    ]


def _sort_faults(gate: Gate) -> tuple[dict[Case, Fault], dict[Case, str], list[str]]:
    """Return what failed in head, what neither arm can run here, and base's faults as problems."""
    by_case: dict[Case, dict[Side, Fault]] = {}
    for fault in gate.faults:
        by_case.setdefault(fault.case, {})[fault.side] = fault
    failed, skipped, problems = {}, {}, []
    for case, sides in by_case.items():
        base, head = sides.get(Side.BASE), sides.get(Side.HEAD)
        if base and head and {base.outcome, head.outcome} == {Outcome.SKIPPED}:
            skipped[case] = head.reason
        elif base:
            problems.append(f"{case.id} is {base.outcome} in base: {base.reason}")
        elif head:
            failed[case] = head
    return failed, skipped, problems


def _check_controls(controls: Mapping[Contest, Ruling], *, busy: str) -> list[str]:
    """Return which controls failed and what to do, each as a sentence.

    Args:
        controls: rulings on both.
        busy: what is known of other work on the machine, in words that may be empty.
    """
    problems = []
    same, slowed = controls[Contest.SAME], controls[Contest.SLOWED]
    anew = f"let nothing else run here{busy} and begin a new gate, since a verdict that stands is not taken back"
    if same.verdict in {Verdict.REGRESSED, Verdict.IMPROVED}:
        problems.append(
            f"the control that compares base with itself says {same.verdict}: the machine is not fit; {anew}"
        )
    if slowed.median_verdict is not Verdict.REGRESSED:  # every slice was slowed alike, so that its tail proves nothing
        found = slowed.median_verdict
        more = "" if slowed.needed_blocks is None else f" about {slowed.needed_blocks - slowed.blocks}"
        go_on = f"go on with{more} more blocks (--add-blocks), or let nothing else run here{busy} and begin a new gate"
        problems.append(
            f"the control that was slowed on purpose was not caught ({found}): a regression could be missed; "
            f"{go_on if found is Verdict.INCONCLUSIVE else anew}"
        )
    return problems


def _tell_load(gate: Gate) -> str:
    """Return that the machine had other work when the gate began, in words that follow others; nothing if not."""
    load, cores = (gate.environment.get(name) for name in ("machine.load_at_start", "machine.cores"))
    if not isinstance(load, int | float) or not isinstance(cores, int) or not is_busy(load, cores):
        return ""
    return f" (the load was {load:g} on {how_many(cores, 'core')} when it began)"


def _find_accepted(gate: Gate, rulings: Mapping[Case, Ruling]) -> dict[Case, Acceptance]:
    """Return the regressions that somebody accepted, up to their size; of several the one that lasts longest.

    A tail that regressed must be within that size too.
    """
    accepted: dict[Case, Acceptance] = {}
    for case, ruling in rulings.items():
        for acceptance in sorted(gate.accepted, key=lambda acceptance: acceptance.until):
            changes = [ruling.change, *([ruling.tail.change] if ruling.tail.verdict is Verdict.REGRESSED else [])]
            fits = fnmatchcase(case.id, acceptance.case) and max(changes) <= acceptance.up_to
            if ruling.verdict is Verdict.REGRESSED and fits:
                accepted[case] = acceptance
    return accepted
