"""Breaks the program in at least three places of every folder, one at a time, and shows that its tests go red.

    python -m tests.field.mutants [--only FOLDER,...] [--jobs N]

Each break is made in a copy of the checkout, and the tests that should notice are run there.
A break that no test notices is printed as SURVIVED, and the exit code is 1.
A piece that is to be broken and does not stand there exactly once is an error: the code was changed, so choose another.
"""

from __future__ import annotations

import sys
from argparse import ArgumentParser
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from shutil import copytree, ignore_patterns
from subprocess import run
from tempfile import TemporaryDirectory

from tests.field.program import end_with
from tests.field.runs import ROOT, copy_of_checkout


@dataclass(frozen=True, slots=True, kw_only=True)
class Mutant:
    """One break.

    Attributes:
        path: the file, from the checkout's root.
        line: a piece of it that stands there exactly once.
        broken: what stands there instead.
        tests: what pytest runs.
    """

    path: str
    line: str
    broken: str
    tests: str


MUTANTS = (
    Mutant(
        path="bench/steps/parallel.py",
        line="torch.stack(self._gather(answer.loss)).mean()",
        broken="torch.stack(self._gather(answer.loss)).sum()",
        tests="tests/bench/processes/test_group.py",
    ),
    Mutant(
        path="bench/steps/parallel.py",
        line="begin = self.rank * size",
        broken="begin = 0 * size",
        tests="tests/bench/processes/test_group.py",
    ),
    Mutant(
        path="bench/processes/group.py",
        line="        seconds=max(timing.seconds for timing in timings),\n",
        broken="        seconds=min(timing.seconds for timing in timings),\n",
        tests="tests/bench/processes/test_group.py",
    ),
    Mutant(
        path="bench/record/looks.py",
        line="return LOOKS[number].alpha / self.gates, LOOKS[number].level",
        broken="return LOOKS[number].alpha, LOOKS[number].level",
        tests="tests/bench/record/test_looks.py",
    ),
    Mutant(
        path="reports/gate/nodes.py",
        line="WORST_FIRST = (State.FAILED, State.REGRESSED, State.UNPROVEN,",
        broken="WORST_FIRST = (State.FAILED, State.UNPROVEN, State.REGRESSED,",
        tests="tests/reports/gate/test_nodes.py",
    ),
    Mutant(
        path="reports/figures/scaling.py",
        line="ideal=1 if case.on_cpu else case.processes",
        broken="ideal=case.processes",
        tests="tests/reports/figures/test_scaling.py",
    ),
    Mutant(
        path="models/mlp.py",
        line="            nn.Linear(hidden, hidden),\n            nn.ReLU(),\n",
        broken="            nn.Linear(hidden, hidden),\n",
        tests="tests/models",
    ),
    Mutant(path="models/inputs.py", line="% distinct", broken="% max(1, distinct - 1)", tests="tests/models"),
    Mutant(
        path="models/dataset.py",
        line="return folder.parent.parent",
        broken="return folder.parent",
        tests="tests/models",
    ),
    Mutant(
        path="bench/record/run.py",
        line="    for fault in FAULTS:\n",
        broken="    for fault in reversed(FAULTS):\n",
        tests="tests/bench/record",
    ),
    Mutant(
        path="bench/record/looks.py",
        line="return ADDED_ALPHA / 2**added / self.gates",
        broken="return ADDED_ALPHA / 1.5**added / self.gates",
        tests="tests/bench/record",
    ),
    Mutant(
        path="bench/record/conditions.py",
        line="name.endswith(free) and",
        broken="name.startswith(free) and",
        tests="tests/bench/record",
    ),
    Mutant(
        path="bench/files/journal.py",
        line="            self._file.truncate(resume_at)\n",
        broken="",
        tests="tests/bench/files",
    ),
    Mutant(
        path="bench/files/whole.py",
        line="        part.unlink(missing_ok=True)\n",
        broken="        pass\n",
        tests="tests/bench/files",
    ),
    Mutant(
        path="bench/files/log.py",
        line="        self._journal = None if stands else journal\n",
        broken="        self._journal = journal\n",
        tests="tests/bench/files",
    ),
    Mutant(
        path="bench/host/environment_variables.py",
        line='"OMP_PROC_BIND": "true"',
        broken='"OMP_PROC_BIND": "false"',
        tests="tests/bench/host",
    ),
    Mutant(
        path="bench/host/lifetime.py",
        line="if os.getppid() != parent:",
        broken="if os.getppid() == parent:",
        tests="tests/bench/host",
    ),
    Mutant(path="bench/host/clocks.py", line=" - max(0.0, slept)", broken="", tests="tests/bench/host"),
    Mutant(
        path="bench/devices/clock.py",
        line="        synchronize()\n        return perf_counter()",
        broken="        return perf_counter()",
        tests="tests/bench/devices/test_clock.py",
    ),
    Mutant(
        path="bench/devices/memory.py",
        line="(peak - before, None) if peak > before",
        broken="(peak, None) if peak > before",
        tests="tests/bench/devices/test_memory.py",
    ),
    Mutant(
        path="bench/devices/ceilings.py",
        line="lambda rows: 2 * rows**3",
        broken="lambda rows: rows**3",
        tests="tests/bench/devices/test_ceilings.py",
    ),
    Mutant(
        path="bench/steps/verify.py",
        line="    if not error <= tolerance:",
        broken="    if error > 1e9 * tolerance:",
        tests="tests/bench/steps",
    ),
    Mutant(
        path="bench/steps/step.py",
        line="now[name].copy_(initial)",
        broken="now[name].add_(0)",
        tests="tests/bench/steps",
    ),
    Mutant(
        path="bench/steps/prepare.py",
        line="if case.compiled and counts.graphs == 0:",
        broken="if case.compiled and counts.graphs < 0:",
        tests="tests/bench/steps",
    ),
    Mutant(path="bench/worker/worker.py", line="seconds / iterations", broken="seconds", tests="tests/bench/worker"),
    Mutant(
        path="bench/worker/worker.py",
        line="step.timed(iterations, request.lead)",
        broken="step.timed(iterations)",
        tests="tests/bench/worker",
    ),
    Mutant(path="bench/worker/serve.py", line="    gc.freeze()", broken="    gc.collect()", tests="tests/bench/worker"),
    Mutant(
        path="bench/processes/local.py",
        line="                self.kill()\n                raise WorkerTimeoutError",
        broken="                raise WorkerTimeoutError",
        tests="tests/bench/processes",
    ),
    Mutant(path="bench/processes/launcher.py", line="sys.path[0] = root", broken="pass", tests="tests/bench/processes"),
    Mutant(
        path="bench/processes/pool.py",
        line="// self.launches_per_launcher",
        broken="// (2 * self.launches_per_launcher)",
        tests="tests/bench/processes tests/bench/run",
    ),
    Mutant(
        path="bench/run/schedule.py",
        line="self._random.sample(cases, len(cases)) for _ in range(total)",
        broken="cases for _ in range(total)",
        tests="tests/bench/run",
    ),
    Mutant(path="bench/run/resume.py", line="not in cut)", broken="not in set())", tests="tests/bench/run"),
    Mutant(path="bench/run/pace.py", line="<= budget * BUDGET_SLACK", broken="<= budget * 2", tests="tests/bench/run"),
    Mutant(
        path="bench/gate/block.py",
        line="(first, not first, not first, first)",
        broken="(first, not first, first, not first)",
        tests="tests/bench/gate",
    ),
    Mutant(
        path="bench/gate/schedule.py",
        line="number, looked = number + 1, self._design.is_look(number + 1)",
        broken="number, looked = number + 1, True",
        tests="tests/bench/gate",
    ),
    Mutant(
        path="bench/gate/tolerance.py",
        line="marked if marked is not None else self._find_floor(case)",
        broken="marked if marked is None else self._find_floor(case)",
        tests="tests/bench/gate",
    ),
    Mutant(
        path="bench/plugin/options.py",
        line='{"": 1.0, "s": 1.0, "m": 60.0',
        broken='{"": 1.0, "s": 1.0, "m": 6.0',
        tests="tests/bench/plugin/test_options.py",
    ),
    Mutant(
        path="bench/plugin/replay.py",
        line="    if outcome.fault:\n",
        broken="    if False:\n",
        tests="tests/bench/plugin/test_replay.py",
    ),
    Mutant(
        path="bench/plugin/gate.py",
        line="return STRICTLY_INCONCLUSIVE if",
        broken="return pytest.ExitCode.OK if",
        tests="tests/bench/plugin/test_gate.py",
    ),
    Mutant(
        path="reports/stats/intervals.py",
        line="return averages[rank - 1], averages[-rank]",
        broken="return averages[rank], averages[-rank - 1]",
        tests="tests/reports/stats",
    ),
    Mutant(
        path="reports/stats/signflip.py",
        line="largest >= observed[case] - TIE",
        broken="largest > observed[case] + TIE",
        tests="tests/reports/stats",
    ),
    Mutant(
        path="reports/stats/verdict.py",
        line="if p <= alpha and abs(effect) >= margin:",
        broken="if p <= alpha:",
        tests="tests/reports/stats",
    ),
    Mutant(
        path="reports/figures/dropped_sets.py",
        line="stolen[index] > STOLEN_SHARE * wall[index]",
        broken="stolen[index] > 50 * STOLEN_SHARE * wall[index]",
        tests="tests/reports/figures",
    ),
    Mutant(
        path="reports/figures/roofline.py",
        line="min(self.flops_per_second, self.bytes_per_second * intensity)",
        broken="max(self.flops_per_second, self.bytes_per_second * intensity)",
        tests="tests/reports/figures",
    ),
    Mutant(
        path="reports/figures/evidence.py",
        line="> 1 + CEILING_SLACK",
        broken="> 10 + CEILING_SLACK",
        tests="tests/reports/figures tests/reports/run",
    ),
    Mutant(
        path="reports/show/units.py", line='else f"{rest}s"', broken='else f"{rest + 1}s"', tests="tests/reports/show"
    ),
    Mutant(
        path="reports/show/escape.py",
        line='replace("$", r"\\$")',
        broken='replace("$", "$")',
        tests="tests/reports/show",
    ),
    Mutant(
        path="reports/show/table.py",
        line="if len(rows) > 1 and len({column",
        broken="if len({column",
        tests="tests/reports/run tests/reports/show",
    ),
    Mutant(
        path="reports/run/tables.py",
        line='percent(row["share_of_best"])',
        broken='percent(1 - row["share_of_best"])',
        tests="tests/reports/run",
    ),
    Mutant(
        path="reports/run/speedup_map.py",
        line="bool(low > 1 or high < 1)",
        broken="bool(low > 1 and high < 1)",
        tests="tests/reports/run",
    ),
    Mutant(
        path="reports/run/words.py",
        line="    elif not run.finish.complete:",
        broken="    elif run.finish.complete:",
        tests="tests/reports/run",
    ),
    Mutant(
        path="reports/gate/answer.py",
        line="        if self.failed:\n            return State.FAILED\n",
        broken="",
        tests="tests/reports/gate",
    ),
    Mutant(
        path="reports/gate/stored.py",
        line="bounds[0] > log1p(drift)",
        broken="bounds[0] > 0",
        tests="tests/reports/gate",
    ),
    Mutant(
        path="reports/gate/answer.py",
        line="return max((ruling.visible",
        broken="return min((ruling.visible",
        tests="tests/reports/gate",
    ),
    Mutant(
        path="reports/compare/contenders.py",
        line="given.count(resolved) > 1",
        broken="given.count(resolved) > 2",
        tests="tests/reports/compare",
    ),
    Mutant(
        path="reports/compare/crossings.py",
        line="Course.OVERTAKES if rising else Course.FALLS_BEHIND",
        broken="Course.FALLS_BEHIND if rising else Course.OVERTAKES",
        tests="tests/reports/compare",
    ),
    Mutant(
        path="reports/compare/rows.py",
        line="if len(who) > 1:",
        broken="if len(who) > 0:",
        tests="tests/reports/compare",
    ),
    Mutant(
        path="bench/steps/recheck.py",
        line="        self._subject.take(1)\n",
        broken="        self._subject.take(0)\n",
        tests="tests/bench/steps/test_recheck.py",
    ),
    Mutant(
        path="bench/steps/recheck.py",
        line="        check_output(output, self._subject.device, on_host=self._on_host)\n",
        broken="",
        tests="tests/bench/steps/test_recheck.py",
    ),
    Mutant(
        path="bench/steps/global_state.py",
        line="after.modules - before.modules",
        broken="before.modules - after.modules",
        tests="tests/bench/steps/test_global_state.py",
    ),
    Mutant(
        path="bench/steps/subject.py",
        line="tensor.data.copy_(values)",
        broken="tensor.copy_(values)",
        tests="tests/bench/steps/test_recheck.py",
    ),
    Mutant(
        path="bench/gate/tree.py",
        line="            if path not in changed or mode == GITLINK:\n",
        broken="            if mode == GITLINK:\n",
        tests="tests/bench/gate/test_tree.py",
    ),
    Mutant(
        path="bench/gate/origin.py",
        line='git_line(root, "merge-base", tip.name, head)',
        broken='git_line(root, "rev-parse", tip.name)',
        tests="tests/bench/gate/test_origin.py",
    ),
    Mutant(
        path="bench/gate/checkout.py",
        line="trouble=None if differing else self.same_commit",
        broken="trouble=self.same_commit",
        tests="tests/bench/gate/test_checkout.py",
    ),
    Mutant(
        path="bench/gate/block.py",
        line="                    self._verify(process, share.case, index)\n",
        broken="                    pass\n",
        tests="tests/bench/gate/test_schedule.py",
    ),
    Mutant(
        path="bench/processes/launcher.py",
        line="        os.setpgid(pid, 0)\n",
        broken="        pass\n",
        tests="tests/bench/processes/test_local.py",
    ),
    Mutant(
        path="bench/host/git.py",
        line="if name not in LOCATIONS",
        broken="if name",
        tests="tests/bench/gate/test_origin.py",
    ),
    Mutant(
        path="reports/gate/answer.py",
        line="for name in footprint.shared",
        broken="for name in ()",
        tests="tests/reports/gate/test_answer.py",
    ),
    Mutant(
        path="reports/stats/verdict.py",
        line="stands = verdict is Verdict.REGRESSED or (median.decided and tail.decided)",
        broken="stands = True",
        tests="tests/reports/stats/test_verdict.py",
    ),
    Mutant(
        path="reports/stats/verdict.py",
        line="    if Reading.SLOWER in both:\n        return Verdict.REGRESSED\n",
        broken="",
        tests="tests/reports/stats/test_verdict.py",
    ),
)


