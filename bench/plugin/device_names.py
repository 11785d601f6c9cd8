"""What device names mean here: which devices there are, asked of a probe process, and which one meets a requirement.

The pytest process itself never imports torch.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence

import pytest

from bench.host.environment_variables import importing
from bench.host.folders import ROOT
from bench.host.patience import run_program
from bench.plugin.usage import usage_errors
from bench.request import Request, SetupError

KNOWN_DEVICES = ("cpu", "cuda", "mps", "xpu", "mtia", "hpu", "vulkan")
"""Kinds that are taken by name without asking torch; any other name is looked up by a probe process."""

PROBE_SECONDS = 300.0
"""Limit for a probe process to import torch and try the devices."""


def probe_devices(named: Sequence[str]) -> tuple[list[str], dict[str, str]]:
    """Ask a fresh process which devices there are.

    Args:
        named: devices to try by name.

    Returns:
        The devices found, and why each named one that cannot be used is refused.

    Raises:
        SetupError: if torch does not come up there.
    """
    command = [sys.executable, "-m", "bench.devices", *named]
    try:
        done = run_program(command, PROBE_SECONDS, cwd=ROOT, env=importing(), text=True)
        answer = json.loads(done.stdout.strip().splitlines()[-1])
    except subprocess.CalledProcessError as error:
        last = error.stderr.strip().splitlines()[-1:] or ["it said nothing"]
        raise SetupError(f"torch does not come up in a probe process: {last[0]}") from error
    except (OSError, subprocess.TimeoutExpired, ValueError, IndexError) as error:
        raise SetupError(f"no probe process answers: {error}") from error
    return answer["found"], answer["refused"]


def needs_probe(request: Request) -> bool:
    """Whether a probe process must be asked which devices there are."""
    return any(name.partition(":")[0] not in KNOWN_DEVICES for name in (*request.devices, *request.required))


def meets(device: str, required: str) -> bool:
    """Whether a device is one that is required: ``cuda:1`` is a ``cuda``, but not the other way round."""
    return device == required or device.partition(":")[0] == required


def named_devices(request: Request) -> Sequence[str]:
    """Return the devices to plan for, asking a probe process only where names alone do not say.

    Raises:
        pytest.UsageError: if a name means nothing here, or a device that is required is not planned for.
    """
    devices: Sequence[str] = request.devices
    if needs_probe(request):
        strange = [name for name in (*request.devices, *request.required) if name not in ("auto", "all")]
        with usage_errors():
            present, refused = probe_devices(strange)
        for name in strange:
            if name in refused and name.partition(":")[0] not in KNOWN_DEVICES:
                raise pytest.UsageError(f"--device: {refused[name]}; found here: {', '.join(present)}")
        if devices == ("all",):
            devices = present
        elif devices == ("auto",):
            devices = present[:2]
    for name in request.required:
        if not any(meets(device, name) for device in devices):
            raise pytest.UsageError(f"--require-device {name}: this run is for {', '.join(devices)}; see --device")
    return devices
