"""How an answer reads: the first line, the table with its why, as text, Markdown and CSV."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import PurePosixPath
from statistics import median

from pandas import DataFrame, isna

from bench.record.arm import Side
from bench.record.case import Case
from bench.record.gate import FIRST_FLOPS, Contest, Counts, Gate, default_floor
from bench.record.how_many import how_many
from reports.figures.unsteadiness import find_load
from reports.gate.answer import WHOLE_PROJECT, Answer, find_pairings
from reports.gate.planning import foresee_from_gate
from reports.gate.why_text import list_causes, render_why
from reports.show.table import (
    LOOKS,
    TERMINAL,
    Column,
    Format,
    Look,
    Row,
    Table,
    as_csv,
    list_rows,
    pick_look,
    read_figure,
    read_word,
    render_table,
    stack,
)
from reports.show.units import ABSENT, Unit, duration, percent, present, signed_percent
from reports.stats.verdict import Ruling, Verdict

CONTROLS = {
    Contest.SAME: "control: base again",
    Contest.SLOWED: "control: slowed on purpose",
}
"""What the controls are called in the rows that are no case's."""

MOST_FILES = 6
"""So many files are named in a line; the rest are counted."""

SAME_ANSWER = 1e-6
"""Two right answers that are closer are the same: another order of summing, or float32 where float64 cannot be had."""

LOOSER, LEAST_ERROR = 100.0, 1e-9
"""An error so many times base's is named. Another order of the same sums changes it by less, and below the second
figure even float64 is only rounding."""

MOST_BLIND = 3
"""So many cases in which too little could have been seen are named; the rest are counted."""

MOST_REASONS = 4
"""So many changed counts are shown in a row, which a screen still holds; the rest are counted."""

COLUMNS = (
    "case",
    "verdict",
    "base_seconds",
    "head_seconds",
    "change",
    "change_low",
    "change_high",
    "p",
    "median_verdict",
    "tail_change",
    "tail_change_low",
    "tail_change_high",
    "tail_p",
    "tail_verdict",
    "tail_floor",
    "by_tail",
    "blocks",
    "decided_at",
    "floor",
    "default_floor",
    "visible",
    "why",
)
"""The columns of the CSV, in base units; a case without a ruling has a verdict and a why only."""


UNSTEADY = "UNSTEADY"
"""A remark that begins so is about all figures."""


def make_headline(answer: Answer) -> str:
    """Return the answer in one line."""
    gate = answer.gate
    floors = sorted({gate.floors[case.id] for case in answer.rulings})
    within = f" (within {' to '.join(percent(floor) for floor in (*floors[:1], *floors[1:][-1:]))})" if floors else ""
    parts = [
        answer.state.value,
        f"{answer.count(Verdict.UNCHANGED)} {word_verdict(gate, Verdict.UNCHANGED)}{within}",
        f"{answer.count(Verdict.IMPROVED)} {word_verdict(gate, Verdict.IMPROVED)}",
        f"{len(answer.regressed)} {word_verdict(gate, Verdict.REGRESSED)}",
        f"{answer.count(Verdict.INCONCLUSIVE)} inconclusive",
    ]
    extra = {
        "failed": len(answer.failed),
        "regressed and accepted": len(answer.accepted),
        "skipped": len(answer.skipped),
        "new": len(gate.new),
        "gone": len(gate.gone),
    }
    parts += [f"{count} {name}" for name, count in extra.items() if count]
    if answer.visible is not None:
        parts.append(f"slowdowns visible from {percent(answer.visible)}")
    parts.append(how_many(len(gate.blocks), "block"))
    if gate.wall_seconds:
        parts.append(duration(gate.wall_seconds))
    return " · ".join(parts)


def make_trees_line(gate: Gate) -> str | None:
    """Return in which files base and head differ, in one line; None for a gate that does not tell."""
    if gate.trees is None:
        return None
    differences = gate.trees.differences
    if not differences and WHOLE_PROJECT in gate.environment.facts:
        return "base and head are identical in every file that workers load"
    if not differences:
        return "base and head are identical: they hold the same files"
    shown = [
        f"{difference.path} (lines not counted)"
        if difference.added is None
        else f"{difference.path} +{difference.added} -{difference.removed}"
        for difference in differences[:MOST_FILES]
    ]
    left = len(differences) - MOST_FILES
    files = how_many(len(differences), "file")
    return f"base and head differ in {files}: {', '.join([*shown, *([f'and {left} more'] if left > 0 else [])])}"


