"""``python -m bench.devices`` answers a process that has no torch."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest
import torch

from bench.devices import backend
from bench.devices.__main__ import report
from bench.host.folders import ROOT


def test_report_names_what_is_there_and_what_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """A device that is named and usable is in neither list of refusals; one that is not has its reason."""
    monkeypatch.setattr(torch.accelerator, "current_accelerator", lambda: torch.device("xpu"))
    monkeypatch.setattr(backend, "_is_available", lambda _: False)
    monkeypatch.setattr(backend, "_device_count", lambda _: 2)
    answer = report(["cpu", "nonsense"])
    assert answer.keys() == {"found", "refused"}
    assert answer["found"] == ["cpu", "xpu:0", "xpu:1"]
    refused = answer["refused"]
    assert isinstance(refused, dict)
    assert refused.keys() == {"nonsense"}
    assert refused["nonsense"].startswith("nonsense is not usable here: ")


def test_probe_program_prints_one_line_of_json() -> None:
    """The pytest process, which has no torch, reads it."""
    command = [sys.executable, "-m", "bench.devices", "nonsense"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    assert json.loads(done.stdout)["refused"].keys() == {"nonsense"}
