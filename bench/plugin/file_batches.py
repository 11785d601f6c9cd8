"""Batch sizes of models whose file says its own: asked of a process that imports them, since this one never does."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence

from bench.host.environment_variables import importing
from bench.host.folders import ROOT
from bench.record.spec import Kind
from bench.request import Request

UNKNOWN_BATCH = 1
"""A file that cannot be asked has one case, which says why it cannot be measured."""


def batches_of(request: Request) -> Callable[[str], Sequence[int]]:
    """Return what gives the batch sizes of a model: those that were asked for, or the one that its file says."""
    own = {spec.id: spec.text for spec in request.models if spec.kind is Kind.PROTOCOL}
    said = _ask(request, own) if own else {}
    return lambda model: (said.get(model, UNKNOWN_BATCH),) if model in own else request.batches


def _ask(request: Request, texts: Mapping[str, str]) -> dict[str, int]:
    """Return the batch that each file says; a file that says none, crashes or takes too long is left out."""
    said: dict[str, int] = {}
    for name, text in texts.items():
        command = [sys.executable, "-m", "bench.steps", str(request.project.folder), request.project.src or "", text]
        try:
            done = subprocess.run(
                command,
                cwd=ROOT,
                env=importing(),
                stdin=subprocess.DEVNULL,
                capture_output=True,
                timeout=request.settings.timeout_seconds,
                check=True,
            )
            said[name] = int(json.loads(done.stdout.splitlines()[-1])["batch"])
        except (OSError, subprocess.SubprocessError, ValueError, KeyError, TypeError, IndexError):
            continue
    return said
