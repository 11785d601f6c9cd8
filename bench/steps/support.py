"""Does a dtype, or a compile mode, work on a device at all? It is found by trying a tiny network, never by a table."""

from __future__ import annotations

from functools import cache

import torch
from torch import nn

from bench.devices.backend import first_line
from bench.devices.dtypes import TORCH_DTYPES, Dtype
from bench.devices.tf32 import NOT_ROUNDED, rounds_products, tf32
from bench.record.case import Case
from bench.steps.compiling import CompileCounts, compile_network


class SkipError(Exception):
    """This machine cannot do what the case asks for; the message is the reason."""


def try_case(case: Case, device: torch.device) -> None:
    """Do nothing if the case's dtype and compile mode work on the device.

    Raises:
        SkipError: if one of them does not, with what torch said.
    """
    if reason := _refusal(case.dtype, "off", device):
        raise SkipError(f"{case.dtype} does not work on {device}: {reason}")
    if case.compiled and (reason := _refusal("float32", case.compile, device)):
        raise SkipError(f"torch.compile ({case.compile}) does not work on {device}: {reason}")


@cache
def _refusal(dtype_name: str, compile_: str, device: torch.device) -> str | None:
    """Return what torch says against a tiny forward and backward, None if it works."""
    dtype = TORCH_DTYPES[dtype_name]
    try:
        with tf32(enabled=dtype.tf32):
            if dtype.tf32 and not rounds_products(device):
                return NOT_ROUNDED
            return _try_tiny(dtype, compile_, device)
    except Exception as error:  # noqa: BLE001  any refusal means the same: this combination is not to be had
        return first_line(error)
    finally:
        if compile_ != "off":
            torch.compiler.reset()


def _try_tiny(dtype: Dtype, compile_: str, device: torch.device) -> str | None:
    network = nn.Linear(2, 2, dtype=torch.float32, device="cpu").to(device=device, dtype=dtype.storage)
    call = network if compile_ == "off" else compile_network(network, compile_)
    graphs = CompileCounts.now().graphs
    with torch.autocast(device.type, dtype=dtype.compute, enabled=dtype.amp):
        out = call(torch.ones(2, 2, device=device, dtype=dtype.storage))
    out.float().sum().backward()
    if not torch.isfinite(out.detach().float().cpu()).all():
        return "it answers with numbers that are not finite"
    if compile_ != "off" and CompileCounts.now().graphs == graphs:
        return "it compiled nothing and ran eagerly"
    return None
