"""Makes the workers of a run and of a gate: who is executed, who is forked, and with which device opened."""

from __future__ import annotations

import sys
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic

from bench.host.steadiness import variables
from bench.processes.local import Launcher, WorkerProcess
from bench.processes.supervisor import OpenError
from bench.record.arm import Arm
from bench.record.case import on_cpu
from bench.record.run import Outcome


@dataclass(frozen=True, slots=True, kw_only=True)
class Opening:
    """What every worker of a run has in common.

    Attributes:
        seed: of weights and random images.
        data_root: torchvision's root of the real images; None for random ones.
        left_out: names in `steady.MEASURES` that are switched off.
        timeout_seconds: for opening a device.
        memory_bytes: what a worker for the CPU may allocate; None for no limit of ours.
    """

    seed: int
    data_root: str | None
    left_out: Collection[str]
    timeout_seconds: float
    memory_bytes: int | None

    def open(self, worker: WorkerProcess, device: str, *, launch: int) -> tuple[WorkerProcess | None, str | None]:
        """Have a worker open its device; return it, or None and why the device cannot be used.

        Args:
            worker: a fresh one.
            device: by name.
            launch: 0, the pilot, where a device that cannot be used is no fault.

        Raises:
            OpenError: if the device is there and cannot be opened, or was there in the pilot.
        """
        request = {
            "do": "open",
            "device": device,
            "seed": self.seed,
            "data_root": self.data_root,
            "left_out": sorted(self.left_out),
            "memory_bytes": self.memory_bytes if on_cpu(device) else None,
        }
        reply = worker.ask(request, self.timeout_seconds)
        if "outcome" not in reply:
            return worker, None
        worker.end()
        outcome = Outcome(reply["outcome"])
        if outcome is not Outcome.SKIPPED or launch > 0:
            raise OpenError(outcome if outcome.fault else Outcome.FAILED, str(reply["reason"]))
        return None, str(reply["reason"])


LAUNCHES_PER_LAUNCHER = 4
"""Hash seed and address layout are fixed when a program is executed: execute a fresh one now and then."""


@dataclass(slots=True)
class Crew:
    """Makes workers for a run; see `operator.Workers`.

    Attributes:
        root: the checkout whose models and steps are timed.
        scratch: a folder of this run, removed at its end: compiler caches and the workers' log.
        opening: what every worker is told first.
        compiled: whether any case compiles.
        wake: a descriptor that becomes readable when the run should stop: nobody waits for a worker then.
        compile_seconds: what the launchers so far spent on their first compile.
        launching_seconds: what executing them took in all, that compile included.
    """

    root: Path
    scratch: Path
    opening: Opening
    compiled: bool
    wake: int | None = None
    compile_seconds: float = 0.0
    launching_seconds: float = 0.0
    _launcher: Launcher | None = None
    _generation: int = field(default=-1)

    def open(self, device: str, launch: int) -> tuple[WorkerProcess | None, str | None]:
        """Return a fresh worker for a launch with its device opened, or None and why the device cannot be used.

        Raises:
            OpenError: if the device is there and cannot be opened, or was there in the pilot.
            LaunchError: if no worker can be made at all.
        """
        generation = _generation(launch)
        if self._launcher is None or not self._launcher.alive or generation != self._generation:
            self.close()
            begin = monotonic()
            self._launcher = launcher(
                self.root, self.scratch, compiled=self.compiled, left_out=self.opening.left_out, wake=self.wake
            )
            self._generation = generation
            self.launching_seconds += monotonic() - begin
            self.compile_seconds += self._launcher.compile_seconds
        worker = self._launcher.start(fork=self._launcher.may_fork)
        return self.opening.open(worker, device, launch=launch)

    def executions(self, done: int, launches: int) -> int:
        """Return how many launchers will be executed for the launches after `done`, up to `launches`."""
        return _generation(launches) - _generation(done)

    def close(self) -> None:
        """End the launcher and with it every worker."""
        if self._launcher is not None:
            self._launcher.close()
            self._launcher = None


