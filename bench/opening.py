"""What a fresh worker is told first: which device to open, what it is fed, and how it is held."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from bench.launch import WorkerProcess
from bench.operator import OpenError
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
            "memory_bytes": self.memory_bytes if device == "cpu" else None,
        }
        reply = worker.ask(request, self.timeout_seconds)
        if "outcome" not in reply:
            return worker, None
        worker.end()
        outcome = Outcome(reply["outcome"])
        if outcome is not Outcome.SKIPPED or launch > 0:
            raise OpenError(outcome if outcome.fault else Outcome.FAILED, str(reply["reason"]))
        return None, str(reply["reason"])
