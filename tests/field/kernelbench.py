"""``python -m tests.field.kernelbench``: does every file of KernelBench's protocol run in the suite as it is?

Twenty files in `tests/field/kernels`, of different kinds, go through ``pytest bench`` in one run.
One row is printed for each file, step and compile mode; the exit code is 1 if a case did not end as it should.
"""

from __future__ import annotations

import argparse
import ast
import re
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from tabulate import tabulate

from bench.files.run import UnreadableError, read_run
from bench.record.case import Case
from bench.record.run import Measurement, Outcome, Run
from bench.steps.compiling import NOTHING_COMPILES
from bench.steps.support import NOTHING_TO_DIFFERENTIATE, OUTPUT_WITHOUT_GRADIENT
from tests.field.program import end_with
from tests.field.runs import ROOT

FILES = ROOT / "tests" / "field" / "kernels"

WITHOUT_GRADIENT: Mapping[str, str] = {
    **dict.fromkeys(
        (
            "01_square_matmul",
            "02_batched_matmul_transposed",
            "07_pooling",
            "10_softmax_logsumexp",
            "11_scaled_dot_product_attention",
            "14_huber_cosine_triplet",
        ),
        NOTHING_TO_DIFFERENTIATE,
    ),
    "19_argmax_topk": OUTPUT_WITHOUT_GRADIENT,
}
"""These files' gradients do not exist, for these reasons."""

NOT_COMPILED: Mapping[str, str] = {"18_lstm_gru": NOTHING_COMPILES.format(kinds="LSTM, GRU")}
"""torch compiles nothing of these, for these reasons."""

DIFFERENTIATING = ("backward", "train")
"""Steps that ask for gradients."""

TIMED = ("--launches", "6", "--benchmark-max-time", "0.05")
"""Six launches are the fewest that give an interval."""


def main(argv: Sequence[str]) -> int:
    """Run the files, print the rows; return 1 if a case did not end as it should."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", default="forward,train")
    parser.add_argument("--compile", default="off")
    parser.add_argument("--dtype", default="float32")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--only", default="", help="parts of the files' names, with commas between them")
    parser.add_argument("--timed", action="store_true", help="time the cases, briefly; otherwise each runs once")
    options = parser.parse_args(argv)
    parts = options.only.split(",")
    files = [file for file in sorted(FILES.glob("*.py")) if any(part in file.stem for part in parts)]
    if not files:
        parser.error(f"--only {options.only}: no file in {FILES} is called so")
    arguments = [
        *("--model", ",".join(str(file.relative_to(ROOT)) for file in files)),
        *("--step", options.steps, "--compile", options.compile),
        *("--dtype", options.dtype, "--device", options.device),
        *(TIMED if options.timed else ("--quick",)),
    ]
    run, said = run_suite(arguments)
    if run is None:
        print(said)
        return 1
    rows, wrong = judge(run, {file.stem: read_kind(file) for file in files})
    print(tabulate(rows, headers=("file", "step", "compile", "batch", "outcome", "worst error", "reason", "kind")))
    for case in wrong:
        print(f"not as it should be: {case}")
    return int(bool(wrong))


def run_suite(arguments: Sequence[str]) -> tuple[Run | None, str]:
    """Return what one ``pytest bench`` measured, None if it left no result, and what it printed."""
    with TemporaryDirectory() as folder:
        result = Path(folder) / "kernels.json"
        own = ["-q", "-p", "no:cacheprovider", "--benchmark-json", str(result), "--reports", folder]
        command = [sys.executable, "-m", "pytest", "bench", *own, *arguments]
        done = subprocess.run(command, cwd=ROOT, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
        said = done.stdout + done.stderr
        try:
            return read_run(result), said
        except UnreadableError:
            return None, said


def read_kind(file: Path) -> str:
    """Return what a file says of itself first."""
    docstring = ast.get_docstring(ast.parse(file.read_text(encoding="utf-8"))) or ""
    return re.split(r"[,:;.]", docstring)[0]


def judge(run: Run, kinds: Mapping[str, str]) -> tuple[list[tuple[object, ...]], list[str]]:
    """Return a row for each case, and the cases that did not end as they should.

    Args:
        run: what came of all files.
        kinds: what each file computes, by its model's id.
    """
    rows: list[tuple[object, ...]] = []
    wrong = []
    for case, (outcome, reason) in run.outcomes().items():
        worst = find_worst_error(run.by_case()[case])
        told = "" if reason is None else reason
        error = "" if worst is None else f"{worst:.1e}"
        rows.append((case.model, case.step, case.compile, case.batch, outcome.value, error, told, kinds[case.model]))
        absent = find_skip(case)
        expected = (Outcome.MEASURED, None) if absent is None else (Outcome.SKIPPED, absent)
        if (outcome, reason) != expected:
            wrong.append(case.id)
    return rows, wrong


def find_skip(case: Case) -> str | None:
    """Return why a case cannot be measured; None for one that must be."""
    if case.step in DIFFERENTIATING and case.model in WITHOUT_GRADIENT:
        return WITHOUT_GRADIENT[case.model]
    return NOT_COMPILED.get(case.model) if case.compiled else None


def find_worst_error(measurements: Sequence[Measurement]) -> float | None:
    """Return the largest relative error of any quantity in any launch; None where nothing was compared."""
    prepared = [measurement.preparation for measurement in measurements if measurement.preparation]
    return max((error for preparation in prepared for error in preparation.relative_errors.values()), default=None)


if __name__ == "__main__":
    end_with(main)