def list_footprints(gate: Gate) -> list[str]:
    """Return what models' code left behind in its process beside its answer, each as a sentence with whose it is."""
    sides: dict[tuple[str, str], list[Side]] = {}
    for footprint in gate.footprints:
        told = [f"changed {name}: {change}" for name, change in footprint.state.items()]
        told += [
            f"uses {name} from {file}, outside the compared tree"
            for name, file in footprint.outside.items()
            if name not in footprint.shared
        ]
        for sentence in told:
            sides.setdefault((footprint.model, sentence), []).append(footprint.side)
    return [
        f"{model} {'in both arms' if set(where) == set(Side) else f'in {where[0]} alone'} {sentence}"
        for (model, sentence), where in sides.items()
    ]


def name_case(gate: Gate, case: Case) -> str:
    """Return a case's id, with what each arm runs of it where that differs: ``float32 -> bfloat16``."""
    base, head = (gate.arms[side].case(case) for side in Side)
    pairs = zip(base.variant.words, head.variant.words, strict=True)
    changes = [f"{before} -> {after}" for before, after in pairs if before != after]
    return f"{case.id} ({', '.join(changes)})" if changes else case.id


VARIANT_WORDS = {Verdict.REGRESSED: "slower", Verdict.IMPROVED: "faster", Verdict.UNCHANGED: "as fast"}
"""Two variants of the same code neither regress nor improve."""


def word_verdict(gate: Gate, verdict: Verdict) -> str:
    """Return a verdict in words: where the arms are two variants, other ones than where they are two codes."""
    base, head = (gate.arms[side].overrides for side in Side)
    return verdict.value if base == head else VARIANT_WORDS.get(verdict, verdict.value)


def list_looser_answers(gate: Gate) -> list[str]:
    """Return whose answers in head are far less exact than base's although they pass, each as a sentence."""
    if gate.arms[Side.BASE].dtype != gate.arms[Side.HEAD].dtype:
        return []  # that is what is compared
    by_side = {(counts.side, counts.case): counts.relative_errors for counts in gate.counts}
    errors = [
        (case, quantity, error, by_side.get((Side.BASE, case), {}).get(quantity))
        for case in gate.cases
        for quantity, error in by_side.get((Side.HEAD, case), {}).items()
    ]
    return [
        f"{case.id}: {quantity} in head err by {head:.2g}, in base by {base:.2g}, within what each model tolerates"
        for case, quantity, head, base in errors
        if base is not None and head > LOOSER * max(base, LEAST_ERROR)
    ]


def list_other_answers(gate: Gate) -> list[str]:
    """Return where head's right answers are not base's, each as a sentence; every answer is held against its own."""
    sentences: dict[str, list[str]] = {}
    for counts in gate.counts:
        worst = max(counts.apart, key=lambda quantity: counts.apart[quantity], default=None)
        if counts.apart_reason is not None:
            said = f"head's answer cannot be compared with base's: {counts.apart_reason}"
        elif worst is not None and counts.apart[worst] > SAME_ANSWER:
            said = f"head's answer is not base's: {worst} differ by {counts.apart[worst]:.2g} of their size"
        else:
            continue
        sentences.setdefault(said, []).append(name_case(gate, counts.case))
    return [f"{', '.join(names)}: {said}" for said, names in sentences.items()]


def _list_step_files(gate: Gate) -> list[str]:
    """Return which steps of the user's own both arms were timed by, each in a sentence."""
    return [
        f"both sides are timed by {spec} as it lies, which is in neither tree: a change of it is not compared"
        for name, spec in gate.environment.facts.items()
        if re.fullmatch(r"step\..+\.spec", name)
    ]


def _is_named(word: str, text: str) -> bool:
    return re.search(rf"\b{re.escape(word)}\b", text) is not None


def _list_left_out(gate: Gate) -> list[str]:
    """Return which files are in neither tree, in one sentence; those that a fault's reason names go first."""
    if gate.trees is None or not gate.trees.left_out:
        return []
    reasons = " ".join(fault.reason for fault in gate.faults)
    paths = sorted(gate.trees.left_out, key=lambda path: (not _is_named(PurePosixPath(path).stem, reasons), path))
    shown = [f"{path} ({gate.trees.left_out[path]})" for path in paths[:MOST_FILES]]
    left = len(paths) - MOST_FILES
    return [f"in neither tree: {', '.join([*shown, *([f'and {left} more'] if left > 0 else [])])}"]


