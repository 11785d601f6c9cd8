"""``python -m tests.field.cause_gates``: does a gate name the cause of a slowdown, and explain as much as there is?

Ten changes of different kinds are planted in the tutorial's network, one at a time, in a copy of the checkout; a gate
compares it with the checkout in one case and profiles both arms at its end. Asked of each: is the cause among the
first three rows of its table, or among its exact counts; which share of the timed change is explained? Writes a line
for each gate as it ends, goes on where it was cut off, and prints the table.
"""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.files.gate import read_gate
from bench.record.gate import Gate
from reports.figures.why import Explanation
from reports.gate.answer import conclude
from reports.gate.answer_text import list_reasons
from reports.gate.why_text import find_explanations
from reports.show.units import seconds, signed_percent
from tests.field.program import end_with
from tests.field.runs import FLATTEN, ROOT, changed_checkout, copy_of_checkout

ROWS = 3
"""A cause further down is not seen."""

LEAST, MOST = 0.7, 1.3
"""Of the change, where the cause is an operator."""

NAMED = 0.9
"""So many of the causes are to be named."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Planted:
    """Something that makes the network slower.

    Attributes:
        name: what it is.
        shows: a regular expression that the name of its row has, or the exact count that it changes.
        body: lines that stand for the first one of the forward; None where `edits` says what changes.
        edits: what stands for what in the network's file.
        compile: the compile mode in which it is planted.
        operator: whether the cause is an operator, so that its share is to be right.
        batch: at which.
    """

    name: str
    shows: str
    body: str | None = None
    edits: tuple[tuple[str, str], ...] = ()
    compile: str = "off"
    operator: bool = True
    batch: int = 64


PLANTED = (
    Planted(name="an extra clone", shows="clone|copy_", body=f"{FLATTEN[:8]}x = x.clone()\n{FLATTEN}"),
    Planted(
        name="a transposed copy",
        shows="clone|copy_|contiguous",
        body=f"{FLATTEN[:8]}x = x.mT.contiguous().mT.contiguous()\n{FLATTEN}",
    ),
    Planted(
        name="a float64 detour",
        shows="_to_copy|copy_|mul",
        body=f"{FLATTEN[:8]}x = (x.double() * 1.0).to(x.dtype)\n{FLATTEN}",
    ),
    Planted(
        name="a graph break",
        shows="Torch-Compiled|CompiledFxGraph|no operator|graph_break|graphs",
        body=f"{FLATTEN[:8]}torch._dynamo.graph_break()\n{FLATTEN}",
        compile="on",
        operator=False,
    ),
    Planted(
        name="a recompile for each batch",
        shows="recompiles|TorchDynamo|no operator",
        body=(
            f"{FLATTEN[:8]}self.odd = not getattr(self, 'odd', False)\n"
            f"{FLATTEN[:8]}x = x + 0.0 if self.odd else x\n{FLATTEN}"
        ),
        compile="on",
        operator=False,
    ),
    Planted(
        name="a slower kernel by a worse layout",
        shows="addmm|mm|copy_",
        body=f"{FLATTEN[:8]}x = x.mT.contiguous().mT\n{FLATTEN}",
        edits=(("x = self.flatten(x)", "x = x.reshape(x.shape[0], -1)"),),
    ),
    Planted(
        name="a Python loop",
        shows="in no operator",
        body=f"{FLATTEN[:8]}sum(number * number for number in range(400))\n{FLATTEN}",
        operator=False,
    ),
    Planted(
        name="a hook",
        shows="in no operator|clone|mul",
        edits=(
            (
                "        self.flatten = nn.Flatten()",
                (
                    "        self.flatten = nn.Flatten()\n"
                    "        self.flatten.register_forward_hook(lambda _module, _inputs, output: output * 1.0)"
                ),
            ),
        ),
    ),
    Planted(
        name="a synchronisation",
        shows="item|_local_scalar_dense|sum",
        body=f"{FLATTEN[:8]}x.sum().item()\n{FLATTEN}",
    ),
    Planted(
        name="a larger hidden layer",
        shows="addmm|clamp_min|relu",
        edits=(("        super().__init__()\n", "        super().__init__()\n        hidden = hidden * 9 // 8\n"),),
    ),
)
"""What is planted, one at a time."""


def main(argv: Sequence[str]) -> int:
    """Carry out a gate for each cause that has no line yet, and print the table; return 1 if too few are named."""
    parser = argparse.ArgumentParser(prog="python -m tests.field.cause_gates", description=__doc__)
    parser.add_argument("--out", type=Path, required=True, help="the file of one line a gate; it is gone on with")
    parser.add_argument("--budget", default="3m", help="of each gate (default: %(default)s)")
    parser.add_argument("--only", default="", help="causes whose names hold this")
    options = parser.parse_args(argv)
    lines = [json.loads(line) for line in options.out.open()] if options.out.exists() else []
    for planted in PLANTED:
        if options.only in planted.name and planted.name not in {line["name"] for line in lines}:
            lines.append(try_cause(planted, options.budget))
            with options.out.open("a") as file:
                file.write(json.dumps(lines[-1]) + "\n")
            print(row(lines[-1]), flush=True)
    print("\n".join(["", *HEAD, *map(row, lines)]))
    named = sum(line["named"] for line in lines)
    shares = [line["share"] for line in lines if line["operator"] and line["share"] is not None]
    inside = sum(LEAST <= share <= MOST for share in shares)
    within = f"{inside} of {len(shares)} shares are within {LEAST:.0%} and {MOST:.0%}"
    print(f"\n{named} of {len(lines)} are named; {within}")
    return 0 if named >= NAMED * len(lines) else 1


HEAD = (
    "| cause | verdict | first rows, and exact counts | named | explained |",
    "|---|---|---|---|--:|",
)


def row(line: dict[str, object]) -> str:
    """Return a line as a row of the table."""
    share, low, high = (line[name] for name in ("share", "low", "high"))
    said = "—" if share is None else f"{100 * share:.0f} %"  # type: ignore[operator]
    if low is not None and high is not None:
        said += f" [{100 * low:.0f}, {100 * high:.0f}]"  # type: ignore[operator]
    named = "yes" if line["named"] else "no"
    return f"| {line['name']} | {line['verdict']} | {line['rows']} | {named} | {said} |"


def try_cause(planted: Planted, budget: str) -> dict[str, object]:
    """Return what a gate says of a planted cause, as a line."""
    with tempfile.TemporaryDirectory(prefix="field-cause-") as name:
        folder = Path(name)
        tree, path = plant(planted, folder / "head"), folder / "gate.json"
        step = "compiled" if planted.compile == "on" else "eager"
        command = [
            *(sys.executable, "-m", "pytest", "bench", "-q", "-p", "no:cacheprovider", "--rootdir", str(tree)),
            *("--device", "cpu", "--step", "forward", "--batch", str(planted.batch), "--dtype", "float32"),
            *("--compile", planted.compile, "--against", str(ROOT), "--explain", "--exhaust", "--launches", "48"),
            *("--budget", budget, "-k", step, "--reports", str(folder / "reports"), "--benchmark-json", str(path)),
        ]
        done = subprocess.run(command, cwd=tree, capture_output=True, text=True, check=False)
        if not path.exists():
            raise SystemExit(f"{planted.name}: no result\n{done.stdout[-2000:]}\n{done.stderr[-2000:]}")
        return describe(planted, read_gate(path))


def plant(planted: Planted, target: Path) -> Path:
    """Return a copy of the checkout with a cause in its network."""
    tree = copy_of_checkout(target) if planted.body is None else changed_checkout(target, planted.body)
    source = tree / "models" / "mlp.py"
    text = source.read_text()
    for before, after in planted.edits:
        assert text.count(before) == 1, f"{before!r} stands {text.count(before)} times in the network's file"
        text = text.replace(before, after)
    source.write_text(text)
    return tree


def describe(planted: Planted, gate: Gate) -> dict[str, object]:
    """Return a gate's answer as a line."""
    answer = conclude(gate)
    line: dict[str, object] = {"name": planted.name, "operator": planted.operator, "named": False}
    line |= {"verdict": "; ".join(answer.problems), "rows": "", "share": None, "low": None, "high": None}
    for case, ruling in answer.rulings.items():
        line["verdict"] = f"{ruling.verdict.value} {signed_percent(ruling.change)}"
        counts = list_reasons(gate, case)
        explanation = find_explanations(answer).get(case)
        rows = explanation.differences[:ROWS] if isinstance(explanation, Explanation) else ()
        told = [f"{one.name} {seconds(one.change.value)} ({one.kind})" for one in rows]
        line["rows"] = "; ".join([*told, *counts[:ROWS]])
        line["named"] = any(re.search(planted.shows, text) for text in (*(one.name for one in rows), *counts[:ROWS]))
        if isinstance(explanation, Explanation):
            line |= {"share": explanation.share, "low": explanation.low, "high": explanation.high}
    return line


if __name__ == "__main__":
    end_with(main)
