"""What a gate's JSON says, as the checkout that measured it reads it: an older one has rules of its own."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from tests.field.job_lines import Ended, JobAnswer
from tests.field.runs import ROOT

PROGRAM = """
import json, sys
from pathlib import Path
from bench.files.gate import read_gate
from reports.gate.answer import conclude

answer = conclude(read_gate(Path(sys.argv[1])))
print(json.dumps({
    "state": answer.state.value,
    "problems": list(answer.problems),
    "blocks": len(answer.gate.blocks),
    "verdicts": {case.id: ruling.verdict.value for case, ruling in answer.rulings.items()},
    "figures": {f"{case.id} change": [ruling.change] for case, ruling in answer.rulings.items()},
}))
"""
"""Carried out in the checkout."""

ENDED = {
    "PASS": Ended.PASSED,
    "INCONCLUSIVE": Ended.INCONCLUSIVE,
    "REGRESSED": Ended.RED,
    "FAILED": Ended.RED,
    "UNPROVEN": Ended.UNPROVEN,
}
"""What the state of an answer means to a job that waits for it."""


def read_answer(path: Path, code: int, *, root: Path = ROOT) -> JobAnswer:
    """Return what a gate said; one that stored nothing proved nothing.

    Args:
        path: of its JSON.
        code: the exit code of its session.
        root: the checkout that measured it.
    """
    if not path.exists():
        printed = path.with_suffix(".log").read_text(encoding="utf-8", errors="replace").strip().splitlines()
        said = f"exit code {code} and no result: {printed[-1] if printed else 'it printed nothing'}"
        return JobAnswer(ended=Ended.UNPROVEN, said=said, verdicts={}, figures={}, replicates=0)
    command = [sys.executable, "-c", PROGRAM, str(path)]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, check=True)
    read = json.loads(done.stdout)
    return JobAnswer(
        ended=ENDED[read["state"]],
        said="; ".join([read["state"], *read["problems"]]),
        verdicts=read["verdicts"],
        figures={name: tuple(values) for name, values in read["figures"].items()},
        replicates=read["blocks"],
    )
