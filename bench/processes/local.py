"""Starts, pauses and ends workers on this machine, and carries the lines of `bench.protocol` to them and back."""

from __future__ import annotations

import os
import selectors
import socket
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

from bench.host.environment_variables import importing
from bench.host.patience import Patience
from bench.processes.replies import decode_reply
from bench.protocol import Exit, Failure, Reap, Request, Signal, Start, Warm, encode_request

R = TypeVar("R")

START_SECONDS = 300.0
"""Limit for a launcher's imports and first compile on a slow machine."""

END_SECONDS = 10.0
"""How long a worker that was told to leave may take before it is killed."""


class WorkerDiedError(Exception):
    """The worker's process ended while it was asked something; the message says how."""


class WorkerTimeoutError(Exception):
    """The worker did not answer in time; it has been killed."""


class AskedToStopError(Exception):
    """The run was asked to stop while a worker was busy; it has been killed."""


MOST_WORDS = 300
"""So many characters of a line that a process printed fit into a reason."""


class LaunchError(Exception):
    """No worker could be started: nothing can be measured."""


class Launcher:
    """One executed launcher: an interpreter and its environment variables, from which workers are made."""

    def __init__(
        self,
        *,
        root: Path,
        variables: Mapping[str, str],
        compiled: bool,
        log: Path,
        python: str = sys.executable,
        wake: int | None = None,
    ) -> None:
        """Execute it and wait until it is ready.

        Args:
            root: the checkout whose ``models`` and ``bench`` the workers import.
            variables: environment variables, added to this process's.
            compiled: whether workers will compile.
            python: the interpreter.
            log: where whatever the workers print is appended.
            wake: a descriptor that becomes readable when nobody should wait for a worker any longer.

        Raises:
            LaunchError: if it does not come up.
        """
        ours, theirs = socket.socketpair()
        self._channel = ours
        self._log = log
        self._wake = wake
        with theirs, log.open("ab") as output:
            try:
                self._process = subprocess.Popen(
                    [python, "-m", "bench.processes.launcher", str(theirs.fileno()), str(os.getpid())],
                    pass_fds=(theirs.fileno(),),
                    cwd=root,
                    env={**importing(), **variables},
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=output,
                    start_new_session=True,
                )
            except OSError as error:
                ours.close()
                raise LaunchError(f"{python} cannot be executed: {error.strerror}") from error
        warmed = self.call(Warm(compiled=compiled))
        self.compile_seconds = warmed.compile_seconds
        self.may_fork = warmed.may_fork
        self.has_accelerator = warmed.has_accelerator

    def call(self, request: Request[R], descriptor: int | None = None) -> R:
        """Return the reply to a request, with which a worker's descriptor may be sent.

        Raises:
            LaunchError: if the launcher is gone, or answers nonsense.
        """
        try:
            self._channel.settimeout(START_SECONDS)
            socket.send_fds(self._channel, [encode_request(request)], [] if descriptor is None else [descriptor])
            message = Patience(START_SECONDS).wait(self._receive, TimeoutError)
        except TimeoutError as error:
            self.close()
            raise LaunchError(f"the launcher does not answer within {START_SECONDS:g} s") from error
        except OSError:  # it closed its end
            message = b""
        if not message:
            self.close()
            raise LaunchError(
                f"the launcher ended with code {self._process.returncode}: {self.last_words() or 'it said nothing'}"
            )
        reply = decode_reply(request, message)
        if isinstance(reply, Failure):
            self.close()
            raise LaunchError(f"the launcher: {reply.reason}")
        return reply

    def _receive(self, seconds: float) -> bytes:
        self._channel.settimeout(seconds)
        return self._channel.recv(1 << 16)

    @property
    def alive(self) -> bool:
        """Whether the launcher can be asked for workers."""
        return self._process.poll() is None and self._channel.fileno() >= 0

    def start(self, *, fork: bool, root: Path | None = None) -> WorkerProcess:
        """Return a fresh worker.

        Args:
            fork: whether to fork it from the launcher; otherwise it is executed from nothing.
            root: where it imports ``models`` from; None for the launcher's own root.
        """
        ours, theirs = socket.socketpair()
        with theirs:
            started = self.call(Start(fork=fork, root=None if root is None else str(root)), theirs.fileno())
        return WorkerProcess(self, started.pid, ours, self._wake)

    def close(self) -> None:
        """End the launcher and with it every worker that is left."""
        self._channel.close()
        try:
            self._process.wait(END_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def log_bytes(self) -> int:
        """How long the log is by now."""
        return self._log.stat().st_size if self._log.exists() else 0

    def last_words(self, since: int = 0) -> str | None:
        """Return the last line of the log after its first `since` bytes; None if there is none."""
        with self._log.open("rb") as file:
            file.seek(since)
            lines = file.read().decode(errors="replace").strip().splitlines()
        return lines[-1].strip()[:MOST_WORDS] if lines else None


class WorkerProcess:
    """A worker, seen from here: asked one thing at a time."""

    def __init__(self, launcher: Launcher, pid: int, channel: socket.socket, wake: int | None = None) -> None:
        self.pid = pid
        self._launcher = launcher
        self._log_began = launcher.log_bytes
        self._channel = channel
        self._buffer = b""
        self._alive = True
        self._paused = False
        self._selector = selectors.DefaultSelector()
        self._selector.register(channel, selectors.EVENT_READ)
        if wake is not None:
            self._selector.register(wake, selectors.EVENT_READ)

    def ask(self, request: Request[R], timeout_seconds: float) -> R | Failure:
        """Return the reply to a request.

        Raises:
            WorkerDiedError: if the worker ended instead.
            WorkerTimeoutError: if it took longer than `timeout_seconds`.
            AskedToStopError: if the run was asked to stop meanwhile; the worker is gone then.
        """
        self.send(request)
        return self.receive(request, timeout_seconds)

    def send(self, request: Request[Any]) -> None:
        """Ask, without waiting for the reply, which `receive` returns.

        Raises:
            WorkerDiedError: if the worker has ended.
        """
        try:
            self._channel.sendall(encode_request(request))
        except OSError as error:
            raise WorkerDiedError(self._reaped()) from error

    def receive(self, request: Request[R], timeout_seconds: float) -> R | Failure:
        """Return the reply to what was sent last; raises as `ask`."""
        patience = Patience(timeout_seconds)
        while b"\n" not in self._buffer:
            try:
                ready = patience.wait(self._wait_for_anything, TimeoutError)
            except TimeoutError as error:
                self.kill()
                raise WorkerTimeoutError(f"no answer within {timeout_seconds:g} s") from error
            if self._channel not in ready:
                self.kill()
                raise AskedToStopError
            try:
                chunk = self._channel.recv(1 << 16)
            except OSError:
                chunk = b""
            if not chunk:
                raise WorkerDiedError(self._reaped())
            self._buffer += chunk
        line, _, self._buffer = self._buffer.partition(b"\n")
        return decode_reply(request, line)

    @property
    def channel(self) -> socket.socket:
        """Return what becomes readable when the worker answers or ends."""
        return self._channel

    @property
    def spent(self) -> bool:
        """Whether it cannot be asked any more."""
        return not self._alive

    def _wait_for_anything(self, seconds: float) -> Sequence[object]:
        """Return the descriptors from which something can be read.

        Raises:
            TimeoutError: if there is none within so many seconds.
        """
        ready = [key.fileobj for key, _ in self._selector.select(seconds)]
        if not ready:
            raise TimeoutError
        return ready

    def pause(self) -> None:
        """Suspend the process, spinning threads and all."""
        self._signal("SIGSTOP")
        self._paused = True

    def resume(self) -> None:
        """Let a suspended process go on."""
        self._signal("SIGCONT")
        self._paused = False

    def end(self) -> None:
        """Ask the worker to leave and wait until it has; kill it if it does not, or cannot since it is suspended."""
        if not self._alive:
            return
        if self._paused:
            self.kill()
            return
        try:
            self._channel.sendall(encode_request(Exit()))
            self._selector.select(END_SECONDS)
            self.kill()
        except OSError:
            self._reaped()

    def kill(self) -> None:
        """Kill the process and wait until it is gone."""
        if self._alive:
            with suppress(LaunchError):  # it took its workers with it
                self._signal("SIGKILL")
            self._reaped()

    def _signal(self, name: str) -> None:
        if self._alive:
            self._launcher.call(Signal(pid=self.pid, name=name))

    def _reaped(self) -> str:
        if not self._alive:
            return "the worker had ended before"
        self._alive = False
        self._selector.close()
        self._channel.close()
        try:
            ended = self._launcher.call(Reap(pid=self.pid)).ended
        except LaunchError as error:  # it took its workers with it
            return str(error)
        words = self._launcher.last_words(self._log_began)
        return f"the worker's process ended with {ended}" + (f": {words}" if words else "")
