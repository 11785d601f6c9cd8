"""Real processes: they answer, they are paused, they die in every way there is, and none of them survives."""

from __future__ import annotations

import ast
import gc
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from bench.host.folders import ROOT
from bench.processes.local import Launcher, LaunchError, WorkerDiedError, WorkerProcess, WorkerTimeoutError
from bench.protocol import (
    Done,
    Drop,
    Failure,
    ListModels,
    ModelsListed,
    Open,
    Prepare,
    ReadYardstick,
    TellFacts,
    TimeSlice,
    Warm,
)
from bench.record.case import Case
from bench.record.conditions import Scalar
from bench.record.observations import Preparation
from bench.record.run import Outcome
from tests.makers.processes import becomes, is_gone, wait_until_gone

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="workers are POSIX processes")

SECONDS = 60.0
OPEN = Open(device="cpu", seed=0, data_root=None, left_out=(), memory_bytes=None)
FORWARD = Case(model="mlp", step="forward", batch=1 << 20, device="cpu", dtype="float32", compile="off")
BACKWARD = replace(FORWARD, step="backward", batch=64)


def launch(folder: Path) -> Launcher:
    """Return a launcher that does not compile, and whose workers compute on one thread."""
    return Launcher(root=ROOT, variables={"OMP_NUM_THREADS": "1"}, compiled=False, log=folder / "workers.log")


@pytest.fixture(scope="module")
def launcher(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Launcher]:
    """One launcher for the tests that do not break it."""
    with launch(tmp_path_factory.mktemp("launcher")) as running:
        yield running


@pytest.fixture(params=[True, False], ids=["fork", "spawn"], scope="module")
def shared(request: pytest.FixtureRequest, launcher: Launcher) -> Iterator[WorkerProcess]:
    """A worker for the tests that do not break it, made in either way."""
    worker = launcher.start(fork=request.param)
    assert worker.ask(OPEN, SECONDS) == Done()
    yield worker
    worker.end()


@pytest.fixture
def worker(launcher: Launcher) -> Iterator[WorkerProcess]:
    """A forked worker that may be broken, even before it is ready."""
    worker = launcher.start(fork=True)
    yield worker
    worker.kill()


def facts_of(worker: WorkerProcess, seconds: float = SECONDS) -> dict[str, Scalar]:
    """Return what a worker tells about torch and its device."""
    reply = worker.ask(TellFacts(), seconds)
    assert not isinstance(reply, Failure)
    return dict(reply.facts)


def state(pid: int) -> str:
    """Return a process's state, as psutil names it."""
    return psutil.Process(pid).status()


def test_worker_is_a_process_of_its_own_that_answers(shared: WorkerProcess, launcher: Launcher) -> None:
    """Fork or spawn: the same protocol, the same parent."""
    process = psutil.Process(shared.pid)
    assert process.ppid() == launcher._process.pid != os.getpid()
    yardstick = shared.ask(ReadYardstick(), SECONDS)
    assert not isinstance(yardstick, Failure)
    assert yardstick.seconds > 0


def test_variables_reach_the_workers(shared: WorkerProcess) -> None:
    """OpenMP and malloc read theirs when a program is executed, so they are set before that."""
    assert facts_of(shared)["torch.threads"] == 1


def test_case_is_prepared_and_timed(shared: WorkerProcess) -> None:
    """A forked worker computes backward too, and runs parallel regions."""
    assert isinstance(shared.ask(Prepare(case=BACKWARD, warm=False, probe=True), SECONDS), Preparation)
    timed = shared.ask(TimeSlice(case=BACKWARD, iterations=2), SECONDS)
    assert not isinstance(timed, Failure)
    assert 0 < timed.seconds <= timed.wall_seconds
    assert timed.minor_faults >= 0


