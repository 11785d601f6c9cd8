"""A process of its own that prepares cases and times one slice when asked; one JSON line in, one out.

Forked from the launcher, or executed as ``python -m bench.worker.serve FD PARENT`` where forking is unsafe.
"""

from __future__ import annotations

import gc
import json
import os
import socket
import sys
from collections.abc import Callable

from bench.devices.backend import UnknownDeviceError, first_line, is_out_of_memory
from bench.host.lifetime import die_first, die_with_parent, ignore_terminal
from bench.record.run import Outcome
from bench.steps.support import SkipError
from bench.steps.verify import WrongResultError
from bench.worker.worker import Reply, Worker


def classify(error: BaseException) -> tuple[Outcome, str]:
    """Return the outcome and the one-line reason that an exception stands for."""
    if isinstance(error, SkipError | UnknownDeviceError):
        return Outcome.SKIPPED, str(error)
    if isinstance(error, WrongResultError):
        return Outcome.WRONG_RESULT, str(error)
    if is_out_of_memory(error):
        return Outcome.OUT_OF_MEMORY, first_line(error)
    return Outcome.FAILED, first_line(error)


def serve(channel: socket.socket) -> None:
    """Answer requests until the other side closes its end or says exit."""
    worker: Worker | None = None
    with channel.makefile("rwb") as stream:
        for line in stream:
            request = json.loads(line)
            name = request.pop("do")
            try:
                if name == "exit":
                    return
                if name == "open":
                    worker = Worker(**request)
                    reply = {}
                else:
                    reply = _handler(worker, name)(**request)
            except Exception as error:  # noqa: BLE001  whatever a case raises is that case's outcome
                outcome, reason = classify(error)
                reply = {"outcome": outcome, "reason": reason}
            stream.write(json.dumps(reply).encode() + b"\n")
            stream.flush()


def _handler(worker: Worker | None, name: str) -> Callable[..., Reply]:
    if worker is None:
        raise RuntimeError(f"{name!r} was asked before a device was opened")
    handlers: dict[str, Callable[..., Reply]] = {
        "prepare": worker.prepare,
        "probe": worker.probe,
        "slice": worker.slice,
        "yardstick": worker.yardstick,
        "drop": worker.drop,
        "facts": worker.facts,
        "models": worker.models,
        "counts": worker.counts,
        "ceilings": worker.ceilings,
    }
    return handlers[name]


def main(descriptor: int, parent: int) -> None:
    """Bind this process to its parent's life, keep its output off the terminal, and serve."""
    die_with_parent(parent)
    ignore_terminal()
    die_first()
    os.dup2(os.open(os.devnull, os.O_RDWR), 0)
    gc.freeze()  # what was imported is never garbage: a collection looks at cases only
    with socket.socket(fileno=descriptor) as channel:
        serve(channel)


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
