"""The processes of a comparison: workers, and launchers that arms of equal interpreter and environment share."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from bench.crew import steady_variables
from bench.launch import Launcher, WorkerProcess
from bench.opening import Opening
from bench.record.arm import Arm

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
