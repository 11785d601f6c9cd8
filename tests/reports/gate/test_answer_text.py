"""How an answer reads: golden texts, and nothing harmful comes through."""

from __future__ import annotations

import re
from csv import DictReader
from dataclasses import replace
from io import StringIO
from pathlib import Path

import pytest

from bench.record.arm import Arm, Side
from bench.record.conditions import Environment
from bench.record.gate import Acceptance, Counts, Fault, FileDifference, Footprint, Trees
from bench.record.run import Outcome
from reports.__main__ import main
from reports.gate.answer import conclude
from reports.gate.answer_text import (
    explain_missing,
    list_reasons,
    list_remarks,
    make_headline,
    make_verdict_line,
    render_answer,
)
from reports.show.table import Format
from tests.makers.gates import CASES, COUNTS, made_gate, stored_gate

SLOW = CASES[2]
MORE = {Side.BASE: COUNTS, Side.HEAD: {**COUNTS, "operators": 10, "aten::clone": 1, "flops": 1200}}


def test_headline_is_the_answer() -> None:
    """The first thing that is read, and often the only one."""
    assert make_headline(conclude(made_gate())) == (
        "PASS · 8 unchanged (within 2.0 %) · 0 improved · 0 regressed · 0 inconclusive · "
        "slowdowns visible from 2.3 % · 16 blocks · 3m40s"
    )


def test_headline_names_everything_that_is_not_a_verdict() -> None:
    """New, gone, failed, skipped: nothing passes silently."""
    faults = (
        Fault(side=Side.HEAD, case=CASES[1], block=2, outcome=Outcome.CRASHED, reason="SIGSEGV"),
        *(Fault(side=side, case=CASES[3], block=0, outcome=Outcome.SKIPPED, reason="no") for side in Side),
    )
    said = make_headline(conclude(made_gate(faults=faults, new=("mlp-new",), gone=("mlp-old",))))
    assert said.startswith("FAILED · 6 unchanged")
    assert "1 failed · 1 skipped · 1 new · 1 gone" in said


def test_first_line_of_every_form_is_the_headline() -> None:
    """A job summary shows the top."""
    answer = conclude(made_gate(slower={SLOW: 0.06}))
    assert render_answer(answer, Format.TEXT).splitlines()[0] == make_headline(answer)
    assert render_answer(answer, Format.MARKDOWN).splitlines()[0] == f"**{make_headline(answer)}**"


def test_changed_count_stands_next_to_the_change() -> None:
    """The why column."""
    gate = made_gate(slower={SLOW: 0.06}, counts=MORE)
    assert list_reasons(gate, SLOW) == ["flops 1000 -> 1200", "+1 aten::clone"]
    line = make_verdict_line(conclude(gate), SLOW)
    assert line.startswith("regressed: +5.8 %")
    assert line.endswith("flops 1000 -> 1200; +1 aten::clone")


def test_changed_count_is_shown_where_time_did_not_change() -> None:
    """It will cost somebody else."""
    text = render_answer(conclude(made_gate(counts=MORE)), Format.TEXT)
    assert text.count("+1 aten::clone") == len(CASES)


@pytest.mark.parametrize(
    ("reasons", "said"),
    [
        ({Side.HEAD: "no formula for aten::gru"}, ["flops not compared: in head, no formula for aten::gru"]),
        (dict.fromkeys(Side, "no formula for aten::gru"), ["flops not compared: no formula for aten::gru"]),
        (
            {Side.BASE: "no formula for aten::a", Side.HEAD: "no formula for aten::b"},
            [
                "flops not compared: in base, no formula for aten::a",
                "flops not compared: in head, no formula for aten::b",
            ],
        ),
    ],
)
def test_operations_that_are_not_counted_are_not_compared(reasons: dict[Side, str], said: list[str]) -> None:
    """They did not become 0, and nobody knows that they are the same."""
    counts = {side: {"operators": 9} if side in reasons else {"operators": 9, "flops": 1000} for side in Side}
    gate = made_gate(counts=counts, flops_reasons=reasons)
    assert list_reasons(gate, SLOW) == said


