"""Two stored runs: little can be said, and that little is right."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from random import Random

import pytest

from bench.files.parse_json import SECTION
from bench.files.run import make_run_section
from bench.record.case import Case
from bench.record.conditions import Environment
from bench.record.run import Outcome, Run
from reports.__main__ import main
from reports.gate.stored import compare_stored
from reports.gate.stored_text import make_stored_headline, render_stored
from reports.show.table import Format
from reports.stats.verdict import Verdict
from tests.makers.runs import TWO, hole, made_run, measured, slices, steady_run


def run(seed: int, *, slower: float = 0.0, scatter: float = 0.01, launches: int = 8) -> Run:
    """Return a run whose first case is slower by a share."""
    random = Random(seed)

    def seconds(case: Case, _: int) -> list[float]:
        factor = 1 + slower * (case == TWO[0])
        return [0.001 * factor * (1 + random.gauss(0, scatter))] * 3

    return steady_run(seconds, launches=launches)


def verdicts(base: Run, head: Run, drift: float = 0.3) -> list[Verdict]:
    """Return the verdicts alone."""
    return [change.verdict for change in compare_stored(base, head, drift).changes]


def test_identical_code_is_inconclusive() -> None:
    """It cannot know that nothing changed: the machine may have drifted the other way."""
    assert verdicts(run(1), run(2)) == [Verdict.INCONCLUSIVE] * 2


def test_change_within_the_allowance_for_drift_is_inconclusive() -> None:
    """However sure it is that the runs differ."""
    answer = compare_stored(run(1), run(2, slower=0.2))
    assert [change.verdict for change in answer.changes] == [Verdict.INCONCLUSIVE] * 2
    assert answer.changes[0].p < 0.001
    assert answer.changes[0].change == pytest.approx(0.2, abs=0.02)


def test_change_beyond_it_is_called() -> None:
    """In both directions; swapping the runs mirrors it."""
    assert verdicts(run(1), run(2, slower=0.5)) == [Verdict.REGRESSED, Verdict.INCONCLUSIVE]
    assert verdicts(run(2, slower=0.5), run(1)) == [Verdict.IMPROVED, Verdict.INCONCLUSIVE]
    assert verdicts(run(1), run(2, slower=0.1), drift=0.02) == [Verdict.REGRESSED, Verdict.INCONCLUSIVE]


def test_wide_interval_on_both_sides_of_nothing_is_inconclusive() -> None:
    """Each end may be far from nothing; what lies between them is nothing."""
    assert verdicts(run(1), run(2, scatter=0.2), drift=0.001)[0] is Verdict.INCONCLUSIVE


def test_case_that_head_could_not_run_fails() -> None:
    """It ran in base: a hole is not a pass."""
    good = [one for one in run(2).measurements if one.case == TWO[1]]
    head = made_run(TWO, [*good, hole(TWO[0], 0, Outcome.SKIPPED, "no such dtype")])
    assert compare_stored(run(1), head).faults == {TWO[0].id: "skipped: no such dtype"}


def test_launches_without_each_other_are_a_hole_with_a_reason() -> None:
    """Whole launches are shuffled: six of each case, but never of both, are none."""
    odd = [one for one in run(1, launches=12).measurements if (one.launch % 2 == 0) == (one.case == TWO[0])]
    answer = compare_stored(made_run(TWO, odd, launches=12), run(2))
    assert not answer.changes
    assert set(answer.missing) == {case.id for case in TWO}
    assert set(answer.missing.values()) == {"0 launches in which every case was measured; it takes 6"}


def test_csv_holds_full_precision_and_holes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """For a spreadsheet."""
    base, head = written(tmp_path, "base.json", run(1)), written(tmp_path, "head.json", run(2, launches=3))
    assert main(["gate", base, written(tmp_path, "again.json", run(1)), "--format", "csv"]) == 0
    rows = capsys.readouterr().out.splitlines()
    assert rows[0].startswith("case,verdict,change,")
    assert rows[1].startswith(f"{TWO[0].id},inconclusive,0.0,")
    assert main(["gate", base, head, "--format", "csv"]) == 4
    assert "3 launches; it takes 6 in each run" in capsys.readouterr().out


def test_few_launches_are_not_compared() -> None:
    """Five have no interval."""
    answer = compare_stored(run(1, launches=5), run(2))
    assert not answer.changes
    assert set(answer.missing.values()) == {"5 launches; it takes 6 in each run"}
    assert make_stored_headline(answer).startswith("NOTHING COMPARED")


def test_case_that_failed_in_head_fails() -> None:
    """And one that only one of them has is named."""
    base = run(1)
    good = [one for one in run(2).measurements if one.case == TWO[1]]
    head = made_run(TWO, [*good, hole(TWO[0], 1, Outcome.CRASHED, "SIGSEGV")])
    answer = compare_stored(base, head)
    assert answer.faults == {TWO[0].id: "crashed: SIGSEGV"}
    assert make_stored_headline(answer).startswith("FAILED")
    alone = made_run(TWO[1:], [measured(TWO[1], launch, slices([0.001] * 3)) for launch in range(1, 9)])
    assert compare_stored(base, alone).missing == {TWO[0].id: "only base has it"}
    assert compare_stored(alone, base).missing == {TWO[0].id: "only head has it"}


def test_many_launches_are_shuffled_at_random() -> None:
    """All 155 million ways would take a while."""
    assert verdicts(run(1, launches=15), run(2, slower=0.5, launches=15)) == [
        Verdict.REGRESSED,
        Verdict.INCONCLUSIVE,
    ]


def written(folder: Path, name: str, some: Run) -> str:
    """Return the path of a run's JSON."""
    path = folder / name
    path.write_text(json.dumps({SECTION: make_run_section(some)}))
    return str(path)


