"""Can a case be measured at all? Dtype and compile mode are tried on a tiny network, never looked up in a table.

Whether there is something to differentiate is seen on the network itself.
"""

from __future__ import annotations

from functools import cache

import torch
from torch import Tensor, nn

from bench.devices.backend import first_line
from bench.devices.dtypes import TORCH_DTYPES, Dtype
from bench.devices.tf32 import NOT_ROUNDED, rounds_products, tf32
from bench.record.case import Case
from bench.steps.compiling import CompileCounts, compile_network

NOTHING_TO_DIFFERENTIATE = "the network has no parameter that requires a gradient: there is nothing to differentiate by"

OUTPUT_WITHOUT_GRADIENT = (
    "the loss depends on no parameter that requires a gradient, as where the output is whole numbers alone: there is "
    "nothing to differentiate"
)


class SkipError(Exception):
    """This machine, or this network, cannot do what the case asks for; the message is the reason."""


def check_gradient(network: nn.Module, loss: Tensor) -> None:
    """Do nothing if a loss can be differentiated by a parameter of its network.

    Raises:
        SkipError: if it cannot; torch's own word is of an element 0 that does not require grad.
    """
    if not any(parameter.requires_grad for parameter in network.parameters()):
        raise SkipError(NOTHING_TO_DIFFERENTIATE)
    if not loss.requires_grad:
        raise SkipError(OUTPUT_WITHOUT_GRADIENT)


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