def test_many_changed_counts_are_counted() -> None:
    """A row stays a row."""
    head = {**COUNTS, **{f"aten::op{index}": index for index in range(1, 9)}}
    assert list_reasons(made_gate(counts={Side.BASE: COUNTS, Side.HEAD: head}), SLOW)[-1] == "and 4 more counts"


def test_inconclusive_says_what_would_settle_it() -> None:
    """Never a bare tilde."""
    answer = conclude(made_gate(seed=1, scatter=0.1, slowdown=0.9))
    assert len(answer.rulings) == len(CASES)
    for case in answer.rulings:
        line = make_verdict_line(answer, case)
        assert line.startswith("inconclusive: ")
        assert "more blocks would settle it" in line or "too near the floor" in line


def test_gate_that_could_not_see_enough_says_where_and_what_to_do() -> None:
    """It is the first of the remarks, and how many more blocks would do is among them."""
    answer = conclude(made_gate(detect=0.021))
    assert make_headline(answer).startswith("INCONCLUSIVE · 8 unchanged")
    (first, *_) = list_remarks(answer)
    assert first.startswith(f"a slowdown of 2.1 % could not have been seen in {CASES[0].id}, ")
    assert re.search(
        r"and 5 more|, 5 more: about \d+ more blocks would do \(--add-blocks, or a longer --budget\)$", first
    )
    assert "could not have been seen" not in render_answer(conclude(made_gate(detect=0.05)), Format.TEXT)


def test_slowdown_that_no_number_of_blocks_shows_is_not_promised() -> None:
    """The floor of 2 % is in the way."""
    (first, *_) = list_remarks(conclude(made_gate(detect=0.0201, scatter=0.02, seed=3, slowdown=0.5)))
    assert first.endswith("let nothing else run here, or name a larger one")


def test_unproven_says_why_first() -> None:
    """Before any table."""
    answer = conclude(made_gate(caught=False))
    assert render_answer(answer, Format.TEXT).startswith("UNPROVEN · ")
    assert "nothing is proved: the control that was slowed on purpose was not caught" in render_answer(
        answer, Format.TEXT
    )


def test_accepted_regression_says_until_when_and_why() -> None:
    """It is not hidden."""
    known = Acceptance(case="*", up_to=0.2, reason="stabler", until="9999-12-31")
    answer = conclude(made_gate(slower={SLOW: 0.06}, accepted=(known,)))
    assert "regressed, accepted until 9999-12-31 (stabler): +5.8 %" in make_verdict_line(answer, SLOW)
    assert "1 regressed and accepted" in make_headline(answer)


def test_expired_acceptance_is_named() -> None:
    """So that nobody wonders why it fails since today."""
    known = Acceptance(case="*", up_to=0.2, reason="stabler", until="2001-12-31")
    answer = conclude(made_gate(slower={SLOW: 0.06}, accepted=(known,)))
    assert "regressed, and accepted only until 2001-12-31 (stabler): +5.8 %" in make_verdict_line(answer, SLOW)
    assert make_headline(answer).startswith("REGRESSED")


def test_controls_are_rows_of_the_table() -> None:
    """Whoever reads the verdicts sees what they rest on."""
    rows = [line.split("  ")[0] for line in render_answer(conclude(made_gate()), Format.TEXT).splitlines()]
    assert "control: base again" in rows
    assert "control: slowed on purpose" in rows


def test_tail_that_decided_is_named() -> None:
    """In the sentence and in the table, which has no such column otherwise."""
    answer = conclude(made_gate(stalls={SLOW: 9.0}))
    line = make_verdict_line(answer, SLOW)
    assert re.match(
        r"regressed in its tail: mean over slices \+14\d\.\d % \[.*\], adjusted p 0\.00\d\d; median [+-]0\.", line
    )
    text = render_answer(answer, Format.TEXT)
    assert re.search(rf"{SLOW.id} .* \+14\d\.\d % .* regressed \(tail\)", text)
    assert " tail " in text
    assert " tail " not in render_answer(conclude(made_gate(slower={SLOW: 0.06})), Format.TEXT)