@pytest.mark.parametrize(
    ("slower", "arguments", "code"),
    [(0.0, [], 0), (0.0, ["--strict"], 3), (0.5, [], 1), (0.5, ["--drift", "2"], 0)],
)
def test_command_has_the_documented_exit_codes(
    slower: float, arguments: list[str], code: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """``python -m reports gate BASE HEAD``, which says what it cannot know."""
    base, head = written(tmp_path, "base.json", run(1)), written(tmp_path, "head.json", run(2, slower=slower))
    assert main(["gate", base, head, *arguments]) == code
    assert "drift between the two runs is not separated" in capsys.readouterr().out


def test_nothing_in_common_is_not_a_pass(tmp_path: Path) -> None:
    """Exit code 4."""
    base, head = written(tmp_path, "base.json", run(1, launches=3)), written(tmp_path, "head.json", run(2))
    assert main(["gate", base, head]) == 4


@pytest.mark.parametrize("share", ["-1", "x", "nan", "11"])
def test_drift_that_is_no_share_is_refused(share: str, capsys: pytest.CaptureFixture[str]) -> None:
    """In one line, with exit code 2."""
    assert main(["gate", "a.json", "b.json", "--drift", share]) == 2
    assert "is not a share" in capsys.readouterr().err


def test_markdown_is_a_table() -> None:
    """For a job summary."""
    text = render_stored(compare_stored(run(1), run(2)), Format.MARKDOWN)
    assert "| case" in text
    assert text.startswith("INCONCLUSIVE · 0 regressed")


def test_busy_machine_is_named_with_whose_it_is() -> None:
    """Of two runs that were made one after the other, one alone may have met it."""
    busy = run(2)
    facts = {**busy.environment.facts, "machine.load_at_start": 5.1, "machine.cores": 2}
    answer = compare_stored(run(1), replace(busy, environment=Environment(facts=facts)))
    first = render_stored(answer, Format.TEXT).splitlines()[0]
    assert first == "UNSTEADY: head: load 5.1 on 2 cores when it began. Measure it again on an idle machine."