@pytest.mark.skipif(not hasattr(os, "sched_getaffinity"), reason="this system does not bind processes to cores")
def test_executed_worker_may_use_every_core(tmp_path: Path) -> None:
    """OpenMP binds the launcher to its first core; a worker executed by it must not inherit that."""
    bound = {"OMP_PROC_BIND": "true", "OMP_PLACES": "cores"}
    with Launcher(root=ROOT, variables=bound, compiled=False, log=tmp_path / "workers.log") as binding:
        threads = []
        for forked in (True, False):
            worker = binding.start(fork=forked)
            worker.ask(OPEN, SECONDS)
            threads.append(facts_of(worker)["torch.threads"])
            worker.end()
    assert threads[0] == threads[1]


def test_unknown_request_is_an_answer_and_no_end(shared: WorkerProcess) -> None:
    """Whatever a case raises is that case's outcome."""
    refused = shared.ask(Warm(compiled=False), SECONDS)  # a launcher is asked for it
    assert isinstance(refused, Failure)
    assert refused.outcome is Outcome.FAILED
    assert shared.ask(Drop(), SECONDS) == Done()


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSEGV, signal.SIGABRT], ids=lambda number: number.name)
def test_worker_that_dies_says_how(worker: WorkerProcess, number: signal.Signals) -> None:
    """The reason names the signal, so that a segfault is told from the kernel's out-of-memory kill."""
    os.kill(worker.pid, number)
    with pytest.raises(WorkerDiedError, match=f"the worker's process ended with {number.name}"):
        worker.ask(TellFacts(), SECONDS)
    with pytest.raises(WorkerDiedError, match="had ended before"):
        worker.ask(TellFacts(), SECONDS)
    assert not psutil.pid_exists(worker.pid)


def test_worker_that_dies_says_its_last_words(launcher: Launcher, tmp_path: Path) -> None:
    """What it printed itself, and nothing that another one printed before."""
    models = tmp_path / "models"
    models.mkdir()
    dying = "import os, sys\nprint('the licence has expired', file=sys.stderr, flush=True)\nos._exit(7)\n"
    (models / "__init__.py").write_text(dying)
    for root, words in ((tmp_path, ": the licence has expired"), (None, "")):
        worker = launcher.start(fork=True, root=root)
        assert worker.ask(OPEN, SECONDS) == Done()
        if root is None:
            os.kill(worker.pid, signal.SIGKILL)
        ended = "exit code 7" if root else "SIGKILL"
        with pytest.raises(WorkerDiedError, match=f"^the worker's process ended with {ended}{words}$"):
            worker.ask(ListModels(), SECONDS)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux hands a dead process's children on")
@pytest.mark.parametrize("fork", [True, False], ids=["fork", "spawn"])
@pytest.mark.parametrize("how", ["worker", "driver"])
def test_what_left_the_group_of_its_worker_ends_too(how: str, tmp_path: Path, *, fork: bool) -> None:
    """A daemon of a session of its own is not suspended, but it does not outlive the worker, nor a killed driver."""
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "__init__.py").write_text(
        "import subprocess\nMODELS = {}\n"
        "subprocess.Popen(['sleep', '600'], stdin=subprocess.DEVNULL, start_new_session=True)\n"
    )
    (tmp_path / "bench").symlink_to(ROOT / "bench")
    with launch(tmp_path) as launcher:
        worker = launcher.start(fork=fork, root=tmp_path)
        assert worker.ask(OPEN, SECONDS) == Done()
        assert worker.ask(ListModels(), SECONDS) == ModelsListed(names=())
        (child,) = psutil.Process(worker.pid).children()
        if how == "worker":
            worker.kill()
        else:
            launcher._process.terminate()  # as the kernel does where the driver has died
            launcher._process.wait()
            worker.kill()
        assert becomes(lambda: is_gone(child))


