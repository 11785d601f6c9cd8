"""The program that makes workers, executed once for each environment: ``python -m bench.processes.launcher FD PARENT``.

What OpenMP and malloc read at start-up is set before it is executed and reaches every worker.
It imports torch, torchvision where it can, and the worker's program, so that a fork is ready at once, but runs no
parallel region and no backward: after the first a forked child hangs, after the second it raises. Only it signals its
children, so that a signal can never reach a stranger that was given a dead worker's process id.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import traceback
from collections.abc import Container, Iterator
from contextlib import contextmanager, suppress
from time import monotonic, sleep
from typing import Any

from bench.host.lifetime import adopt_orphans, die_with_parent, ignore_terminal, list_children
from bench.protocol import (
    Done,
    Reap,
    Reaped,
    Reply,
    Request,
    Signal,
    Start,
    Warm,
    Warmed,
    WorkerStarted,
    decode_request,
    encode_reply,
)

MESSAGE_BYTES = 1 << 16
"""More than any request of the protocol needs; requests and replies alternate, so one read is one message."""

WORKERS: dict[int, subprocess.Popen[bytes] | None] = {}
"""Workers that have not been reaped, so that nobody else can have been given their process id; None for a fork."""

LEAVE_SECONDS = 10.0
"""How long a worker that closed its channel may take to leave; a runtime's clean-up can hang."""

CORES = os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else None
"""Where this process was allowed to run before torch was imported; None where the system does not tell."""


def warm(*, compiled: bool) -> Warmed:
    """Import what every worker needs, and compile a tiny forward so that each fork saves inductor's start-up.

    Compiling asks an accelerator's runtime what it is, and no such runtime survives a fork: beside an accelerator the
    compiler is only imported.
    """
    import torch

    with suppress(Exception):  # an arm that is fed random images need not have it, nor the one for its torch
        import torchvision.datasets  # noqa: F401  a second of every fork otherwise

    import bench.worker.serve  # noqa: F401  a tenth of a second of every fork otherwise

    begin = monotonic()
    accelerator = torch.accelerator.current_accelerator() if torch.accelerator.is_available() else None
    if compiled and accelerator is None:
        try:
            with torch.inference_mode():
                network = torch.nn.Linear(2, 2, dtype=torch.float32, device="cpu")
                torch.compile(network)(torch.ones(1, 2, dtype=torch.float32, device="cpu"))
        except Exception as error:  # noqa: BLE001  the probe will say for each device what does not work
            print(f"launcher: torch.compile did not work: {error}", file=sys.stderr)
        torch.compiler.reset()
    elif compiled:
        import torch._inductor.compile_fx
    asleep = accelerator is None or (
        accelerator.type == "cuda" and not torch.cuda.is_initialized()  # type: ignore[no-untyped-call]
    )
    return Warmed(
        compile_seconds=monotonic() - begin,
        may_fork=sys.platform == "linux" and asleep,
        has_accelerator=accelerator is not None,
    )


def fork(descriptor: int, channel: socket.socket, root: str | None) -> int:
    """Return the process id of a new worker that serves `descriptor` and imports ``models`` from `root`."""
    launcher = os.getpid()
    child = os.fork()
    if child:
        lead_group(child)
        return child
    code = 1
    try:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        lead_group(0)
        channel.close()
        if root is not None:
            sys.path[0] = root
        from bench.worker.serve import main as serve

        serve(descriptor, launcher)
        code = 0
    except BaseException:  # noqa: BLE001  the child must not go on as a second launcher
        traceback.print_exc()
    finally:
        os._exit(code)


def spawn(descriptor: int, root: str | None) -> subprocess.Popen[bytes]:
    """Return a new worker, executed from nothing in `root`, that serves `descriptor`."""
    command = [sys.executable, "-m", "bench.worker.serve", str(descriptor), str(os.getpid())]
    with on_all_cores():
        return subprocess.Popen(command, pass_fds=(descriptor,), cwd=root, process_group=0)


def lead_group(pid: int) -> None:
    """Make a process the leader of a group of its own; whatever its model starts is suspended and ended with it.

    Both sides do it, since neither knows who runs first.
    """
    with suppress(ProcessLookupError, PermissionError):  # it is gone, or has executed another program by now
        os.setpgid(pid, 0)


