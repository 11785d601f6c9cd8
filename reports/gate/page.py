"""The page of a gate: its answer, every effect, rows that open to blocks and reasons, and the machine's state."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial
from math import exp
from statistics import median

from bench.record.arm import Side
from bench.record.case import Case
from bench.record.gate import Contest
from bench.record.how_many import how_many
from reports.gate.answer import Answer, compute_effects
from reports.gate.answer_text import (
    CONTROLS,
    UNSTEADY,
    VERDICTS,
    list_reasons,
    list_remarks,
    make_frame,
    make_headline,
    make_trees_line,
    make_verdict_line,
    name_case,
)
from reports.gate.plots import PICTURES
from reports.gate.reproduce import make_command
from reports.gate.why_text import find_explanations, list_causes, render_explanation
from reports.show.escape import page as escape
from reports.show.files import Output, text_output
from reports.show.page import (
    FACTS,
    MOST_DRAWN,
    NAME,
    Filterable,
    PageText,
    Section,
    render_code,
    render_filterable,
    render_page,
    render_picture,
)
from reports.show.strip import Strip, draw_strip
from reports.show.table import PAGE, Column, Row, Table, list_rows, render_table, stack
from reports.show.units import ABSENT, signed_percent
from reports.show.words import name_some
from reports.stats.verdict import Ruling, Verdict

CAPTIONS = {
    "forest": "The change of every case with its interval; right of 0 head is slower, the band is the floor.",
    "disturbance": "The yardstick and the time that the hypervisor took, over the blocks.",
}
"""What a picture shows, for whoever reads the page aloud."""


def page_output(answer: Answer) -> Output:
    """Return the page as what is to be written."""
    return text_output(NAME, partial(render_gate_page, answer))


def render_gate_page(answer: Answer) -> str:
    """Return the page of a gate."""
    gate = answer.gate
    trees = make_trees_line(gate)
    text = PageText(
        title=f"accelbench: {answer.state.value}, {gate.arms[Side.HEAD]} against {gate.arms[Side.BASE]}",
        about=make_headline(answer),
        warnings=[
            *(f"Nothing is proved: {problem}." for problem in answer.problems),
            *(remark for remark in list_remarks(answer) if remark.startswith(UNSTEADY)),
        ],
        answers=[
            *_tell_verdicts(answer),
            *([f"{trees[0].upper()}{trees[1:]}."] if trees else []),
            *list_causes(answer),
            *_tell_controls(answer),
        ],
        foot=[remark for remark in list_remarks(answer) if not remark.startswith(UNSTEADY)],
    )
    return render_page(text, _list_sections(answer))


def _tell_verdicts(answer: Answer) -> Iterator[str]:
    """Yield which cases head is slower and faster in and by how much, and of how many cases nothing else is known."""
    gate, judged = answer.gate, len(answer.rulings)
    for verdict, word in ((Verdict.REGRESSED, "slower"), (Verdict.IMPROVED, "faster")):
        cases = [case for case, ruling in answer.rulings.items() if ruling.verdict is verdict]
        cases.sort(key=lambda case: -abs(answer.rulings[case].change))
        told = (f"{name_case(gate, case)} ({_tell_change(answer.rulings[case])})" for case in cases)
        if cases:
            yield f"Head is {word} in {len(cases)} of {how_many(judged, 'case')}: {name_some(told)}."
    same, open_ = answer.count(Verdict.UNCHANGED), answer.count(Verdict.INCONCLUSIVE)
    parts = [f"{same} took as long, within the floor"] if same else []
    parts += [f"of {open_} it cannot be told whether they changed"] if open_ else []
    if parts:
        yield f"Of {how_many(judged, 'case')} {' and '.join(parts)}."


def _tell_change(ruling: Ruling) -> str:
    return signed_percent(ruling.change, ruling.low, ruling.high)


def _tell_controls(answer: Answer) -> Iterator[str]:
    """Yield what both controls showed, where they were as they must be."""
    if answer.problems or set(answer.controls) != {Contest.SAME, Contest.SLOWED}:
        return
    same, slowed = answer.controls[Contest.SAME], answer.controls[Contest.SLOWED]
    yield (
        f"Both controls are right: base against itself changed by {_tell_change(same)}, and a slowdown made on purpose "
        f"was seen ({_tell_change(slowed)})."
    )


def _list_sections(answer: Answer) -> Iterator[Section]:
    yield Section(name="verdicts", title="Verdicts", body=_draw(answer, "forest") + _render_verdicts(answer))
    why = "".join(
        f"<h3>{escape(case.id)}</h3>{render_explanation(answer, case, explanation, PAGE)}"
        for case, explanation in find_explanations(answer).items()
    )
    yield Section(name="why", title="Why", body=why)
    yield Section(name="machine", title="The machine meanwhile", body=_draw(answer, "disturbance"))
    yield Section(name="again", title="Measure it again", body=render_code(make_command(answer.gate)))
    yield Section(name="environment", title="Environment", body=_render_environment(answer))


def _draw(answer: Answer, name: str) -> str:
    """Return a picture as a part of the page; empty where it has nothing to show, or too much."""
    if len(answer.rulings) > MOST_DRAWN:
        return ""
    return render_picture(partial(PICTURES[name], answer), name, CAPTIONS[name])


def _render_verdicts(answer: Answer) -> str:
    """Return the table of verdicts, whose rows open to their blocks and reasons."""
    verdict = next(column for column in VERDICTS.columns if column.header == "verdict")
    rest = tuple(column for column in VERDICTS.columns if column.header not in {"case", "verdict"})
    proved = not answer.problems

    def read(row: Row) -> str:
        """Return a verdict; of a control that is as it must be, that."""
        return "as it must be" if proved and row["case"] in CONTROLS.values() else verdict.read(row)

    axis = Column(header="verdict", read=read, right=False, axis=True)
    made = Filterable(
        table=Table(columns=(axis, *rest)),
        caption="Every planned case and both controls; a name leads to its blocks and reasons.",
        values={
            "change": lambda row: row["change"],
            "base": lambda row: row["base_seconds"],
            "head": lambda row: row["head_seconds"],
            "visible from": lambda row: row["visible"],
        },
        details=_list_details(answer),
        name=lambda row: str(row["case"]),
    )
    return render_filterable(made, list_rows(make_frame(answer)))


def _list_details(answer: Answer) -> Mapping[str, str]:
    """Return what the row of each judged case opens to."""
    gate = answer.gate
    details = {
        name_case(gate, case): stack(
            f"<p>{escape(make_verdict_line(answer, case))}</p>",
            _render_blocks(answer, Contest.ARMS, case),
            PAGE.enumerate(list_reasons(gate, case)),
        )
        for case in answer.rulings
    }
    if gate.plan is not None:
        details |= {
            CONTROLS[contest]: _render_blocks(answer, contest, gate.plan.control) for contest in answer.controls
        }
    return details


def _render_blocks(answer: Answer, contest: Contest, case: Case) -> str:
    """Return the effect of every block as dots around no change."""
    effects = compute_effects(answer.gate, contest, [case])[case]
    ratios = [exp(effect) for effect in effects]
    said = f"Blocks of {case.id}: head over base, the line is no change, the median {median(ratios):.3f}"
    strip = Strip(groups=((ratios, [True] * len(ratios)),), centre=1.0, title=said, most=1.25)
    return f'<figure class="small">{draw_strip(strip)}<figcaption>{escape(said)}.</figcaption></figure>'


def _render_environment(answer: Answer) -> str:
    facts = answer.gate.environment.facts
    rows = [{"fact": name, "value": ABSENT if value is None else str(value)} for name, value in sorted(facts.items())]
    table = render_table(FACTS, rows, PAGE)
    return f"<details><summary>All {len(rows)} facts</summary>{table}</details>"
