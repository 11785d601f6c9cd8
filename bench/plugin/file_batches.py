"""Batch sizes of models whose file says its own: asked of processes that import them, since this one never does."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from tempfile import TemporaryFile

from bench.host.environment_variables import importing
from bench.host.folders import ROOT
from bench.host.patience import Patience
from bench.record.spec import Kind
from bench.request import Request

IMPORT_SECONDS = 60.0
"""Importing torch takes less on a slow machine; --case-timeout is of what the file does after that."""

AT_ONCE = min(8, os.cpu_count() or 1)
"""So many files are asked at once: importing torch takes a core for seconds, and 300 MB."""

UNKNOWN_BATCH = 1
"""A file that cannot be asked has one case, which says why it cannot be measured."""


def batches_of(request: Request) -> Callable[[str], Sequence[int]]:
    """Return what gives the batch sizes of a model: those that were asked for, or the one that its file says."""
    own = {spec.id: spec.text for spec in request.models if spec.kind is Kind.PROTOCOL}
    with ThreadPoolExecutor(AT_ONCE) as pool:
        said = dict(zip(own, pool.map(partial(_ask, request), own.values()), strict=True))
    return lambda model: (said[model],) if model in own else request.batches


def _ask(request: Request, text: str) -> int:
    """Return the batch that a file says, `UNKNOWN_BATCH` if it says none, crashes or takes too long.

    It says it into a file: a process that it leaves behind would keep a pipe open. That process is ended.
    """
    seconds = request.settings.timeout_seconds
    where = (str(request.project.folder), request.project.src or "", text)
    with TemporaryFile() as output:
        asked = subprocess.Popen(
            [sys.executable, "-m", "bench.steps", f"{seconds:g}", *where],
            cwd=ROOT,
            env=importing(),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        try:
            code = Patience(IMPORT_SECONDS + seconds).wait(asked.wait, subprocess.TimeoutExpired)
            output.seek(0)
            return int(json.loads(output.readlines()[-1])["batch"]) if code == 0 else UNKNOWN_BATCH
        except (subprocess.TimeoutExpired, ValueError, KeyError, TypeError, IndexError):
            return UNKNOWN_BATCH
        finally:
            with suppress(ProcessLookupError):  # nothing of it is left, as a rule
                os.killpg(asked.pid, signal.SIGKILL)
            asked.wait()
