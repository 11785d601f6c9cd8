"""Which devices there are, asked of a probe process; the pytest process itself never imports torch."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence

import pytest

from bench.host.folders import ROOT
from bench.plugin.replay import meets
from bench.request import KNOWN_DEVICES, Options, SetupError

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
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=PROBE_SECONDS, check=True)
        answer = json.loads(done.stdout.strip().splitlines()[-1])
    except subprocess.CalledProcessError as error:
        last = error.stderr.strip().splitlines()[-1:] or ["it said nothing"]
        raise SetupError(f"torch does not come up in a probe process: {last[0]}") from error
    except (OSError, subprocess.TimeoutExpired, ValueError, IndexError) as error:
        raise SetupError(f"no probe process answers: {error}") from error
    return answer["found"], answer["refused"]


def named_devices(options: Options) -> Sequence[str]:
    """Return the devices to plan for, asking a probe process only where names alone do not say.

    Raises:
        pytest.UsageError: if a name means nothing here, or a device that is required is not planned for.
    """
    devices: Sequence[str] = options.devices
    if options.needs_probe:
        strange = [name for name in (*options.devices, *options.required) if name not in ("auto", "all")]
        try:
            found, refused = probe_devices(strange)
        except SetupError as error:
            raise pytest.UsageError(str(error)) from error
        for name in strange:
            if name in refused and name.partition(":")[0] not in KNOWN_DEVICES:
                raise pytest.UsageError(f"--device: {refused[name]}; found here: {', '.join(found)}")
        if devices == ("all",):
            devices = found
        elif devices == ("auto",):
            devices = found[:2]
    for name in options.required:
        if not any(meets(device, name) for device in devices):
            raise pytest.UsageError(f"--require-device {name}: this run is for {', '.join(devices)}; see --device")
    return devices