@pytest.mark.parametrize("fork", [True, False], ids=["fork", "spawn"])
@pytest.mark.parametrize("how", ["end", "kill", "crash"])
def test_what_a_model_starts_ends_with_its_worker(how: str, launcher: Launcher, tmp_path: Path, *, fork: bool) -> None:
    """It is suspended with it, too: a child that goes on burns the core of whoever is timed."""
    (tmp_path / "bench").symlink_to(ROOT / "bench")
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "__init__.py").write_text(
        "import subprocess\nMODELS = {}\nsubprocess.Popen(['sleep', '600'], stdin=subprocess.DEVNULL)\n"
    )
    worker = launcher.start(fork=fork, root=tmp_path)
    assert worker.ask(OPEN, SECONDS) == Done()
    assert worker.ask(ListModels(), SECONDS) == ModelsListed(names=())
    (child,) = psutil.Process(worker.pid).children()
    worker.pause()
    assert becomes(lambda: child.status() == psutil.STATUS_STOPPED)
    worker.resume()
    assert becomes(lambda: child.status() != psutil.STATUS_STOPPED)
    if how == "crash":
        os.kill(worker.pid, signal.SIGSEGV)
        with pytest.raises(WorkerDiedError):
            worker.ask(ListModels(), SECONDS)
    else:
        getattr(worker, how)()
    assert becomes(lambda: is_gone(child))