def test_tail_that_changed_far_more_is_shown_beside_the_median() -> None:
    """The median decided, and is not the half of it."""
    answer = conclude(made_gate(slower={SLOW: 0.06}, stalls={SLOW: 9.0}))
    line = make_verdict_line(answer, SLOW)
    assert line.startswith("regressed: +5.9 %")
    assert "; mean over slices +1" in line
    assert re.search(rf"{SLOW.id} .* \+1[56]\d\.\d % .* regressed\n", render_answer(answer, Format.TEXT))


def test_known_tail_says_until_when() -> None:
    """And that it is the tail."""
    known = Acceptance(case="*", up_to=2.0, reason="stabler", until="9999-12-31")
    answer = conclude(made_gate(stalls={SLOW: 9.0}, accepted=(known,)))
    assert make_verdict_line(answer, SLOW).startswith(
        "regressed in its tail, accepted until 9999-12-31 (stabler): mean"
    )


def test_unchanged_names_both_floors() -> None:
    """What was ruled out is not the same for both."""
    line = make_verdict_line(conclude(made_gate()), SLOW)
    assert line.startswith("unchanged within 2.0 %, in its tail within 10.0 %: ")


def test_floor_that_somebody_chose_is_shown() -> None:
    """A third slower is unchanged within 99 %: the headline and the table say which floor that was."""
    floors = {case.id: 0.99 if case == SLOW else 0.02 for case in CASES}
    answer = conclude(made_gate(slower={SLOW: 0.33}, floors=floors))
    text = render_answer(answer, Format.TEXT)
    assert text.startswith("PASS · 8 unchanged (within 2.0 % to 99.0 %)")
    assert re.search(r"  floor  ", text)
    assert re.search(rf"{SLOW.id} .* 99\.0 % .* unchanged", text)
    assert text.count("99.0 %") == 2
    assert "floor" not in render_answer(conclude(made_gate()), Format.TEXT)


def test_pattern_that_fits_no_case_is_a_remark() -> None:
    """Whoever wrote it thinks that it counts."""
    text = render_answer(conclude(made_gate(idle_patterns=("mpl-*", "<b>"))), Format.TEXT)
    assert "floors or accepted regressions that fit no case: mpl-*, <b>" in text
    assert "<b>" not in render_answer(conclude(made_gate(idle_patterns=("<b>",))), Format.MARKDOWN)
    assert "fit no case" not in render_answer(conclude(made_gate()), Format.TEXT)


def test_csv_has_the_tail_of_every_case() -> None:
    """Whether or not it decided."""
    text = render_answer(conclude(made_gate(stalls={SLOW: 9.0})), Format.CSV)
    rows = {row["case"]: row for row in DictReader(StringIO(text))}
    slow, other = rows[SLOW.id], rows[CASES[0].id]
    assert (slow["verdict"], slow["median_verdict"], slow["tail_verdict"]) == ("regressed", "unchanged", "regressed")
    assert (slow["by_tail"], other["by_tail"]) == ("True", "False")
    assert float(slow["tail_change"]) == pytest.approx(1.5, abs=0.1)
    assert float(slow["tail_change_low"]) < float(slow["tail_change"]) < float(slow["tail_change_high"])
    assert float(other["tail_p"]) > 0.01
    assert float(other["tail_floor"]) == 0.1


def test_csv_has_full_precision_and_every_planned_case() -> None:
    """For whoever computes with it."""
    rows = list(DictReader(StringIO(render_answer(conclude(made_gate(slower={SLOW: 0.06})), Format.CSV))))
    assert [row["case"] for row in rows][: len(CASES)] == [case.id for case in CASES]
    slow = rows[CASES.index(SLOW)]
    assert slow["verdict"] == "regressed"
    assert float(slow["change"]) == pytest.approx(0.06, abs=0.01)
    assert float(slow["base_seconds"]) == pytest.approx(0.001, rel=0.05)


