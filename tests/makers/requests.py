"""Requests as a command line would make them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from bench.host.folders import ROOT
from bench.record.arm import Arm, Side
from bench.record.conditions import Settings
from bench.record.spec import parse_specs
from bench.request import GateQuestion, Project, Request, RunQuestion

RUN = RunQuestion(resume=False, retry=False)
GATE = GateQuestion(
    arms={Side.BASE: Arm(ref="main"), Side.HEAD: Arm()},
    from_branch_point=True,
    strict=False,
    add_blocks=False,
    exhaust=False,
    detect=None,
    by_scatter=False,
)


def made_request(**changes: Any) -> Request:
    """Return a request for two cases on the CPU and random images, but for these fields."""
    fields: dict[str, Any] = {
        "models": parse_specs(("mlp",), ("mlp",)),
        "fed_images": True,
        "project": Project(folder=ROOT, src=None, own=True),
        "shape": None,
        "steps": ("forward",),
        "batches": (64,),
        "devices": ("cpu",),
        "dtypes": None,
        "compiles": ("off",),
        "layouts": ("contiguous",),
        "threads": None,
        "compile_named": False,
        "required": (),
        "settings": Settings(launches=2),
        "data": "random",
        "data_root": Path("data"),
        "download": False,
        "unsteady": (),
        "question": RUN,
    }
    return Request(**{**fields, **changes})