def list_remarks(answer: Answer) -> list[str]:
    """Return the sentences that belong under the headline: problems first, then what a reader must know."""
    gate = answer.gate
    remarks = [f"nothing is proved: {problem}" for problem in answer.problems]
    remarks += [explain_blindness(answer)] if answer.blind else []
    remarks += [f"{case.id}: {fault.outcome} in head: {fault.reason}" for case, fault in answer.failed.items()]
    remarks += [f"{case.id}: skipped: {reason}" for case, reason in answer.skipped.items()]
    changed = [case for case, ruling in answer.rulings.items() if ruling.verdict is not Verdict.UNCHANGED]
    remarks += [f"{name_case(gate, case)}: {make_verdict_line(answer, case)}" for case in changed]
    if gate.new:
        remarks.append(f"new, base does not have it: {', '.join(gate.new)}")
    if gate.gone:
        remarks.append(f"gone, head does not have it: {', '.join(gate.gone)}")
    if gate.idle_patterns:
        remarks.append(f"floors or accepted regressions that fit no case: {', '.join(gate.idle_patterns)}")
    if load := find_load(gate.environment):
        remarks.append(f"{UNSTEADY}: {load} when it began; both sides are of that, and only larger changes are seen")
    remarks += _list_step_files(gate)
    remarks += list_looser_answers(gate)
    remarks += list_other_answers(gate)
    remarks += list_footprints(gate)
    remarks += _list_left_out(gate)
    remarks += gate.trees.remarks if gate.trees is not None else ()
    remarks += [f"{side}: {gate.arms[side]}{_name_build(gate, side)}" for side in Side]
    if gate.gates > 1:
        remarks.append(
            f"this gate is one of {gate.gates} that share one error; its looks are after "
            f"{', '.join(map(str, gate.design.grid))} blocks"
        )
    if gate.ending is not None:
        remarks.append(f"ended because {gate.ending.reason}")
    return remarks


def _name_build(gate: Gate, side: Side) -> str:
    """Return which torch an arm's interpreter has, where the other's has another; empty for the same or untold."""
    builds = {each: gate.environment.facts.get(f"arm.{each}.torch.build") for each in Side}
    return f" (torch {builds[side]})" if None not in builds.values() and len(set(builds.values())) > 1 else ""


def make_verdict_line(answer: Answer, case: Case) -> str:
    """Return the verdict on one case as a sentence; the message of its test."""
    ruling = answer.rulings[case]
    change = _word_changes(ruling)
    why = "; ".join(list_reasons(answer.gate, case))
    because = f"; {why}" if why else ""
    word = word_verdict(answer.gate, ruling.verdict)
    said = f"{word} in its tail" if ruling.by_tail else word
    match ruling.verdict:
        case Verdict.INCONCLUSIVE:
            return f"{said}: {change}; {explain_settling(ruling)}{because}"
        case Verdict.REGRESSED if known := answer.accepted.get(case):
            return f"{said}, accepted until {known.until} ({known.reason}): {change}{because}"
        case Verdict.REGRESSED if known := answer.expired.get(case):
            return f"{said}, and accepted only until {known.until} ({known.reason}): {change}{because}"
        case Verdict.UNCHANGED:
            within = f"within {percent(ruling.floor)}, in its tail within {percent(ruling.tail.floor)}"
            return f"{said} {within}: {change}{because}"
        case _:
            return f"{said}: {change}{because}"


def _word_changes(ruling: Ruling) -> str:
    """Return the change that the verdict rests on with its p, the other one where it tells more, and the look.

    Intervals are of all blocks; the verdict is of the look that reached it first.
    """
    decided = "" if ruling.decided_at in (None, ruling.blocks) else f"; decided after {ruling.decided_at} blocks"
    return f"{_word_both(ruling)}{decided}"


def _word_both(ruling: Ruling) -> str:
    tail = ruling.tail
    of_median = signed_percent(ruling.change, ruling.low, ruling.high)
    of_tail = f"mean over slices {signed_percent(tail.change, tail.low, tail.high)}, adjusted p {tail.p:.4f}"
    if ruling.by_tail:
        return f"{of_tail}; median {of_median}"
    more = f"; {of_tail}" if _grew_longer(tail.verdict, tail.low, ruling.high) else ""
    return f"{of_median}, adjusted p {ruling.p:.4f}{more}"


def _grew_longer(verdict: str, tail_low: float | None, median_high: float | None) -> bool:
    """Return whether a tail regressed by more than the median's change can be."""
    return verdict == Verdict.REGRESSED and present(tail_low) and present(median_high) and tail_low > median_high


def explain_settling(ruling: Ruling) -> str:
    """Return what would settle an inconclusive case."""
    if ruling.needed_blocks is None:
        floor = ruling.tail.floor if ruling.by_tail else ruling.floor
        near = f"the change too near the floor of {percent(floor)}"
        return f"its scatter is too large, or {near}, for more blocks to tell"
    more = how_many(ruling.needed_blocks - ruling.blocks, "more block")
    return f"about {more} would settle it (--add-blocks, or a longer --budget)"