def _generation(launch: int) -> int:
    """Return which launcher a launch is forked from; the pilot's is as fresh as any, since it only forks."""
    return max(0, launch - 1) // LAUNCHES_PER_LAUNCHER


def launcher(
    root: Path, scratch: Path, *, compiled: bool, left_out: Collection[str] = (), wake: int | None = None
) -> Launcher:
    """Return a launcher whose workers are held steady and keep the compiler's caches in `scratch`."""
    return Launcher(
        root=root,
        variables=steady_variables(scratch, left_out),
        compiled=compiled,
        log=scratch / "workers.log",
        wake=wake,
    )


def steady_variables(scratch: Path, left_out: Collection[str]) -> dict[str, str]:
    """Return what a launcher is executed with: what holds its workers steady, and caches of this run's own."""
    caches = {
        "TORCHINDUCTOR_CACHE_DIR": str(scratch / "inductor"),
        "TRITON_CACHE_DIR": str(scratch / "triton"),
    }
    return {**variables(left_out), **caches}


Key = tuple[str, tuple[tuple[str, str], ...]]


@dataclass(slots=True)
class Fleet:
    """Executes launchers as they are needed.

    Attributes:
        engine: the frozen checkout whose ``bench`` times both arms.
        scratch: a folder of this run: compiler caches and the workers' log.
        opening: what every worker is told first.
        compiled: whether any case of any arm compiles.
        arms: both of them; a worker is forked only if both arms' may be, since a fork is another process than a spawn.
        wake: a descriptor that becomes readable when the run should stop.
    """

    engine: Path
    scratch: Path
    opening: Opening
    compiled: bool
    arms: Sequence[Arm]
    wake: int | None = None
    _launchers: dict[Key, Launcher] = field(default_factory=dict)

    def start(self, arm: Arm, root: Path, device: str, *, launch: int) -> tuple[WorkerProcess | None, str | None]:
        """Return a fresh worker of an arm with its device opened, or None and why the device cannot be used.

        Args:
            arm: whose.
            root: the slot it imports ``models`` from.
            device: by name.
            launch: 0 where a device that cannot be used is no fault.

        Raises:
            OpenError: if the device is there and cannot be opened, or was there in the pilot.
            LaunchError: if no worker can be made at all.
        """
        may_fork = all(self._launcher(one).may_fork for one in self.arms)
        worker = self._launcher(arm).start(fork=may_fork, root=root)
        return self.opening.open(worker, device, launch=launch)

    def renew(self) -> None:
        """End every launcher, so that the next workers come from freshly executed ones: new hash seed, new layout."""
        for launcher in self._launchers.values():
            launcher.close()
        self._launchers.clear()

    def _launcher(self, arm: Arm) -> Launcher:
        python = arm.python or sys.executable
        key = (python, tuple(sorted(arm.variables.items())))
        found = self._launchers.get(key)
        if found is None or not found.alive:
            found = self._launchers[key] = Launcher(
                root=self.engine,
                variables={**steady_variables(self.scratch, self.opening.left_out), **arm.variables},
                compiled=self.compiled,
                log=self.scratch / "workers.log",
                python=python,
                wake=self.wake,
            )
        return found


@dataclass(slots=True)
class ArmWorkers:
    """Makes the workers of one arm, from whichever slot it has in this block; see `operator.Opener`."""

    fleet: Fleet
    arm: Arm
    slot: Path

    def open(self, device: str, launch: int) -> tuple[WorkerProcess | None, str | None]:
        """Return a fresh worker with its device opened, or None and why the device cannot be used.

        Raises:
            OpenError: if the device is there and cannot be opened, or was there before.
            LaunchError: if no worker can be made at all.
        """
        return self.fleet.start(self.arm, self.slot, device, launch=launch)
