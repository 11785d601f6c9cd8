"""Makes the workers of a run and of a gate: who is executed, who is forked, and with which device opened."""

from __future__ import annotations

import socket
import sys
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from time import monotonic

from bench.host.cores import list_places, share_places
from bench.host.environment_variables import cache_variables, rank_variables, worker_variables
from bench.processes.group import Company, RankGroup
from bench.processes.local import Launcher, WorkerProcess
from bench.processes.supervisor import Opener, OpenerWithCaches
from bench.protocol import Done, Failure, Join, Open
from bench.record.case import count_ranks, on_cpu
from bench.record.how_many import how_many
from bench.record.run import Outcome


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerSetup:
    """What every worker of a run or a gate has in common.

    Attributes:
        seed: of weights and random inputs.
        data_root: torchvision's root of the real images; None for random ones.
        left_out: names in `steadiness.MEASURES` that are switched off.
        timeout_seconds: for opening a device.
        memory_bytes: what a worker for the CPU may allocate; None for no limit of ours.
        models: specs of the models that are not built in, by id.
        project: where the user's own lie, if the worker is not told another folder.
        src: the folder below it that packages lie in; None where that is the project's own.
        shape: of one example of a network that says nothing of its inputs.
        references: a folder where right answers are kept for the processes that come after; None for none.
        steps: see `Open`.
    """

    seed: int
    data_root: str | None
    left_out: Collection[str]
    timeout_seconds: float
    memory_bytes: int | None
    models: Mapping[str, str] = field(default_factory=dict)
    project: Path = Path()
    src: str | None = None
    shape: tuple[int, ...] | None = None
    references: Path | None = None
    steps: Mapping[str, str] = field(default_factory=dict)

    def open(
        self, worker: WorkerProcess, device: str, *, launch: int, project: Path | None = None, arm: str = ""
    ) -> WorkerProcess | Failure:
        """Have a fresh worker open its device; return it, or why it could not, when it has left.

        A device that cannot be used is skipped in launch 0, the pilot; it was there in the pilot of any later one.
        """
        request = Open(
            device=device,
            seed=self.seed,
            data_root=self.data_root,
            left_out=tuple(sorted(self.left_out)),
            memory_bytes=self.memory_bytes if on_cpu(device) else None,
            models=self.models,
            project=str(project or self.project),
            src=self.src,
            shape=self.shape,
            references=None if self.references is None else str(self.references / arm),
            steps=self.steps,
        )
        reply = worker.ask(request, self.timeout_seconds)
        if not isinstance(reply, Failure):
            return worker
        worker.end()
        if reply.outcome.fault or (reply.outcome is Outcome.SKIPPED and launch == 0):
            return reply
        return Failure(outcome=Outcome.FAILED, reason=reply.reason)


@dataclass(frozen=True, slots=True)
class Program:
    """What a launcher is executed with.

    Attributes:
        python: the interpreter.
        variables: names and values of environment variables, added to what holds workers steady.
        warmed: whether its launcher compiles first, if any case does.
    """

    python: str = sys.executable
    variables: tuple[tuple[str, str], ...] = ()
    warmed: bool = True

    @classmethod
    def make(cls, python: str | None, variables: Mapping[str, str]) -> Program:
        """Return the program of an interpreter, None for this one, and of variables in any order."""
        return cls(python or sys.executable, tuple(sorted(variables.items())))


SAYS_WHY_ONLY_IF_EXECUTED = "cuda"
"""In a fork of a process that found none, this device says that it cannot be used in a fork, not what is missing."""

LOOPBACK = "127.0.0.1"
"""Ranks on one machine meet there."""

MEETINGS, TAKEN = 3, "in use"
"""They try so often to meet, where the port was taken meanwhile, of which the reason says this."""

WORKERS_LOG = "workers.log"
"""The file of the scratch folder that takes whatever workers print."""

OWN = Program()
"""This is the interpreter that runs pytest, with no variables of its own."""


def _skip(reason: str) -> Failure:
    return Failure(outcome=Outcome.SKIPPED, reason=reason)