def test_time_in_which_this_process_stood_still_does_not_count(
    shared: WorkerProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A laptop that was suspended, a container that was paused: an answer that is there by then is an answer."""
    stamps = iter(range(0, 10**6, 25))  # each look at the clock is 25 seconds later
    monkeypatch.setattr("bench.host.patience.monotonic", lambda: float(next(stamps)))
    assert facts_of(shared, 10.0)


def test_death_of_one_worker_is_nothing_to_another(worker: WorkerProcess, launcher: Launcher) -> None:
    """The run goes on in a new one."""
    worker.kill()
    other = launcher.start(fork=True)
    assert other.ask(OPEN, SECONDS) == Done()
    other.end()


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux limits what a process may allocate")
def test_allocation_beyond_the_limit_is_an_answer(launcher: Launcher) -> None:
    """Memory that ran out is the case's outcome, found before the kernel kills anybody."""
    worker = launcher.start(fork=True)
    assert worker.ask(replace(OPEN, memory_bytes=1 << 30), SECONDS) == Done()
    answer = worker.ask(Prepare(case=FORWARD, warm=False, probe=False), SECONDS)
    assert isinstance(answer, Failure)
    assert answer.outcome is Outcome.OUT_OF_MEMORY
    assert facts_of(worker)
    worker.end()


def test_timeout_kills_the_worker(worker: WorkerProcess) -> None:
    """A hung worker would hold the machine for the rest of the run."""
    process = psutil.Process(worker.pid)
    worker.pause()
    with pytest.raises(WorkerTimeoutError, match=r"no answer within 0.05 s"):
        worker.ask(TellFacts(), 0.05)
    assert is_gone(process)
    with pytest.raises(WorkerDiedError):
        worker.ask(TellFacts(), SECONDS)


@pytest.mark.parametrize("seconds", [1e7, 1e12], ids=["months", "ages"])
def test_long_timeout_is_waited_for_in_pieces(shared: WorkerProcess, seconds: float) -> None:
    """The system's own wait takes 24 days at most; --case-timeout 1000h is odd but no error."""
    assert facts_of(shared, seconds)


def test_paused_worker_stands_still_until_resumed(shared: WorkerProcess) -> None:
    """Its spinning threads would slow whoever is timed."""
    shared.pause()
    assert becomes(lambda: state(shared.pid) == psutil.STATUS_STOPPED)
    shared.resume()
    assert facts_of(shared)


def test_ending_a_paused_worker_does_not_wait_for_it(worker: WorkerProcess, monkeypatch: pytest.MonkeyPatch) -> None:
    """It cannot hear that it should leave, so it is killed."""
    monkeypatch.setattr("bench.processes.local.END_SECONDS", 0.05)
    process = psutil.Process(worker.pid)
    worker.pause()
    worker.end()
    assert is_gone(process)


def test_end_and_kill_may_be_repeated(worker: WorkerProcess) -> None:
    """Whoever cleans up need not know what happened before."""
    worker.end()
    worker.end()
    worker.kill()
    assert not psutil.pid_exists(worker.pid)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux's kernel ends a stopped child with its parent")
@pytest.mark.parametrize(("how", "forks"), [("close", (True, True)), ("SIGKILL", (True, False))], ids=str)
def test_nobody_survives_the_launcher(how: str, forks: tuple[bool, bool], tmp_path: Path) -> None:
    """Not the idle worker, not the paused one, whether it was forked or spawned."""
    running = launch(tmp_path)
    workers = [running.start(fork=fork) for fork in forks]
    for worker in workers:
        assert worker.ask(OPEN, SECONDS) == Done()
    workers[1].pause()
    processes = [psutil.Process(pid) for pid in (running._process.pid, *(worker.pid for worker in workers))]
    if how == "close":
        running.close()
    else:
        os.kill(running._process.pid, signal.SIGKILL)
    assert wait_until_gone(processes) == []
    if how == "SIGKILL":
        with pytest.raises(WorkerDiedError, match="the launcher ended with code -9"):
            workers[0].ask(TellFacts(), SECONDS)
        running.close()
    for worker in workers:
        worker._channel.close()


def test_launcher_that_does_not_come_up_says_its_last_words(tmp_path: Path) -> None:
    """Nothing can be measured, and the reason is in one line."""
    folder = tmp_path / "bench" / "processes"
    folder.mkdir(parents=True)
    (folder.parent / "__init__.py").touch()
    (folder / "__init__.py").touch()
    (folder / "launcher.py").write_text("raise SystemExit('torch is not installed')\n")
    with pytest.raises(LaunchError, match="the launcher ended with code 1: torch is not installed"):
        Launcher(root=tmp_path, variables={}, compiled=False, log=tmp_path / "log")
    gc.collect()  # shows a socket or a process that was left open, as a warning, which is an error here


def test_launcher_of_a_killed_run_does_not_finish_its_import(tmp_path: Path) -> None:
    """Python's own handlers wait for whatever is imported: it outlived its run by as long as that took."""
    (tmp_path / "bench").symlink_to(ROOT / "bench")
    (tmp_path / "torch.py").write_text(
        "import hashlib, pathlib\npathlib.Path('importing').touch()\nhashlib.pbkdf2_hmac('sha256', b'', b'', 10**9)\n"
    )
    with ThreadPoolExecutor(1) as thread:
        coming = thread.submit(Launcher, root=tmp_path, variables={}, compiled=False, log=tmp_path / "log")
        assert becomes((tmp_path / "importing").exists)
        (running,) = [child for child in psutil.Process().children() if child.cwd() == str(tmp_path)]
        running.terminate()  # as the kernel does where the run has died
        ended = becomes(lambda: is_gone(running))
        with suppress(psutil.NoSuchProcess):
            running.kill()
        assert ended
        with pytest.raises(LaunchError, match="the launcher ended with code -15"):
            coming.result(SECONDS)


@pytest.mark.parametrize("do", ["pause", "resume"])
def test_signal_to_a_worker_that_is_gone_harms_nobody(worker: WorkerProcess, launcher: Launcher, do: str) -> None:
    """Its process id may be a stranger's by now, and the launcher must live on."""
    worker.kill()
    getattr(worker, do)()
    launcher.start(fork=True).kill()


def test_spawned_worker_that_died_unasked_is_reaped_by_whoever_asks_next(launcher: Launcher) -> None:
    """Executing another one must not collect the first one's end: nothing could be said of it then."""
    first = launcher.start(fork=False)
    process = psutil.Process(first.pid)
    os.kill(first.pid, signal.SIGKILL)
    assert wait_until_gone([process]) == []
    second = launcher.start(fork=False)
    with pytest.raises(WorkerDiedError, match="SIGKILL"):
        first.ask(OPEN, SECONDS)
    second.kill()


def test_launcher_needs_nothing_heavy_to_start() -> None:
    """An interpreter of an arm has Python and torch, and torch is imported when it is told to warm up."""
    code = "import sys, bench.processes.launcher; print(sorted(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    modules = set(ast.literal_eval(done.stdout))
    ours = {name for name in modules if name.partition(".")[0] in {"bench", "models", "reports"}}
    allowed = {"bench", "bench.host", "bench.host.lifetime", "bench.processes", "bench.processes.launcher"}
    assert {name for name in ours - allowed if not name.startswith("bench.record")} == {"bench.protocol"}
    assert not {name.partition(".")[0] for name in modules} & {"torch", "torchvision", "numpy", "psutil", "msgspec"}


@pytest.mark.parametrize("raised", ["ModuleNotFoundError('hidden')", "RuntimeError('built for another torch')"])
def test_interpreter_without_torchvision_times_networks_that_are_fed_random_numbers(
    tmp_path: Path, raised: str
) -> None:
    """Two releases of torch are compared by interpreters of which one has torch alone, or another's torchvision.

    Real images alone want it, and then the reason says what to do.
    """
    hidden = tmp_path / "torchvision" / "__init__.py"
    hidden.parent.mkdir()
    hidden.write_text(f"raise {raised}\n")
    python = tmp_path / "python"
    python.write_text(f'#!/bin/sh\nPYTHONPATH={tmp_path} exec {sys.executable} "$@"\n')
    python.chmod(0o755)
    log = tmp_path / "workers.log"
    variables = {"OMP_NUM_THREADS": "1"}
    with Launcher(root=ROOT, variables=variables, compiled=False, log=log, python=str(python)) as launcher:
        for fork in (True, False):
            worker = launcher.start(fork=fork)
            assert worker.ask(OPEN, SECONDS) == Done()
            for model in ("mlp", "gpt"):
                case = replace(BACKWARD, model=model, batch=2)
                prepared = worker.ask(Prepare(case=case, warm=False, probe=True), SECONDS)
                assert isinstance(prepared, Preparation), prepared
            assert worker.ask(replace(OPEN, data_root=str(tmp_path)), SECONDS) == Done()
            refused = worker.ask(Prepare(case=BACKWARD, warm=False, probe=False), SECONDS)
            assert isinstance(refused, Failure)
            assert "install the one for this torch, or use --data random" in refused.reason
            worker.end()


@pytest.mark.parametrize("fork", [True, False], ids=["fork", "spawn"])
def test_worker_imports_the_models_of_its_own_root(launcher: Launcher, tmp_path: Path, *, fork: bool) -> None:
    """Both arms of a gate come from one launcher: an arm that imported the other's network would never differ."""
    (tmp_path / "bench").symlink_to(ROOT / "bench")
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "__init__.py").write_text("MODELS = {'elsewhere': None}\nModel = object\n")
    (tmp_path / "models" / "inputs.py").symlink_to(ROOT / "models" / "inputs.py")
    (tmp_path / "models" / "mlp.py").symlink_to(ROOT / "models" / "mlp.py")
    worker = launcher.start(fork=fork, root=tmp_path)
    assert worker.ask(OPEN, SECONDS) == Done()
    assert worker.ask(ListModels(), SECONDS) == ModelsListed(names=("elsewhere",))
    worker.end()


@pytest.mark.parametrize("fork", [True, False], ids=["fork", "spawn"])
def test_model_opens_files_from_its_projects_folder(launcher: Launcher, tmp_path: Path, *, fork: bool) -> None:
    """A network that reads ``weights.txt`` beside it worked in the project's own programs, and in no worker."""
    (tmp_path / "size.txt").write_text("3")
    (tmp_path / "net.py").write_text(
        "import torch\nSIZE = int(open('size.txt').read())\n\n"
        "def make():\n    return torch.nn.Linear(SIZE, SIZE)\n\n"
        "def example_inputs(batch):\n    return torch.randn(batch, SIZE)\n"
    )
    worker = launcher.start(fork=fork)
    opening = replace(OPEN, models={"make": "net.py:make"}, project=str(tmp_path))
    assert worker.ask(opening, SECONDS) == Done()
    case = replace(FORWARD, model="make", batch=2)
    answer = worker.ask(Prepare(case=case, warm=False, probe=False), SECONDS)
    assert not isinstance(answer, Failure), answer
    worker.end()
