"""What workers load of a project is asked once, before anything is timed."""

from __future__ import annotations

from bench.processes.loaded import Loaded, find_loaded
from bench.processes.local import LaunchError
from bench.protocol import Count, Failure, FootprintTold, Reply, Request, TellFootprint
from bench.record.conditions import Settings
from bench.record.run import Outcome
from tests.makers.doubles import FakePool, FakeWorker
from tests.makers.runs import matrix

CASES = matrix(batches=(2, 8), compiles=("on", "off"))


def asked(pool: FakePool) -> Loaded:
    """Return what is found of the cases."""
    return find_loaded(pool.open, CASES, Settings(), lambda: None)


def test_each_model_and_step_is_carried_out_once() -> None:
    """With the smallest batch and without the compiler: what is imported late, in a call, is loaded by then."""

    def script(_: FakeWorker, request: Request[object]) -> Reply | None:
        if isinstance(request, TellFootprint):
            return FootprintTold(state={}, outside={}, loaded={"net.py": "abc"})
        return None

    pool = FakePool(script=script)
    assert asked(pool) == Loaded(files={"net.py": "abc"})
    counted = [request.case for _, request in pool.asked if isinstance(request, Count)]
    assert [(case.step, case.batch, case.compile) for case in counted] == [
        (step, 2, "off") for step in dict.fromkeys(case.step for case in CASES)
    ]
    assert not any(worker.alive for worker in pool.opened)


def test_model_that_cannot_be_loaded_is_a_reason_and_hides_no_other() -> None:
    """One that only head has is none of base's; what was loaded before it failed counts."""

    def script(_: FakeWorker, request: Request[object]) -> Reply | None:
        if isinstance(request, TellFootprint):
            return FootprintTold(state={}, outside={}, loaded={"net.py": "abc"})
        return Failure(outcome=Outcome.FAILED, reason="no module 'pkg'") if isinstance(request, Count) else None

    assert asked(FakePool(script=script)) == Loaded(files={"net.py": "abc"}, trouble="no module 'pkg'")


def test_launcher_that_does_not_come_up_is_a_reason() -> None:
    """The gate's ending says it when a worker is needed."""

    def broken(_device: str, _launch: int) -> FakeWorker:
        raise LaunchError("no torch here")

    assert find_loaded(broken, CASES, Settings(), lambda: None) == Loaded(trouble="no torch here")
