"""The action that runs a gate in another repository's workflow: what it types, and what it does with the answer."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from bench.host.folders import ROOT

ACTION = ROOT / ".github" / "actions" / "gate"

PYTHON = """#!{interpreter}
import os, pathlib, sys
assert "PYTHONSAFEPATH" not in os.environ
with open({said!r}, "a") as said:
    said.write(" ".join(sys.argv[1:]) + "\\n")
if sys.argv[2] == "pytest":
    sys.exit({code})
print({answer!r}, end="")
"""
"""It stands for ``python``: writes down what it was asked, and answers as a gate would."""


@dataclass(frozen=True)
class Job:
    """A job that has ended.

    Attributes:
        code: the step's exit code.
        typed: what its Python was asked, line by line.
        summary: the job's.
    """

    code: int
    typed: list[str]
    summary: str


def run(folder: Path, *, code: int, answer: str, models: str = "") -> Job:
    """Run the step's script with a Python that is none."""
    (folder / "bin").mkdir()
    (folder / "mine").mkdir()
    said = folder / "said"
    python = folder / "bin" / "python"
    python.write_text(PYTHON.format(interpreter=sys.executable, said=str(said), code=code, answer=answer))
    python.chmod(0o755)
    variables = {
        "PROJECT": "mine",
        "AGAINST": "origin/main",
        "MODELS": models,
        "BUDGET": "5m",
        "PYTHONSAFEPATH": "1",
        "RESULTS": "results",
        "GITHUB_STEP_SUMMARY": str(folder / "summary"),
        "GITHUB_OUTPUT": str(folder / "output"),
        "PATH": f"{folder / 'bin'}{os.pathsep}{os.environ['PATH']}",
    }
    ended = subprocess.run(["bash", str(ACTION / "gate.sh")], cwd=folder, env=variables, check=False)
    assert (folder / "output").read_text() == f"answer={folder / 'results' / 'gate.md'}\n"
    return Job(ended.returncode, said.read_text().splitlines(), (folder / "summary").read_text())


def test_gate_is_typed_from_the_inputs_and_answers_in_the_summary(tmp_path: Path) -> None:
    """Paths of the job's checkout are absolute by then, since the gate is run from accelbench's own folder."""
    job = run(tmp_path, code=1, answer="**REGRESSED**\n", models="net.py:make,b.py:make")
    assert job.code == 1
    assert job.summary == "**REGRESSED**\n"
    asked = f"-m pytest bench --project={tmp_path / 'mine'} --against=origin/main --budget=5m"
    assert job.typed[0].startswith(
        f"{asked} --model=net.py:make,b.py:make --benchmark-json={tmp_path}/results/gate.json"
    )
    assert job.typed[1] == f"-m reports gate {tmp_path}/results/gate.json --format markdown"


def test_models_that_the_project_names_itself_are_not_typed(tmp_path: Path) -> None:
    """An empty option would be a usage error."""
    assert "--model" not in run(tmp_path, code=0, answer="**PASS**\n").typed[0]


def test_gate_without_a_result_is_said_to_prove_nothing(tmp_path: Path) -> None:
    """An empty summary looks like nothing to complain about."""
    job = run(tmp_path, code=4, answer="")
    assert (job.code, job.summary) == (4, "**UNPROVEN** · the gate left no result; see the job's log\n")


def test_inputs_of_the_action_are_what_its_script_and_its_example_use() -> None:
    """A misspelt input is empty, and no error of the workflow's."""
    text = (ACTION / "action.yml").read_text()
    declared = set(
        re.findall(r"^  ([a-z-]+):$", text.partition("inputs:\n")[2].partition("outputs:\n")[0], re.MULTILINE)
    )
    assert declared == {"project", "against", "models", "budget", "python-version"}
    assert set(re.findall(r"inputs\.([a-z-]+)", text)) == declared
    given = (ACTION / "workflow.yml").read_text().partition("actions/gate@main\n")[2]
    assert set(re.findall(r"^          ([a-z-]+):", given, re.MULTILINE)) == {"against", "models"}
    variables = set(re.findall(r"\$\{?([A-Z]+)\b", (ACTION / "gate.sh").read_text())) - {"GITHUB"}
    assert variables <= set(re.findall(r"^        ([A-Z]+):", text, re.MULTILINE))


@pytest.mark.parametrize("option", ["--project", "--against", "--budget", "--model", "--reports"])
def test_options_that_the_script_types_exist(option: str) -> None:
    """A renamed option would break every workflow that uses the action."""
    sources = "".join(path.read_text() for path in (ROOT / "bench" / "plugin").glob("*options.py"))
    assert f'"{option}"' in sources
    assert option in (ACTION / "gate.sh").read_text()