def find_free_port() -> int:
    """Return a port on which nobody listens now."""
    with socket.socket() as found:
        found.bind((LOOPBACK, 0))
        port: int = found.getsockname()[1]
    return port


@dataclass(slots=True, kw_only=True)
class WorkerPool:
    """Executes one launcher for each program, anew every so many launches, and makes workers from them.

    Attributes:
        root: the checkout whose ``bench`` times.
        scratch: a folder that is removed at the end: compiler caches and the workers' log.
        setup: what every worker is told first.
        compiled: whether any case compiles.
        launches_per_launcher: how many launches may come from one launcher. Hash seed and address layout are fixed when
            a program is executed, so a fresh one is executed now and then.
        programs: all that workers will be made with. They are forked only if that is safe in every one, since a forked
            process is another one than a process that was executed.
        ranks: values of the axis of ranks that cases have, but for one process.
        wake: a descriptor that becomes readable when nobody should wait for a worker any longer.
        compile_seconds: what the launchers so far spent on their first compile.
        launching_seconds: what executing them took in all, that compile included.
    """

    root: Path
    scratch: Path
    setup: WorkerSetup
    compiled: bool
    launches_per_launcher: int
    programs: Collection[Program] = (OWN,)
    ranks: Collection[str] = ()
    wake: int | None = None
    compile_seconds: float = 0.0
    launching_seconds: float = 0.0
    _launchers: dict[Program, Launcher] = field(default_factory=dict)
    _generation: int = 0

    def open(
        self,
        device: str,
        launch: int,
        *,
        program: Program = OWN,
        models_root: Path | None = None,
        project: Path | None = None,
        arm: str = "",
    ) -> WorkerProcess | Company | Failure:
        """Return a fresh worker for a launch with its device opened, or why the device cannot be used.

        Where cases of several ranks are measured, it comes with what makes those.

        Args:
            device: by name.
            launch: 0, the pilot, where a device that cannot be used is no fault.
            program: what its launcher is executed with.
            models_root: the folder from which it imports ``models``; None for `root`.
            project: where the user's own models lie; None for what its setup says.
            arm: whose it is in a gate: another arm's right answers are of other code.

        Raises:
            LaunchError: if no worker can be made at all.
        """
        if (generation := self._generation_of(launch)) != self._generation:
            self.close()
            self._generation = generation
        place = partial(self._open_one, launch=launch, models_root=models_root, project=project, arm=arm)
        single = place(device, program)
        if isinstance(single, Failure) or not self.ranks:
            return single
        return Company(single, partial(self._open_group, device, program, place))

    def _open_one(
        self,
        device: str,
        program: Program,
        *,
        launch: int,
        models_root: Path | None,
        project: Path | None,
        arm: str,
    ) -> WorkerProcess | Failure:
        """Return a fresh worker of a program with its device opened, or why the device cannot be used.

        Memory is shared out among it and all ranks that are there beside it: those that are suspended keep theirs.
        """
        may_fork = all(self._launcher(other).may_fork for other in self.programs)
        launcher = self._launcher(program)
        refused = device.startswith(SAYS_WHY_ONLY_IF_EXECUTED) and not launcher.has_accelerator
        worker = launcher.start(fork=may_fork and not refused, root=models_root)
        memory = self.setup.memory_bytes
        processes = 1 + sum(map(count_ranks, self.ranks))
        setup = replace(self.setup, memory_bytes=None if memory is None else memory // processes)
        return setup.open(worker, device, launch=launch, project=project, arm=arm)

    def _open_group(
        self, device: str, program: Program, place: Callable[..., WorkerProcess | Failure], ranks: str
    ) -> RankGroup | Failure:
        """Return ranks that have joined each other, each from a launcher that has its share of the cores alone.

        Args:
            device: of the first of them; the others have the next ones of its kind, unless it is the CPU.
            program: what their launchers are executed with besides.
            place: makes one of them.
            ranks: a value of the axis of ranks.
        """
        count, places = count_ranks(ranks), list_places()
        shares = share_places(places, count)
        if shares is None:
            few = how_many(len(places), "core")
            return _skip(f"{ranks} needs a core for each rank, and this process may run on {few}")
        if not on_cpu(device) and ":" in device and count > 1:
            return _skip(f"{ranks} takes devices from the first on: name {device.partition(':')[0]}, not {device}")
        devices = [device] * count if on_cpu(device) or ":" in device else [f"{device}:{rank}" for rank in range(count)]
        programs = [
            replace(program, variables=tuple(sorted({**dict(program.variables), **variables}.items())))
            for variables in (rank_variables(share, self.setup.left_out) for share in shares)
        ]
        reply: RankGroup | Failure = _skip("ranks did not meet")
        for _ in range(MEETINGS):
            reply = self._gather([partial(place, name, own) for name, own in zip(devices, programs, strict=True)])
            if not isinstance(reply, Failure) or TAKEN not in reply.reason.lower():
                break
        return reply

    def _gather(self, makers: Sequence[Callable[[], WorkerProcess | Failure]]) -> RankGroup | Failure:
        """Return ranks that have joined each other, or why they have not, when none of them is left."""
        workers: list[WorkerProcess] = []
        try:
            for make in makers:
                worker = make()
                if isinstance(worker, Failure):
                    return worker
                workers.append(worker)
        finally:
            if len(workers) < len(makers):  # nobody else ends those that were made before
                for other in workers:
                    other.kill()
        group = RankGroup(workers, self.wake)
        joined = self._join(group, len(workers))
        if not isinstance(joined, Failure):
            return group
        group.end()
        return joined

    def _join(self, group: RankGroup, count: int) -> Done | Failure:
        """Have ranks meet on a port of this machine; another program may take it before rank 0 does."""
        port, seconds = find_free_port(), self.setup.timeout_seconds
        return group.ask_each(
            [
                Join(rank=rank, ranks=count, address=LOOPBACK, port=port, timeout_seconds=seconds)
                for rank in range(count)
            ],
            seconds,
        )

    @contextmanager
    def own_caches(self) -> Iterator[OpenerWithCaches]:
        """Give what makes workers whose compilers keep their caches in a folder of their own; see `Workers`."""
        with TemporaryDirectory(prefix="caches-", dir=self.scratch) as folder:
            variables = tuple(sorted(cache_variables(Path(folder)).items()))
            yield partial(self._fresh, Program(variables=variables, warmed=False))

    @contextmanager
    def _fresh(self, program: Program) -> Iterator[Opener]:
        """Give what makes workers from a launcher that is executed for them, and end it with the block."""
        try:
            yield partial(self.open, program=program)
        finally:
            if (launcher := self._launchers.pop(program, None)) is not None:
                launcher.close()

    def executions(self, done: int, launches: int) -> int:
        """Return how many launchers of a program will be executed for the launches after `done`, up to `launches`."""
        return self._generation_of(launches) - self._generation_of(done)

    def close(self) -> None:
        """End every launcher and with it every worker."""
        for launcher in self._launchers.values():
            launcher.close()
        self._launchers.clear()

    def _generation_of(self, launch: int) -> int:
        """Return which execution a launch comes from; the pilot's is as fresh as any, since it only forks."""
        return max(0, launch - 1) // self.launches_per_launcher

    def _launcher(self, program: Program) -> Launcher:
        """Return this program's launcher, executed now if it does not run."""
        launcher = self._launchers.get(program)
        if launcher is not None and launcher.alive:
            return launcher
        if launcher is not None:
            launcher.close()
            del self._launchers[program]
        begin = monotonic()
        launcher = self._launchers[program] = Launcher(
            root=self.root,
            variables={**worker_variables(self.scratch, self.setup.left_out), **dict(program.variables)},
            compiled=self.compiled and program.warmed,
            log=self.scratch / WORKERS_LOG,
            python=program.python,
            wake=self.wake,
        )
        self.launching_seconds += monotonic() - begin
        self.compile_seconds += launcher.compile_seconds
        return launcher
