"""Jobs of other tools: their words are read as they meant them, and nothing is done twice or left out."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import replace
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

import pytest

from tests.field import rival_jobs
from tests.field.job_lines import Ended, JobAnswer, append_lines, read_lines
from tests.field.rival_jobs import ROUNDS, carry_out, kind_of, table
from tests.field.rival_tools import BATCHES, COMMANDS, Tool, name_case, read_check, read_comparison
from tests.field.test_identical import LINE

WORDS = [
    (("unchanged", "unchanged", "improved"), Ended.PASSED),
    (("unchanged", "inconclusive", "unchanged"), Ended.INCONCLUSIVE),
    (("regressed", "inconclusive", "not_comparable"), Ended.RED),
    (("unchanged", "inconclusive", "not_comparable"), Ended.UNPROVEN),
    (("unchanged", "unchanged"), Ended.UNPROVEN),
]


@pytest.mark.parametrize(("words", "ended"), WORDS, ids=["-".join(words) for words, _ in WORDS])
def test_word_of_benchmatrix_is_the_worst_of_its_cells(words: tuple[str, ...], ended: Ended) -> None:
    """What it could not compare is no pass, and nor is a case that is not there."""
    cells = [{"case_name": f"b{batch}", "regression": word} for batch, word in zip(BATCHES, words, strict=False)]
    done = CompletedProcess([], 1, stdout=json.dumps({"comparisons": cells}).encode())
    means = {side: [dict.fromkeys(map(name_case, BATCHES), 0.1)] * 5 for side in ("base", "head")}
    answer = read_comparison(done, means)
    assert answer.ended is ended
    assert list(answer.verdicts.values()) == list(words)
    assert answer.replicates == 5
    assert answer.figures[f"{name_case(1)} head"] == (0.1,) * 5


def saved(folder: Path, side: str) -> list[Path]:
    """Return a file as pytest-benchmark saves it."""
    path = folder / f"0001_{side}.json"
    stats = {"min": 0.001, "median": 0.002}
    path.write_text(json.dumps({"benchmarks": [{"params": {"batch": batch}, "stats": stats} for batch in BATCHES]}))
    return [path]


def printed(*batches: int) -> str:
    """Return what pytest-benchmark 5.3.1 prints of cases that failed its check."""
    named = (
        f"\tplain_suite.py::test_plain[forward-{batch}-float32-off] (0001_base) - "
        "Field 'min' has failed PercentageRegressionCheck: 6.1 > 5.0\n"
        for batch in batches
    )
    return f"Performance has regressed:\n{''.join(named)}"


def test_case_that_failed_the_check_of_pytest_benchmark_is_slower(tmp_path: Path) -> None:
    """And every other one is not."""
    files = {side: saved(tmp_path, side) for side in ("base", "head")}
    answer = read_check(CompletedProcess([], 1, stdout="", stderr=printed(64)), files)
    assert answer.ended is Ended.RED
    assert answer.verdicts == {name_case(1): "passed", name_case(64): "regressed", name_case(1024): "passed"}
    assert answer.figures[f"{name_case(64)} min, base and head"] == (0.001, 0.001)
    assert read_check(CompletedProcess([], 0, stdout="", stderr=""), files).ended is Ended.PASSED


@pytest.mark.parametrize(("code", "batches"), [(1, ()), (0, (64,))])
def test_exit_code_and_words_that_do_not_agree_prove_nothing(tmp_path: Path, code: int, batches: tuple[int]) -> None:
    """A suite that crashed fails too, and is not a slowdown that was caught."""
    files = {side: saved(tmp_path, side) for side in ("base", "head")}
    done = CompletedProcess([], code, stdout="it crashed", stderr=printed(*batches) if batches else "")
    assert read_check(done, files).ended is Ended.UNPROVEN


def test_rounds_are_twenty_equal_jobs_and_ten_of_each_slowdown() -> None:
    """Which case is slower takes turns."""
    kinds = [kind_of(number) for number in range(1, ROUNDS + 1)]
    assert Counter(slower for slower, _ in kinds) == {0.0: 20, 0.03: 10, 0.10: 10}
    for slower in (0.03, 0.10):
        assert max(Counter(batch for share, batch in kinds if share == slower).values()) <= 4


def tool(name: str, judged: list[str]) -> Tool:
    """Return a tool that takes no time and notes that it judged."""

    def judge(base: Path, head: Path, scratch: Path) -> dict[str, JobAnswer]:
        assert scratch.is_dir()
        judged.append(f"{name} {base.name} {head.name}")
        return {name: LINE.answer, f"{name}, stricter": LINE.answer}

    return Tool(answers=(name, f"{name}, stricter"), version="1", judge=judge)


def test_tools_take_turns_and_jobs_that_are_there_are_not_done_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each round begins with another tool; both answers of a tool come from one job."""
    made: list[Any] = []
    monkeypatch.setattr(
        rival_jobs, "changed_checkout", lambda tree, body: (tree.mkdir(parents=True), made.append(body))
    )
    judged: list[str] = []
    tools = [tool("a", judged), tool("b", judged)]
    lines = tmp_path / "lines.jsonl"
    append_lines(lines, replace(LINE, tool="b", version="1", number=1))
    append_lines(lines, replace(LINE, tool="b", version="0", number=2))  # an older one does not count
    for _ in range(2):
        carry_out(tools, rounds=2, minutes=1.0, folder=tmp_path, lines=lines)
    assert judged == ["a equal equal", "a equal slower-0.03-1", "b equal slower-0.03-1"]
    assert len(read_lines(lines)) == 2 + 2 * 3
    assert any("{(1, 'torch.float32'): 0.03}" in body for body in made)
    assert [line.slowed for line in read_lines(lines) if line.slower] == [name_case(1)] * 4


def test_table_tells_errors_and_power_apart() -> None:
    """Red on identical code is an error; a slowdown is caught only by its own case's name."""
    hit = {name_case(1): "regressed", name_case(64): "passed"}
    missed = {name_case(1): "passed", name_case(64): "regressed"}
    slow = [
        replace(LINE, slower=0.03, slowed=name_case(1), answer=replace(LINE.answer, ended=Ended.RED, verdicts=verdicts))
        for verdicts in (hit, missed)
    ]
    rows = table([LINE, replace(LINE, answer=replace(LINE.answer, ended=Ended.RED)), *slow]).splitlines()
    assert rows[2].startswith("| accelbench | 0123 | 1 of 2 (1.3 to 98.7 %) | 0 of 2 (0.0 to 84.2 %) |")
    assert "| 1 of 2 (1.3 to 98.7 %) | none of 0 | 1 of 2 (1.3 to 98.7 %) |" in rows[2]
    assert all(f"- {name}: `{command}`" in rows for name, command in COMMANDS.items())
    assert table([]) == ""