def test_text_from_a_file_is_harmless() -> None:
    """A reason may hold anything."""
    nasty = Fault(side=Side.HEAD, case=SLOW, block=1, outcome=Outcome.FAILED, reason="=cmd()|<script>\x1b[31m")
    answer = conclude(made_gate(faults=(nasty,), arms={Side.BASE: Arm(ref="<b>"), Side.HEAD: Arm()}))
    assert "\x1b" not in render_answer(answer, Format.TEXT)
    assert "<script>" not in render_answer(answer, Format.MARKDOWN)
    assert "<b>" not in render_answer(answer, Format.MARKDOWN)
    assert any(row["why"].startswith("'=cmd") for row in DictReader(StringIO(render_answer(answer, Format.CSV))))


@pytest.mark.parametrize(
    ("changes", "arguments", "code", "word"),
    [
        ({}, [], 0, "PASS"),
        ({"slower": {SLOW: 0.06}}, [], 1, "REGRESSED"),
        ({"seed": 1, "scatter": 0.1, "slowdown": 0.9}, [], 0, "INCONCLUSIVE"),
        ({"detect": 0.05}, [], 0, "PASS"),
        ({"detect": 0.021}, [], 3, "INCONCLUSIVE"),
        ({"seed": 1, "scatter": 0.1, "slowdown": 0.9}, ["--strict"], 3, "INCONCLUSIVE"),
        ({"caught": False}, [], 4, "UNPROVEN"),
        ({"blocks": 3, "looks": ()}, [], 4, "UNPROVEN"),
    ],
)
def test_command_has_the_documented_exit_codes(
    changes: dict[str, object],
    arguments: list[str],
    code: int,
    word: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """``python -m reports gate FILE``."""
    gate = made_gate(**changes)  # type: ignore[arg-type]
    path = stored_gate(tmp_path, gate)
    assert main(["gate", str(path), *arguments]) == code
    assert capsys.readouterr().out.startswith(word)


@pytest.mark.parametrize("form", ["markdown", "csv"])
def test_command_prints_other_forms(form: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """For a job summary, and for a spreadsheet."""
    path = stored_gate(tmp_path, made_gate())
    assert main(["gate", str(path), "--format", form]) == 0
    assert capsys.readouterr().out == render_answer(conclude(made_gate()), Format(form))


def test_command_refuses_what_is_no_gate(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """In one line, with exit code 2."""
    path = tmp_path / "x.json"
    path.write_text("{}")
    assert main(["gate", str(path)]) == 2
    assert capsys.readouterr().err.count("\n") == 1


def test_run_commands_say_that_a_gate_is_none(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Whoever mixes them up is told."""
    assert main(["table", str(stored_gate(tmp_path, made_gate()))]) == 2
    assert "python -m reports gate" in capsys.readouterr().err


def trees(*differences: FileDifference, left_out: dict[str, str] | None = None, remarks: tuple[str, ...] = ()) -> Trees:
    """Return what two arms are."""
    return Trees(differences=differences, left_out=left_out or {}, remarks=remarks)


def test_answer_begins_with_what_differs() -> None:
    """After its first line, before the table; a gate from before it was told has no such line."""
    differences = [FileDifference(path=f"models/{name}.py", added=2, removed=1) for name in "abcdefg"]
    data = FileDifference(path="models/data.bin", added=None, removed=None)
    said = {
        (): "base and head are identical: they hold the same files",
        (data,): "base and head differ in 1 file: models/data.bin (lines not counted)",
        tuple(differences): "base and head differ in 7 files: models/a.py +2 -1, models/b.py +2 -1, models/c.py +2 -1, "
        "models/d.py +2 -1, models/e.py +2 -1, models/f.py +2 -1, and 1 more",
    }
    for given, line in said.items():
        for form in (Format.TEXT, Format.MARKDOWN):
            lines = render_answer(conclude(made_gate(trees=trees(*given))), form).split("\n\n")
            assert lines[1].replace("\\", "") == line
    assert "differ in" not in render_answer(conclude(made_gate()), Format.TEXT)


def test_projects_that_differ_in_a_page_are_not_called_the_same_files() -> None:
    """What counts of a project is what workers load."""
    gate = made_gate(trees=trees())
    project = Environment(facts={**gate.environment.facts, "arm.base.project": "abc"})
    said = render_answer(conclude(replace(gate, environment=project)), Format.TEXT)
    assert "base and head are identical in every file that workers load" in said


def test_origins_and_what_is_in_neither_tree_are_remarks() -> None:
    """The file that a fault's reason names goes first."""
    left_out = {f"models/{name}.py": "git ignores it" for name in ("a", "b", "c", "d", "e", "f", "generated")}
    broken = Fault(side=Side.HEAD, case=SLOW, block=0, outcome=Outcome.FAILED, reason="No module named 'generated'")
    gate = made_gate(trees=trees(left_out=left_out, remarks=("base: main is 0123 (first)",)), faults=(broken,))
    remarks = list_remarks(conclude(gate))
    assert "base: main is 0123 (first)" in remarks
    (named,) = [remark for remark in remarks if remark.startswith("in neither tree")]
    assert named.startswith("in neither tree: models/generated.py (git ignores it), models/a.py (git ignores it)")
    assert named.endswith("and 1 more")


def test_what_code_left_behind_is_told_with_whose_it_is() -> None:
    """What both arms do explains no difference; what head alone does may."""
    both = [Footprint(side=side, model="mlp", state={"threads": "2 -> 1"}, outside={}, shared=()) for side in Side]
    alone = Footprint(
        side=Side.HEAD, model="mlp", state={"grad mode": "a -> b"}, outside={"helper": "/a/helper.py"}, shared=()
    )
    remarks = list_remarks(conclude(made_gate(footprints=(*both, alone))))
    assert "mlp in both arms changed threads: 2 -> 1" in remarks
    assert "mlp in head alone changed grad mode: a -> b" in remarks
    assert "mlp in head alone uses helper from /a/helper.py, outside the compared tree" in remarks


def test_answers_that_are_far_less_exact_than_bases_are_named() -> None:
    """A model may say itself how far it is off; two dtypes differ of themselves."""
    errors = {Side.BASE: {"logits": 1e-7, "loss": 0.0}, Side.HEAD: {"logits": 0.7, "loss": 1e-8}}
    counts = tuple(Counts(side=side, case=SLOW, numbers=COUNTS, relative_errors=errors[side]) for side in Side)
    (named,) = [remark for remark in list_remarks(conclude(replace(made_gate(), counts=counts))) if "err by" in remark]
    assert named.startswith(f"{SLOW.id}: logits in head err by 0.7, in base by 1e-07, within what each model")
    arms = {Side.BASE: Arm(ref="main"), Side.HEAD: Arm(dtype="bfloat16")}
    assert not [
        one for one in list_remarks(conclude(replace(made_gate(), counts=counts, arms=arms))) if "err by" in one
    ]


@pytest.mark.parametrize("form", Format)
@pytest.mark.parametrize("head", [None, *(outcome for outcome in Outcome if outcome is not Outcome.MEASURED)], ids=str)
@pytest.mark.parametrize("base", [None, *(outcome for outcome in Outcome if outcome is not Outcome.MEASURED)], ids=str)
def test_every_pair_of_outcomes_is_rendered(base: Outcome | None, head: Outcome | None, form: Format) -> None:
    """A case may end in either arm in any way; the answer is printed whatever that was."""
    faults = tuple(
        Fault(side=side, case=SLOW, block=0, outcome=outcome, reason=f"why {side}")
        for side, outcome in ((Side.BASE, base), (Side.HEAD, head))
        if outcome is not None
    )
    answer = conclude(made_gate(faults=faults))
    text = render_answer(answer, form)
    assert SLOW.id in text
    if faults:
        assert "why" in explain_missing(answer, SLOW)
        assert "why" in text


def test_two_variants_are_slower_or_faster_and_named() -> None:
    """They are the same code: nothing has regressed."""
    arms = {Side.BASE: Arm(dtype="float32"), Side.HEAD: Arm(dtype="bfloat16")}
    answer = conclude(made_gate(slower={SLOW: 0.2}, arms=arms))
    text = render_answer(answer, Format.TEXT)
    assert f"{SLOW.id} (float32 -> bfloat16)" in text
    assert make_verdict_line(answer, SLOW).startswith("slower: +")
    assert "7 as fast (within 2.0 %) · 0 faster · 1 slower" in text.splitlines()[0]
    compiled = conclude(made_gate(arms={Side.BASE: Arm(), Side.HEAD: Arm(compile="on")}))
    assert "(eager -> compiled)" in render_answer(compiled, Format.TEXT)
    threads = conclude(made_gate(arms={Side.BASE: Arm(threads=1), Side.HEAD: Arm(layout="channels_last")}))
    assert "(contiguous -> channels_last, 1 thread -> default threads)" in render_answer(threads, Format.TEXT)


def test_head_that_answers_otherwise_than_base_is_named() -> None:
    """Every answer is held against its own network, so a mistake of head's network is in its reference, too."""

    def said(*counts: Counts) -> list[str]:
        return [remark for remark in list_remarks(conclude(replace(made_gate(), counts=counts))) if "answer" in remark]

    close = Counts(side=Side.HEAD, case=CASES[0], numbers=COUNTS, apart={"logits": 1e-12, "loss": 0.0})
    other = Counts(side=Side.HEAD, case=SLOW, numbers=COUNTS, apart={"logits": 0.25, "loss": 0.01})
    assert said(close, other) == [f"{SLOW.id}: head's answer is not base's: logits differ by 0.25 of their size"]
    lost = Counts(side=Side.HEAD, case=SLOW, numbers=COUNTS, apart_reason="logits: shape (4, 9) instead of (4, 10)")
    assert said(lost) == [
        f"{SLOW.id}: head's answer cannot be compared with base's: logits: shape (4, 9) instead of (4, 10)"
    ]


def test_release_of_torch_is_named_where_the_arms_have_two() -> None:
    """The path of an interpreter does not say which torch it has; with one torch for both there is nothing to say."""
    gate = replace(made_gate(), arms={"base": Arm(python="/old/python"), "head": Arm()})
    for builds, base in (
        ({"base": "2.13.0", "head": "2.14.1"}, "base: the working tree, python=/old/python (torch 2.13.0)"),
        ({"base": "2.14.1", "head": "2.14.1"}, "base: the working tree, python=/old/python"),
        ({"head": "2.14.1"}, "base: the working tree, python=/old/python"),
    ):
        facts = {**gate.environment.facts, **{f"arm.{side}.torch.build": build for side, build in builds.items()}}
        assert base in list_remarks(conclude(replace(gate, environment=Environment(facts=facts))))


def test_busy_machine_is_a_remark() -> None:
    """Both sides are of it, so the verdicts stand, and small changes are not seen."""
    gate = made_gate()
    busy = Environment(facts={**gate.environment.facts, "machine.load_at_start": 5.1, "machine.cores": 2})
    assert not any("UNSTEADY" in remark for remark in list_remarks(conclude(gate)))
    (said,) = [remark for remark in list_remarks(conclude(replace(gate, environment=busy))) if "UNSTEADY" in remark]
    assert said.startswith("UNSTEADY: load 5.1 on 2 cores when it began")


def test_step_of_the_users_own_is_named_as_in_neither_tree() -> None:
    """Both arms are timed by one file, as it lies."""
    gate = made_gate()
    own = Environment(facts={**gate.environment.facts, "step.adamw.spec": "steps.py:adamw", "step.adamw.digest": "ab"})
    said = [remark for remark in list_remarks(conclude(replace(gate, environment=own))) if "neither tree" in remark]
    assert said == [
        "both sides are timed by steps.py:adamw as it lies, which is in neither tree: a change of it is not compared"
    ]