def explain_blindness(answer: Answer) -> str:
    """Return in which cases the slowdown that was to be seen could not have been seen, and what would do."""
    gate = answer.gate
    assert gate.detect is not None, "nothing was to be seen"
    unseen = [name_case(gate, case) for case, ruling in answer.rulings.items() if ruling.visible > gate.detect]
    left = len(unseen) - MOST_BLIND
    named = ", ".join([*unseen[:MOST_BLIND], *([f"{left} more"] if left > 0 else [])])
    prospect = foresee_from_gate(gate, list(answer.rulings), gate.floors)
    blocks = None if prospect is None else prospect.find_blocks(gate.detect)
    done = len(gate.blocks)
    more = max(blocks, gate.design.next_look(done + 1)) - done if blocks is not None else None
    then = "let nothing else run here, or name a larger one"
    if more is not None:
        then = f"about {how_many(more, 'more block')} would do (--add-blocks, or a longer --budget)"
    return f"a slowdown of {percent(gate.detect)} could not have been seen in {named}: {then}"


def list_reasons(gate: Gate, case: Case) -> list[str]:
    """Return the exact counts in which head differs from base, those of the whole case before those of operators.

    Where operations could not be counted in an arm, that is said first: they may differ. Counts are of one rank, so
    that arms of different numbers of ranks have none in common.
    """
    if len({arm.case(case).processes for arm in gate.arms.values()}) > 1:
        return []
    by_side = {counts.side: counts for counts in gate.counts if counts.case == case}
    if without := [f"not counted in {side}: {counts.reason}" for side, counts in by_side.items() if counts.reason]:
        return without
    if len(by_side) < len(Side):
        return []
    base, head = by_side[Side.BASE].numbers, by_side[Side.HEAD].numbers
    uncounted = _explain_uncounted(by_side)
    changed = [name for name in dict.fromkeys((*base, *head)) if base.get(name, 0) != head.get(name, 0)]
    reasons = [
        _word_reason(name, base.get(name, 0), head.get(name, 0))
        for name in sorted(changed, key=lambda name: ("::" in name, -abs(head.get(name, 0) - base.get(name, 0))))
        if name not in ("operators", FIRST_FLOPS) and not (name == "flops" and uncounted)
    ]
    left = len(reasons) - MOST_REASONS
    return [*uncounted, *reasons[:MOST_REASONS], *([f"and {left} more counts"] if left > 0 else [])]


def _explain_uncounted(by_side: Mapping[Side, Counts]) -> list[str]:
    """Return why the floating-point operations of the arms are not compared; empty if they are."""
    reasons = {side: counts.flops_reason for side, counts in by_side.items() if counts.flops_reason}
    if len(reasons) == len(Side) and len(set(reasons.values())) == 1:
        return [f"flops not compared: {reasons[Side.BASE]}"]
    return [f"flops not compared: in {side}, {reason}" for side, reason in reasons.items()]


def _word_reason(name: str, base: int, head: int) -> str:
    if "::" in name:
        return f"{head - base:+d} {name}"
    return f"{name.replace('_', ' ')} {base} -> {head}"


def make_frame(answer: Answer) -> DataFrame:
    """Return one row for each planned case and control, in base units and full precision."""
    gate = answer.gate
    rows = [
        _make_row(name_case(gate, case), answer.rulings[case], gate, case, default_floor(case))
        if case in answer.rulings
        else _make_hole(answer, case)
        for case in gate.cases
    ]
    if gate.plan is not None:
        default = default_floor(gate.plan.control)
        rows += [
            _make_row(CONTROLS[contest], ruling, gate, None, default) for contest, ruling in answer.controls.items()
        ]
    return DataFrame(rows, columns=list(COLUMNS))


def _make_hole(answer: Answer, case: Case) -> dict[str, object]:
    """Return the row of a case without a ruling: what there is instead, and why."""
    return {"case": case.id, "verdict": _name_hole(answer, case), "why": explain_missing(answer, case)}


def _name_hole(answer: Answer, case: Case) -> str:
    if case in answer.failed:
        return answer.failed[case].outcome.value
    if case in answer.skipped:
        return "skipped"
    if case.id in answer.gate.new:
        return "new"
    return "gone" if case.id in answer.gate.gone else "unproven"


def explain_missing(answer: Answer, case: Case) -> str:
    """Return why there is no ruling on a case."""
    if case in answer.failed:
        return answer.failed[case].reason
    match _name_hole(answer, case):
        case "skipped":
            return answer.skipped[case]
        case "new":
            return "new: base does not have it, so there is nothing to compare it with"
        case "gone":
            return "gone: head does not have it"
        case _:
            return f"unproven: {'; '.join(answer.problems)}"