def signal_group(pid: int, number: int) -> None:
    """Signal a worker and whatever it started; the worker alone if it is no group's leader."""
    try:
        os.killpg(pid, number)
    except (ProcessLookupError, PermissionError):
        os.kill(pid, number)


@contextmanager
def on_all_cores() -> Iterator[None]:
    """Lift the binding of this thread to one core, which OpenMP made and an executed child would inherit."""
    if CORES is None:
        yield
        return
    bound = os.sched_getaffinity(0)
    os.sched_setaffinity(0, CORES)
    try:
        yield
    finally:
        os.sched_setaffinity(0, bound)


def reap(pid: int) -> str:
    """Wait for a worker that is leaving, kill it if it does not; return how it ended: ``SIGSEGV``, ``exit code 1``."""
    deadline = monotonic() + LEAVE_SECONDS
    while (code := ended_with_its_group(pid)) is None:
        if monotonic() > deadline:
            signal_group(pid, signal.SIGKILL)
        sleep(0.002)
    del WORKERS[pid]
    return signal.Signals(-code).name if code < 0 else f"exit code {code}"


def ended_with_its_group(pid: int) -> int | None:
    """Return a worker's exit code once it has ended, and kill what it started and left; None while it lives.

    Where the system can say that it has ended without reaping it, its number is nobody else's at that moment.
    """
    if hasattr(os, "waitid"):
        if os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None:
            return None
        kill_group(pid)
        return ended(pid)
    code = ended(pid)
    if code is not None:
        kill_group(pid)
    return code


def kill_children(but: Container[int] = ()) -> None:
    """Kill this process's children, and what they leave behind and so becomes its own; nothing where nobody tells."""
    killed: set[int] = set()
    while orphans := [pid for pid in list_children() if pid not in but and pid not in killed]:
        for orphan in orphans:
            killed.add(orphan)
            with suppress(OSError):
                os.kill(orphan, signal.SIGKILL)
                os.waitpid(orphan, 0)


def kill_group(pid: int) -> None:
    """Kill what is left of a worker's group, and what left the group and has lost its parent with it."""
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, signal.SIGKILL)
    kill_children(but=WORKERS)


def ended(pid: int) -> int | None:
    """Return a worker's exit code, negative for a signal; None while it lives."""
    spawned = WORKERS[pid]
    if spawned is not None:
        return spawned.poll()
    gone, status = os.waitpid(pid, os.WNOHANG)
    return os.waitstatus_to_exitcode(status) if gone else None


def answer(request: Request[Any], descriptors: list[int], channel: socket.socket) -> Reply:
    """Carry out one request and return its reply."""
    match request:
        case Warm():
            return warm(compiled=request.compiled)
        case Start():
            signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # from the first worker on, so that `main` ends all
            spawned = None if request.fork else spawn(descriptors[0], request.root)
            pid = fork(descriptors[0], channel, request.root) if spawned is None else spawned.pid
            os.close(descriptors[0])
            WORKERS[pid] = spawned
            return WorkerStarted(pid=pid)
        case Signal():
            signal_group(request.pid, signal.Signals[request.name])
            return Done()
        case Reap():
            return Reaped(ended=reap(request.pid))
    raise ValueError(f"a launcher is not asked for {request}")


def main(descriptor: int, parent: int) -> None:
    """Answer requests until the other side closes its end; the workers die with this process."""
    die_with_parent(parent, signal.SIGTERM)
    adopt_orphans()
    ignore_terminal()
    try:
        with socket.socket(fileno=descriptor) as channel:
            while True:
                message, descriptors, _, _ = socket.recv_fds(channel, MESSAGE_BYTES, 1)
                if not message:
                    return
                channel.sendall(encode_reply(answer(decode_request(message), descriptors, channel)))
    finally:
        for pid in WORKERS:
            with suppress(OSError):
                signal_group(pid, signal.SIGKILL)  # the kernel kills workers on Linux, and nothing that they started
        kill_children()


if __name__ == "__main__":
    code = 1
    try:
        main(int(sys.argv[1]), int(sys.argv[2]))
        code = 0
    except Exception:  # noqa: BLE001  whoever waits for it reads the last line
        traceback.print_exc()
    finally:
        os._exit(code)  # Python's own way out takes seconds once torch is imported, in which a killed run is not gone
