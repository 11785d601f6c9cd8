"""What compares two checkouts in a job: our gate, benchmatrix and pytest-benchmark, each by its own program.

Each compares forward at batch 1, 64 and 1024 in float32, eager, in about a minute on a quiet machine, and its answer is
brought to the words of `job_lines`.
"""

from __future__ import annotations

import json
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from importlib.metadata import version
from pathlib import Path

from bench.host.git import git_line
from tests.field.decisive_code import fingerprint
from tests.field.job_lines import SLOWER, Ended, JobAnswer
from tests.field.own_answer import read_answer
from tests.field.runs import CASES, ROOT, gate

BATCHES = (1, 64, 1024)
SIDES = ("base", "head")

OWN_BUDGET = "45s"
"""Of our gate; what it does before the first block comes on top."""

PLAIN_SECONDS = 8.5
"""Of pytest-benchmark for each case (``--benchmark-max-time``): two runs of three cases are then as long as our job."""

SUITES = ("benchmatrix_suite.py", "plain_suite.py")
KEPT = "forward and float32 and off"
"""Of the plain suite's cases."""

OWN = ("-k", "forward and float32", "--data", "random", "--budget", OWN_BUDGET)
"""Of our gate's options, beside those of every gate here."""

FAILED = re.compile(r"test_plain\[forward-(\d+)-\S* .*has failed")
"""How pytest-benchmark names a case in which a check failed."""

PLAIN = f"pytest plain_suite.py -k '{KEPT}' --benchmark-max-time {PLAIN_SECONDS:g}"

COMMANDS: Mapping[str, str] = {
    "accelbench": f"pytest bench {shlex.join([*CASES, *OWN])} --arm base=ref=BASE --arm head=ref=HEAD",
    "benchmatrix": "benchmatrix measure --output base benchmatrix_suite.py, the same with head in HEAD, and "
    "benchmatrix compare base head --fail-on-regression",
    "pytest-benchmark": f"{PLAIN} --benchmark-save base, and in HEAD {PLAIN} --benchmark-compare 0001 "
    "--benchmark-compare-fail min:5%",
}
"""What a user of each tool would give, from within BASE where nothing else is said."""

THRESHOLDS: Mapping[str, Sequence[str]] = {"benchmatrix": (), "benchmatrix, --threshold 2%": ("--threshold", "2%")}
"""What benchmatrix's comparison is told, by the name that its answer goes by."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tool:
    """What judges.

    Attributes:
        answers: the names that its answers go by; the first is its own.
        version: of it.
        judge: (base's checkout, head's, a folder for its files) -> its answers by name.
    """

    answers: Sequence[str]
    version: str
    judge: Callable[[Path, Path, Path], Mapping[str, JobAnswer]]


def make_tools(folder: Path, old: str | None) -> list[Tool]:
    """Return every tool, installed."""
    tools = [make_own("accelbench", ROOT), make_benchmatrix(folder / "benchmatrix"), make_pytest_benchmark()]
    if old is not None:
        commit = git_line(ROOT, "rev-parse", "--short", old)
        tools.insert(1, make_own(f"accelbench {commit}", check_out(commit, folder / "old")))
    return tools


def name_case(batch: int) -> str:
    """Return the case's id, by which every tool's words are kept."""
    return f"mlp-forward-b{batch}-cpu-float32-eager"


def check_out(ref: str, tree: Path) -> Path:
    """Return a folder with the files of a commit."""
    shutil.rmtree(tree, ignore_errors=True)
    tree.mkdir(parents=True)
    packed = subprocess.run(["git", "-C", str(ROOT), "archive", ref], capture_output=True, check=True).stdout
    subprocess.run(["tar", "-x", "-C", str(tree)], input=packed, check=True)
    return tree


def make_own(name: str, root: Path) -> Tool:
    """Return our gate, of a checkout."""

    def judge(base: Path, head: Path, scratch: Path) -> dict[str, JobAnswer]:
        arms = ("--arm", f"base=ref={base}", "--arm", f"head=ref={head}")
        path = scratch / "own.json"
        code = gate(path, *OWN, *arms, "--reports", str(scratch / "reports"), root=root)
        return {name: read_answer(path, code, root=root)}

    return Tool(answers=(name,), version=fingerprint(root), judge=judge)


def make_benchmatrix(place: Path) -> Tool:
    """Return benchmatrix, in a virtual environment of its own that sees the packages of this one behind its own."""
    python = place / "bin" / "python"
    if not (place / "done").exists():
        subprocess.run([sys.executable, "-m", "venv", "--clear", str(place)], check=True)
        subprocess.run([str(python), "-m", "pip", "install", "--quiet", "benchmatrix"], check=True)
        tell = "import site; print(site.getsitepackages()[0])"
        seen, own = (
            subprocess.run([one, "-c", tell], capture_output=True, text=True, check=True).stdout.strip()
            for one in (sys.executable, str(python))
        )
        Path(own, "beside.pth").write_text(seen + "\n", encoding="utf-8")
        (place / "done").touch()
    program = str(place / "bin" / "benchmatrix")
    told = subprocess.run([program, "--version"], capture_output=True, text=True, check=True).stdout
    return Tool(
        answers=tuple(THRESHOLDS),
        version=told.split()[-1],
        judge=partial(judge_by_benchmatrix, program),
    )


def judge_by_benchmatrix(program: str, base: Path, head: Path, scratch: Path) -> dict[str, JobAnswer]:
    """Measure five runs of base and five of head, and compare them at each threshold."""
    for name, tree in (("base", base), ("head", head)):
        command = [program, "measure", "--output", str(scratch / name), "benchmatrix_suite.py"]
        done = subprocess.run(command, cwd=tree, capture_output=True, text=True, check=False)
        if done.returncode:
            return dict.fromkeys(THRESHOLDS, say_failed(done))
    compare = [program, "compare", str(scratch / "base"), str(scratch / "head"), "--format", "json"]
    return {
        name: read_comparison(
            subprocess.run([*compare, *told, "--fail-on-regression"], cwd=base, capture_output=True, check=False),
            {side: [run_means(path) for path in sorted((scratch / side).glob("run-*.json"))] for side in SIDES},
        )
        for name, told in THRESHOLDS.items()
    }


def read_comparison(
    done: subprocess.CompletedProcess[bytes], means: Mapping[str, Sequence[Mapping[str, float]]]
) -> JobAnswer:
    """Return what benchmatrix says: red if a case regressed, unproven if one could not be compared.

    Args:
        done: its comparison, which has printed JSON.
        means: of each case, in seconds, run after run, by side.
    """
    cells = {name_case(int(cell["case_name"][1:])): cell for cell in json.loads(done.stdout)["comparisons"]}
    verdicts = {case: cell["regression"] for case, cell in cells.items()}
    words = set(verdicts.values())
    if SLOWER in words:
        ended = Ended.RED
    elif "not_comparable" in words or len(verdicts) < len(BATCHES):
        ended = Ended.UNPROVEN
    else:
        ended = Ended.INCONCLUSIVE if "inconclusive" in words else Ended.PASSED
    return JobAnswer(
        ended=ended,
        said=f"exit code {done.returncode}: {', '.join(f'{word} {case}' for case, word in verdicts.items())}",
        verdicts=verdicts,
        figures={f"{case} {side}": tuple(run[case] for run in runs) for side, runs in means.items() for case in cells},
        replicates=min(len(runs) for runs in means.values()),
    )


def run_means(path: Path) -> dict[str, float]:
    """Return the mean of each case of a run of benchmatrix, in seconds: what it judges by."""
    found = json.loads(path.read_bytes())["benchmarks"]
    return {name_case(int(one["extra_info"]["case_name"][1:])): one["stats"]["mean"] for one in found}


def make_pytest_benchmark() -> Tool:
    """Return pytest-benchmark's own check."""
    return Tool(answers=("pytest-benchmark",), version=version("pytest-benchmark"), judge=judge_by_pytest_benchmark)