def _make_row(name: str, ruling: Ruling, gate: Gate, case: Case | None, default: float) -> dict[str, object]:
    timed = [] if case is None else list(find_pairings(gate, case).values())
    return {
        "case": name,
        "verdict": word_verdict(gate, ruling.verdict) if case is not None else ruling.verdict.value,
        "base_seconds": median(median(pairing.base_seconds) for pairing in timed) if timed else None,
        "head_seconds": median(median(pairing.head_seconds) for pairing in timed) if timed else None,
        "change": ruling.change,
        "change_low": ruling.low,
        "change_high": ruling.high,
        "p": ruling.p,
        "median_verdict": ruling.median_verdict.value,
        "tail_change": ruling.tail.change,
        "tail_change_low": ruling.tail.low,
        "tail_change_high": ruling.tail.high,
        "tail_p": ruling.tail.p,
        "tail_verdict": ruling.tail.verdict.value,
        "tail_floor": ruling.tail.floor,
        "by_tail": ruling.by_tail,
        "blocks": ruling.blocks,
        "decided_at": ruling.decided_at,
        "floor": ruling.floor,
        "default_floor": default,
        "visible": ruling.visible,
        "why": "; ".join(list_reasons(gate, case)) if case else None,
    }


def _read_verdict(row: Row) -> str:
    return f"{row['verdict']} (tail)" if _is_by_tail(row) else str(row["verdict"])


def _read_tail(row: Row) -> str:
    if _is_by_tail(row) or _grew_longer(row["tail_verdict"], row["tail_change_low"], row["change_high"]):
        return signed_percent(row["tail_change"], row["tail_change_low"], row["tail_change_high"])
    return ABSENT


def _is_by_tail(row: Row) -> bool:
    return present(row["by_tail"]) and bool(row["by_tail"])


def _read_floor(row: Row) -> str:
    """Return a floor that somebody chose."""
    return ABSENT if row["floor"] == row["default_floor"] else percent(row["floor"])


def read_change(row: Row) -> str:
    """Return the change in a row of a case, with its interval."""
    change = row["change"]
    return signed_percent(change, row["change_low"], row["change_high"]) if present(change) else ABSENT


def read_number(name: str, form: str) -> Callable[[Row], str]:
    """Return how to read a plain number of a row."""
    return lambda row: format(row[name], form) if present(row[name]) else ABSENT


def _read_why(row: Row) -> str:
    return "" if isna(row["why"]) else str(row["why"])


VERDICTS = Table(
    columns=(
        Column(header="case", read=read_word("case"), right=False),
        Column(header="base", read=read_figure("base_seconds", Unit.SECONDS), dispensable=3),
        Column(header="head", read=read_figure("head_seconds", Unit.SECONDS), dispensable=2),
        Column(header="change", read=read_change),
        Column(header="tail", read=_read_tail, optional=True),
        Column(header="adjusted p", read=read_number("p", ".4f"), dispensable=6),
        Column(header="blocks", read=read_number("blocks", ".0f"), dispensable=5),
        Column(header="floor", read=_read_floor, optional=True),
        Column(header="visible from", read=lambda row: percent(row["visible"]), dispensable=4),
        Column(header="verdict", read=_read_verdict, right=False),
        Column(header="why", read=_read_why, right=False, dispensable=1),
    )
)
"""How the rows of an answer read, one for each planned case and control."""

ANSWER_LOOKS: Mapping[Format, Look] = {**LOOKS, Format.TEXT: replace(TERMINAL, item="{}")}
"""On a terminal the remarks of an answer begin at the margin, where a search for a case's name finds them."""


def render_answer(answer: Answer, form: Format, *, width: int | None = None) -> str:
    """Return the answer in a format: the headline first, or the rows in full precision and base units.

    A line of text has `width` characters; None for as many as there are.
    """
    if form is Format.CSV:
        return as_csv(make_frame(answer))
    return render_look(answer, pick_look(form, width, ANSWER_LOOKS)) + "\n"


def render_look(answer: Answer, look: Look) -> str:
    """Return the answer for a place where it is read."""
    table = render_table(VERDICTS, list_rows(make_frame(answer)), look)
    trees = make_trees_line(answer.gate)
    said = [look.stress(make_headline(answer)), *([] if trees is None else [look.say(trees)])]
    said += [look.say(sentence) for sentence in list_causes(answer)]
    return stack(*said, table, look.enumerate(list_remarks(answer)), render_why(answer, look))
