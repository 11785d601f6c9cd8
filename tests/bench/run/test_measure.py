"""One run from the plan to the Run: what is on disk, and what it keeps when something breaks."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from bench.files.run import read_run
from bench.processes.local import WorkerDiedError, WorkerTimeoutError
from bench.protocol import Failure, Probe, Reply, Request, TimeSlice
from bench.record.case import Case
from bench.record.conditions import Settings
from bench.record.run import Measured, Outcome, Run
from bench.record.step_spec import parse_steps
from bench.request import RunQuestion, SetupError
from bench.run.measure import measure, refusals
from bench.session import Images, Session
from tests.makers.doubles import FakePool, FakeWorker
from tests.makers.requests import made_request
from tests.makers.runs import matrix

CASES = matrix(devices=("cpu", "cuda"))


def session(scratch: Path, **changes: Any) -> Session:
    """Return a session that feeds random images."""
    images = Images(root=None, source="random", reason="asked for")
    return Session(request=made_request(**changes), scratch=scratch, images=images)


def test_plan_tells_what_each_case_would_be_refused_for(tmp_path: Path) -> None:
    """Found by trying each once, a device that is absent for all of its cases together."""

    def script(_worker: FakeWorker, request: Request[Any]) -> Reply | None:
        if isinstance(request, Probe) and request.case.dtype == "bfloat16":
            return Failure(outcome=Outcome.SKIPPED, reason="bfloat16 does not work")
        return None

    pool = FakePool(script, absent={"cuda": "no card"})
    refused = refusals(session(tmp_path), pool, CASES)
    assert {case.id: refused.get(case) for case in CASES} == {
        case.id: "no card" if case.device == "cuda" else {"bfloat16": "bfloat16 does not work"}.get(case.dtype)
        for case in CASES
    }
    assert not any(worker.alive for worker in pool.opened)


@pytest.mark.parametrize("error", [WorkerDiedError("SIGILL"), WorkerTimeoutError("late")], ids=["crash", "timeout"])
def test_plan_survives_a_probe_that_kills_its_worker(error: Exception, tmp_path: Path) -> None:
    """An unsupported instruction is a reason like any other; the other cases are probed in a fresh worker."""

    def script(worker: FakeWorker, request: Request[Any]) -> Exception | None:
        mine = isinstance(request, Probe) and request.case.dtype == "float32"
        return error if mine and worker.device == "cpu" else None

    refused = refusals(session(tmp_path), FakePool(script), CASES)
    assert [case.id for case in refused] == [CASES[0].id]
    assert str(error) in refused[CASES[0]]


def measured(
    pool: FakePool,
    path: Path,
    *,
    show: Any = None,
    cases: tuple[Case, ...] = CASES,
    resume: bool = False,
    **changes: Any,
) -> Run:
    """Carry out a whole run on a fake pool, with a real journal."""
    return measure(
        session(path.parent, **changes),
        pool,
        RunQuestion(resume=resume, retry=False),
        cases,
        path,
        show=show or (lambda _: None),
        stop=lambda: None,
    )


def test_run_and_journal_say_the_same(tmp_path: Path) -> None:
    """Each event is on disk before it is shown."""
    path = tmp_path / "out.jsonl"
    shown: list[object] = []
    run = measured(FakePool(absent={"cuda": "no card"}), path, show=shown.append)
    assert read_run(path) == run
    assert shown[-1] == run.finish
    assert run.environment["data.source"] == "random"
    assert {outcome for outcome, _ in run.outcomes().values()} == {Outcome.MEASURED, Outcome.SKIPPED}


def test_journal_that_breaks_ends_the_run_which_keeps_what_it_has(tmp_path: Path) -> None:
    """A removed folder or a full disk costs no figure that is in memory, and leaves no worker."""
    path = tmp_path / "out.jsonl"
    pool = FakePool()
    shown: list[object] = []

    def show(event: object) -> None:
        shown.append(event)
        if isinstance(event, Measured) and event.measurements[0].launch == 1:
            path.unlink(missing_ok=True)

    run = measured(pool, path, show=show)
    assert run.finish is not None
    assert (run.finish.complete, run.finish.stopped) == (False, True)
    assert run.finish.reason == (
        f"the journal cannot be written: the journal was removed while the run was writing it ({path})"
    )
    assert [measurement.launch for measurement in run.measurements if measurement.slices] == [1] * 2
    assert not any(worker.alive for worker in pool.opened)


def test_step_of_the_users_own_that_is_edited_ends_the_run(tmp_path: Path) -> None:
    """Later launches would time another function under the same name."""
    (tmp_path / "steps.py").write_text("one")
    _, specs = parse_steps(["steps.py:mine"], tmp_path)

    def show(event: object) -> None:
        if isinstance(event, Measured):
            (tmp_path / "steps.py").write_text("another")

    run = measured(FakePool(), tmp_path / "out.jsonl", show=show, cases=CASES[:2], own_steps=specs)
    assert run.finish is not None
    assert not run.finish.complete
    assert str(run.finish.reason).startswith(f"{tmp_path / 'steps.py'} was changed while it was measured")


def test_cut_off_run_is_resumed(tmp_path: Path) -> None:
    """What is finished stays, the rest is measured, and the journal tells both parts as one run."""
    path = tmp_path / "out.jsonl"
    cases = CASES[:2]
    whole = measured(FakePool(), path, cases=cases)
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join(lines[:-3]) + lines[-3][:20])
    cut = read_run(path)
    assert max(measurement.launch for measurement in cut.measurements) == 1
    pool = FakePool()
    run = measured(pool, path, cases=cases, resume=True)
    assert {worker.launch for worker, _ in pool.requests(TimeSlice)} == {2}
    assert read_run(path) == run
    assert [(measurement.launch, measurement.case) for measurement in run.measurements] == [
        (measurement.launch, measurement.case) for measurement in whole.measurements
    ]
    assert run.measurements[: len(cut.measurements)] == cut.measurements
    assert run.finish is not None
    assert run.finish.complete


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"settings": Settings(launches=2, seed=1)}, "cannot be continued here: seed was 0, is 1"),
        ({"cases": CASES[:1]}, "was planned and is not selected"),
        ({"unsteady": ("no-gc",)}, "steady.no_gc was True, is False"),
    ],
    ids=["seed", "matrix", "steadiness"],
)
def test_run_that_was_made_otherwise_is_not_resumed(tmp_path: Path, changes: dict[str, Any], sentence: str) -> None:
    """Field by field, and its journal stays as it is."""
    path = tmp_path / "out.jsonl"
    measured(FakePool(), path)
    before = path.read_bytes()
    with pytest.raises(SetupError, match=f"--resume: {path} .*{sentence}"):
        measured(FakePool(), path, **({"resume": True} | changes))
    assert path.read_bytes() == before


def test_journal_that_is_not_there_cannot_be_resumed(tmp_path: Path) -> None:
    """The name is wrong, or there was no run."""
    with pytest.raises(SetupError, match=r"--resume: .*out\.jsonl: No such file"):
        measured(FakePool(), tmp_path / "out.jsonl", resume=True)
