"""The workers of a plain run: who is executed, who is forked, and with which device opened."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic

from bench.host.steadiness import variables
from bench.launch import Launcher, WorkerProcess
from bench.opening import Opening

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
