"""The workers of a plain run: who is executed, who is forked, and with which device opened."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from pathlib import Path

from bench.launch import Launcher, WorkerProcess
from bench.steady import variables

LAUNCHES_PER_LAUNCHER = 4
"""Hash seed and address layout are fixed when a program is executed: execute a fresh one now and then."""


@dataclass(slots=True)
class Crew:
    """Makes workers for a run; see `operator.Workers`.

    Attributes:
        root: the checkout whose models and steps are timed.
        scratch: a folder of this run, removed at its end: compiler caches and the workers' log.
        seed: of weights and random images.
        data_root: torchvision's root of the real images; None for random ones.
        compiled: whether any case compiles.
        left_out: names in `steady.MEASURES` that are switched off.
        timeout_seconds: for opening a device.
        memory_bytes: what a worker for the CPU may allocate; None for no limit of ours.
        compile_seconds: what the launchers so far spent on their first compile.
    """

    root: Path
    scratch: Path
    seed: int
    data_root: str | None
    compiled: bool
    left_out: Collection[str]
    timeout_seconds: float
    memory_bytes: int | None
    compile_seconds: float = 0.0
    _launcher: Launcher | None = None
    _generation: int = field(default=-1)

    def open(self, device: str, launch: int) -> tuple[WorkerProcess | None, str | None]:
        """Return a fresh worker for a launch with its device opened, or None and why the device cannot be used.

        Raises:
            LaunchError: if no worker can be made at all.
        """
        generation = 0 if launch == 0 else 1 + (launch - 1) // LAUNCHES_PER_LAUNCHER
        if self._launcher is None or generation != self._generation:
            self.close()
            self._launcher = launcher(self.root, self.scratch, compiled=self.compiled, left_out=self.left_out)
            self._generation = generation
            self.compile_seconds += self._launcher.compile_seconds
        worker = self._launcher.start(fork=device == "cpu" and self._launcher.may_fork)
        opening = {
            "do": "open",
            "device": device,
            "seed": self.seed,
            "data_root": self.data_root,
            "left_out": sorted(self.left_out),
            "memory_bytes": self.memory_bytes if device == "cpu" else None,
        }
        reply = worker.ask(opening, self.timeout_seconds)
        if "outcome" in reply:
            worker.end()
            return None, str(reply["reason"])
        return worker, None

    def close(self) -> None:
        """End the launcher and with it every worker."""
        if self._launcher is not None:
            self._launcher.close()
            self._launcher = None


def launcher(root: Path, scratch: Path, *, compiled: bool, left_out: Collection[str] = ()) -> Launcher:
    """Return a launcher whose workers are held steady and keep the compiler's caches in `scratch`."""
    caches = {
        "TORCHINDUCTOR_CACHE_DIR": str(scratch / "inductor"),
        "TRITON_CACHE_DIR": str(scratch / "triton"),
    }
    return Launcher(
        root=root, variables={**variables(left_out), **caches}, compiled=compiled, log=scratch / "workers.log"
    )