def judge_by_pytest_benchmark(base: Path, head: Path, scratch: Path) -> dict[str, JobAnswer]:
    """Measure base, then head with the comparison."""
    command = [
        *(sys.executable, "-m", "pytest", "plain_suite.py", "-q", "-p", "no:cacheprovider", "-k", KEPT),
        *("--benchmark-max-time", f"{PLAIN_SECONDS:g}", "--benchmark-storage", f"file://{scratch}"),
    ]
    against = ("--benchmark-compare", "0001", "--benchmark-compare-fail", "min:5%")
    done = subprocess.run([*command, "--benchmark-save", "base"], cwd=base, capture_output=True, text=True, check=False)
    if done.returncode:
        return {"pytest-benchmark": say_failed(done)}
    done = subprocess.run(
        [*command, "--benchmark-save", "head", *against], cwd=head, capture_output=True, text=True, check=False
    )
    return {"pytest-benchmark": read_check(done, {side: list(scratch.glob(f"*/*_{side}.json")) for side in SIDES})}


def say_failed(done: subprocess.CompletedProcess[str]) -> JobAnswer:
    """Return the answer of a tool that did not come to one."""
    last = (done.stdout + done.stderr).strip().splitlines()[-1:]
    said = f"exit code {done.returncode}: {last[0] if last else 'it printed nothing'}"
    return JobAnswer(ended=Ended.UNPROVEN, said=said, verdicts={}, figures={}, replicates=0)


def read_stats(path: Path) -> dict[str, Mapping[str, float]]:
    """Return what pytest-benchmark saved of each case, without its rounds."""
    return {name_case(one["params"]["batch"]): one["stats"] for one in json.loads(path.read_bytes())["benchmarks"]}


def read_check(done: subprocess.CompletedProcess[str], saved: Mapping[str, Sequence[Path]]) -> JobAnswer:
    """Return what pytest-benchmark says: the cases that it names have failed, every other one has passed.

    Args:
        done: head's run.
        saved: what it saved of each side, one file if all went well.
    """
    named = {name_case(int(batch)) for batch in FAILED.findall(done.stdout + done.stderr)}
    if bool(named) != bool(done.returncode) or any(len(files) != 1 for files in saved.values()):
        return say_failed(done)
    stats = {side: read_stats(files[0]) for side, files in saved.items()}
    return JobAnswer(
        ended=Ended.RED if named else Ended.PASSED,
        said=f"exit code {done.returncode}: {', '.join(sorted(named)) or 'no case'} has failed",
        verdicts={case: SLOWER if case in named else "passed" for case in stats["head"]},
        figures={
            f"{case} {name}, base and head": (stats["base"][case][name], stats["head"][case][name])
            for case in stats["head"]
            for name in ("min", "median")
        },
        replicates=1,
    )