def folder_of(mutant: Mutant) -> str:
    """Return the folder that a break is in."""
    return str(Path(mutant.path).parent)


def is_noticed(mutant: Mutant) -> bool:
    """Return whether the tests go red when the program is broken.

    Raises:
        SystemExit: if the piece to break is not there exactly once, or the tests are red for another reason.
    """
    with TemporaryDirectory() as name:
        tree = copy_of_checkout(Path(name) / "tree")
        copytree(ROOT / "tests", tree / "tests", ignore=ignore_patterns("__pycache__"), dirs_exist_ok=True)
        path = tree / mutant.path
        source = path.read_text()
        if source.count(mutant.line) != 1:
            raise SystemExit(f"{mutant.path}: {mutant.line!r} stands there {source.count(mutant.line)} times")
        path.write_text(source.replace(mutant.line, mutant.broken))
        command = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", *mutant.tests.split()]
        done = run(command, cwd=tree, capture_output=True, text=True, check=False)
    if done.returncode not in {0, 1}:
        raise SystemExit(f"{mutant.path}: pytest ended with {done.returncode}: {(done.stdout + done.stderr)[-500:]}")
    return done.returncode == 1


def main(argv: Sequence[str]) -> int:
    """Break, test, print a line for each break; return 1 if one survived."""
    parser = ArgumentParser(prog="python -m tests.field.mutants", description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("--only", default="", metavar="FOLDER,...", help="such as bench/record,reports/stats")
    parser.add_argument("--jobs", type=int, default=2, metavar="N", help="how many at once (default: %(default)s)")
    options = parser.parse_args(argv)
    folders = [name for name in options.only.split(",") if name]
    chosen = [mutant for mutant in MUTANTS if not folders or folder_of(mutant) in folders]
    survived = 0
    with ThreadPoolExecutor(options.jobs) as pool:
        for mutant, noticed in zip(chosen, pool.map(is_noticed, chosen), strict=True):
            survived += not noticed
            print(f"{'red' if noticed else 'SURVIVED'}  {mutant.path}: {mutant.broken.strip()!r}", flush=True)
    print(f"{len(chosen) - survived} of {len(chosen)} breaks are noticed")
    return 1 if survived else 0


if __name__ == "__main__":
    end_with(main)
