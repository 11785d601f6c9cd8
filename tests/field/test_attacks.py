"""What can be known of the attacks without measuring: their changes apply, and answers are judged as they should be."""

from __future__ import annotations

import ast
import json
from dataclasses import replace
from pathlib import Path

import pytest

from bench.record.arm import Side
from bench.record.gate import Ending, Fault, Gate
from bench.record.run import Outcome
from reports.gate.answer import conclude
from tests.field import attack as program
from tests.field.attacks import ATTACKS, NETWORK, REGISTRY, SHORT, Attack, Truth, replaced, unchanged
from tests.field.judging import Judgement, judge, judge_silence
from tests.field.runs import ROOT
from tests.makers.gates import CASES, made_gate

CASE = CASES[0]
OTHER = next(case for case in CASES if case.step != CASE.step)
KEY = f"{CASE.model}-{CASE.step}"


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """Return the few files of a checkout that attacks change."""
    for name in (NETWORK, REGISTRY, "pyproject.toml", ".gitignore"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes((ROOT / name).read_bytes())
    return tmp_path


def attack_of(truth: Truth, clue: str | None = None) -> Attack:
    return Attack(name="made-up", does="Nothing.", head=unchanged, truth={KEY: truth}, clue=clue)


def gate_of(**changes) -> Gate:
    """Return a made-up gate of two cases, whose steps differ."""
    return made_gate(cases=(CASE, OTHER), **changes)


def contents(tree: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in tree.rglob("*") if path.is_file()}


@pytest.mark.parametrize("name", ATTACKS)
def test_change_applies_and_its_files_compile(name, tree):
    """An anchor that the models no longer have, or a slip in a change, would show only after minutes of measuring."""
    attack = ATTACKS[name]
    if attack.base is not None:
        attack.base(tree)
    before = contents(tree)
    attack.head(tree)
    assert (contents(tree) == before) == (name == "identical")
    for path in tree.rglob("*.py"):
        ast.parse(path.read_text(encoding="utf-8"), str(path))


def test_there_are_enough_attacks_and_their_names_are_their_own():
    """A table's row, a stored file and the option --only are found by the name."""
    assert len(ATTACKS) >= 34
    assert all(name == attack.name for name, attack in ATTACKS.items())
    assert set(SHORT) <= ATTACKS.keys()
    assert all(attack.truth and attack.does.endswith(".") for attack in ATTACKS.values())


@pytest.mark.parametrize("truth", [Truth.SLOWER, Truth.WRONG])
def test_no_clue_fits_an_answer_that_names_nothing(truth):
    """A word that stands in every answer would make every pass honest."""
    answer = conclude(gate_of(slower={OTHER: 0.1}))
    judgements = {name: judge(attack_of(truth, attack.clue), answer, 1).judgement for name, attack in ATTACKS.items()}
    assert set(judgements.values()) == {Judgement.WRONG}


def test_text_that_does_not_stand_there_once_is_refused(tree):
    """A change that changes nothing would be judged as if it had been made."""
    with pytest.raises(ValueError, match="stands there 0 times"):
        replaced(NETWORK, "no such line", "")(tree)


@pytest.mark.parametrize(
    ("slower", "truth", "judgement"),
    [
        pytest.param(0.1, Truth.SLOWER, Judgement.RIGHT, id="slower-is-caught"),
        pytest.param(0.0, Truth.SLOWER, Judgement.WRONG, id="slower-passes"),
        pytest.param(-0.1, Truth.SLOWER, Judgement.WRONG, id="slower-is-praised"),
        pytest.param(0.0, Truth.UNCHANGED, Judgement.RIGHT, id="unchanged-passes"),
        pytest.param(0.1, Truth.UNCHANGED, Judgement.WRONG, id="unchanged-is-accused"),
        pytest.param(-0.1, Truth.FASTER, Judgement.RIGHT, id="faster-is-seen"),
        pytest.param(0.0, Truth.FASTER, Judgement.WRONG, id="faster-is-missed"),
        pytest.param(0.0, Truth.WRONG, Judgement.WRONG, id="nothing-computed-passes"),
        pytest.param(-0.1, Truth.WRONG, Judgement.WRONG, id="nothing-computed-is-praised"),
        pytest.param(0.1, Truth.WRONG, Judgement.HONEST, id="nothing-computed-is-red"),
    ],
)
def test_verdict_is_held_against_the_truth(slower, truth, judgement):
    """What is slower and what computes nothing must not pass, and what did not change must not be accused."""
    answer = conclude(gate_of(slower={CASE: slower}))
    assert judge(attack_of(truth), answer, 1).judgement is judgement


def test_verdict_that_was_not_reached_is_honest():
    """Inconclusive says nothing false, whatever the truth is."""
    answer = conclude(gate_of(slower={CASE: 0.03}, scatter=0.08))
    assert {judge(attack_of(truth), answer, 0).judgement for truth in Truth} == {Judgement.HONEST}


def test_gate_that_proves_nothing_is_honest():
    """Unproven says that its verdicts may not be believed."""
    answer = conclude(gate_of(caught=False))
    judged = judge(attack_of(Truth.SLOWER), answer, 6)
    assert judged.judgement is Judgement.HONEST
    assert "was not caught" in judged.mechanism


def test_problem_that_names_the_change_is_the_mechanism():
    """The table must say what caught an attack, not only that something did."""
    problem = "head imports cost from outside of models"
    gate = gate_of(ending=Ending(reason=problem, broken=True, stopped=False, wall_seconds=1.0))
    judged = judge(attack_of(Truth.SLOWER, clue=r"\bCOST\b"), conclude(gate), 6)
    assert judged.judgement is Judgement.HONEST
    assert problem in judged.mechanism


def test_pass_that_names_the_change_is_honest():
    """A floor of 99 % that is shown beside the verdict deceives nobody."""
    floors = {case.id: 0.99 for case in (CASE, OTHER)}
    answer = conclude(gate_of(slower={CASE: 0.1}, floors=floors, slowdown=3.0))
    assert judge(attack_of(Truth.SLOWER, clue=ATTACKS["loose-floor"].clue), answer, 0).judgement is Judgement.HONEST
    assert judge(attack_of(Truth.SLOWER, clue="helper"), answer, 0).judgement is Judgement.WRONG


@pytest.mark.parametrize(
    ("outcome", "truth", "clue", "judgement"),
    [
        pytest.param(Outcome.WRONG_RESULT, Truth.WRONG, None, Judgement.RIGHT, id="wrong-answer"),
        pytest.param(Outcome.TIMEOUT, Truth.WRONG, None, Judgement.HONEST, id="hangs"),
        pytest.param(Outcome.FAILED, Truth.UNCHANGED, None, Judgement.WRONG, id="accused"),
        pytest.param(Outcome.FAILED, Truth.UNCHANGED, "grad mode", Judgement.HONEST, id="accused-for-its-reason"),
    ],
)
def test_fault_is_held_against_the_truth(outcome, truth, clue, judgement):
    """A case that failed is rightly red only if it does not compute what it must."""
    fault = Fault(side=Side.HEAD, case=CASE, block=1, outcome=outcome, reason="Grad mode was left off")
    answer = conclude(gate_of(faults=(fault,)))
    assert judge(attack_of(truth, clue), answer, 1).judgement is judgement


def test_worst_case_counts():
    """One case that is rightly judged does not make up for another that is not."""
    truth = {KEY: Truth.SLOWER, f"{OTHER.model}-{OTHER.step}": Truth.SLOWER}
    attack = replace(attack_of(Truth.SLOWER), truth=truth)
    assert judge(attack, conclude(gate_of(slower={CASE: 0.1})), 1).judgement is Judgement.WRONG


def test_green_exit_code_of_a_red_gate_is_wrong():
    """A job reads the exit code and nothing else."""
    answer = conclude(gate_of(slower={CASE: 0.1}))
    assert judge(attack_of(Truth.SLOWER), answer, 0).judgement is Judgement.WRONG


def test_answer_without_the_attacked_case_is_wrong():
    """An attack that judges no case proves nothing."""
    attack = replace(attack_of(Truth.SLOWER), truth={"mlp-other": Truth.SLOWER})
    assert judge(attack, conclude(gate_of()), 0).judgement is Judgement.WRONG


def test_refusal_is_honest_only_if_it_names_the_change():
    """A session that crashed for another reason said nothing of the attack."""
    attack = attack_of(Truth.SLOWER, clue="against-tip")
    assert judge_silence(attack, "ERROR: use --against-tip\n\n", 4).judgement is Judgement.HONEST
    assert judge_silence(attack, "ERROR: use --against-tip\n", 0).judgement is Judgement.WRONG
    assert judge_silence(attack, "Traceback\n", 3).judgement is Judgement.WRONG
    assert judge_silence(attack, "", 3).mechanism == "it printed nothing"


def test_stored_sessions_of_other_code_are_not_taken(tmp_path):
    """An answer of yesterday's engine says nothing of today's; a line that was cut off is measured again."""
    path = tmp_path / "attacks.jsonl"
    line = {"name": "slower", "checkout": "a", "code": 1, "seconds": 2.0}
    path.write_text(
        f"{json.dumps(line)}\n{json.dumps({**line, 'name': 'faster', 'checkout': 'b'})}\n" + '{"name": "ide'
    )
    assert list(program.read_ended(path, "a")) == ["slower"]
    assert program.read_ended(tmp_path / "missing.jsonl", "a") == {}


def test_option_of_an_attack_goes_before_the_usual_one(monkeypatch):
    """A session must not be asked for two steps, nor for an option that this checkout does not know."""
    monkeypatch.setattr(program, "knows_tip", lambda: False)
    arguments = program.list_arguments(ATTACKS["gradients-late"], 60, 8)
    assert (arguments.count("--step"), arguments[arguments.index("--step") + 1]) == (1, "backward")
    assert arguments[arguments.index("--budget") + 1] == "60s"
    assert "--against-tip" not in program.list_arguments(ATTACKS["identical"], 60, 8)


def test_table_has_a_row_for_each_attack_and_keeps_its_columns():
    """A bar in a sentence would begin another cell."""
    attack = replace(attack_of(Truth.SLOWER), does="Computes a | b.")
    ended = program.Ended(name=attack.name, checkout="a", code=0, seconds=1.0)
    table = program.render([(attack, ended, judge(attack, conclude(gate_of()), 0))])
    row = table.splitlines()[2]
    assert row.replace(r"\|", "").count("|") == 8
    assert "1 attacks: 0 right, 0 honest, 1 wrong." in table
