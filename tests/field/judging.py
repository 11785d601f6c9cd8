"""What to think of a gate's answer to a network of which it is known what became of it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum

from bench.record.case import Case
from bench.record.gate import Fault
from bench.record.run import Outcome
from reports.gate.answer import Answer, State
from reports.gate.answer_text import list_remarks, make_verdict_line, render_answer
from reports.show.table import Format
from reports.stats.verdict import Verdict
from tests.field.attacks import Attack, Truth

GREEN = {State.PASS, State.INCONCLUSIVE}
"""With these a session may end with exit code 0."""

TELLING = {Outcome.FAILED, Outcome.WRONG_RESULT}
"""Outcomes that say of a case that it does not compute what it must."""


TRUE_VERDICTS = {
    Truth.SLOWER: Verdict.REGRESSED,
    Truth.UNCHANGED: Verdict.UNCHANGED,
    Truth.FASTER: Verdict.IMPROVED,
}
"""No verdict on time is true of a case that computes something else: its truth is a fault."""


class Judgement(StrEnum):
    """How good an answer is, worst first."""

    WRONG = "wrong"
    HONEST = "honest"
    RIGHT = "right"


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """What came of one attack.

    Attributes:
        judgement: of the worst of its cases.
        said: the gate's state and the verdict of each case.
        mechanism: the sentence of the answer that tells the most, such as a problem, a fault or a verdict.
    """

    judgement: Judgement
    said: str
    mechanism: str


def judge(attack: Attack, answer: Answer, code: int) -> Judged:
    """Return what to think of a gate's answer, and of the exit code that its session ended with."""
    cases = {case: _find_truth(attack, case) for case in answer.gate.cases}
    words = {case: _find_word(answer, case) for case in cases}
    judgements = {case: _judge_case(attack, answer, case, truth) for case, truth in cases.items() if truth is not None}
    worst = min(judgements.values(), key=list(Judgement).index, default=Judgement.WRONG)
    mechanism = _find_mechanism(attack, answer, judgements, worst)
    if code == 0 and answer.state not in GREEN:
        worst, mechanism = Judgement.WRONG, f"exit code 0 for {answer.state}; {mechanism}"
    parts = [f"{case.model} {case.step} {word}" for case, word in words.items()]
    said = parts[0].split()[-1] if len(parts) == 1 else ", ".join(parts)
    return Judged(judgement=worst, said=f"{answer.state}: {said}", mechanism=mechanism)


def judge_silence(attack: Attack, log: str, code: int) -> Judged:
    """Return what to think of a session that stored no gate: a refusal that names the change is honest."""
    lines = [line for line in log.strip().splitlines() if line.strip()]
    named = [line for line in lines if _names(attack, line)]
    honest = bool(named) and code != 0
    return Judged(
        judgement=Judgement.HONEST if honest else Judgement.WRONG,
        said="no answer",
        mechanism=(named or lines or ["it printed nothing"])[-1],
    )


def _judge_case(attack: Attack, answer: Answer, case: Case, truth: Truth) -> Judgement:
    """Return what to think of what is said about one case."""
    if case in answer.failed:
        return _judge_fault(attack, answer.failed[case], truth)
    if answer.problems or case not in answer.rulings:
        return Judgement.HONEST
    verdict = answer.rulings[case].verdict
    if case not in answer.accepted and verdict is TRUE_VERDICTS.get(truth):
        return Judgement.RIGHT
    match truth, verdict:
        case (_, Verdict.INCONCLUSIVE) | (Truth.WRONG, Verdict.REGRESSED):
            return Judgement.HONEST
        case Truth.SLOWER | Truth.WRONG, _:
            everything = "\n".join((render_answer(answer, Format.MARKDOWN), *list_remarks(answer)))
            return Judgement.HONEST if _names(attack, everything) else Judgement.WRONG
        case _:
            return Judgement.WRONG


def _judge_fault(attack: Attack, fault: Fault, truth: Truth) -> Judgement:
    """Return what to think of a case that went wrong in head: that is true of one that computes something else."""
    if truth is Truth.WRONG:
        return Judgement.RIGHT if fault.outcome in TELLING else Judgement.HONEST
    return Judgement.HONEST if _names(attack, fault.reason) else Judgement.WRONG


def _find_truth(attack: Attack, case: Case) -> Truth | None:
    return attack.truth.get(f"{case.model}-{case.step}")


def _find_word(answer: Answer, case: Case) -> str:
    if case in answer.failed:
        return answer.failed[case].outcome.value
    return answer.rulings[case].verdict.value if case in answer.rulings else "unproven"


def _find_mechanism(attack: Attack, answer: Answer, judgements: dict[Case, Judgement], worst: Judgement) -> str:
    """Return the sentence that names the change, else the worst case's fault, else a problem, else its verdict."""
    case = next((case for case, judgement in judgements.items() if judgement is worst), answer.gate.cases[0])
    sentences = [*list_remarks(answer), *(make_verdict_line(answer, ruled) for ruled in answer.rulings)]
    if named := [sentence for sentence in sentences if _names(attack, sentence)]:
        return named[0]
    if case in answer.failed:
        return f"{answer.failed[case].outcome}: {answer.failed[case].reason}"
    if answer.problems:
        return answer.problems[0]
    if case in answer.rulings:
        return make_verdict_line(answer, case)
    return answer.gate.ending.reason if answer.gate.ending else "it died"


def _names(attack: Attack, text: str) -> bool:
    return attack.clue is not None and re.search(attack.clue, text, re.IGNORECASE) is not None
