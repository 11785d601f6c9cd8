"""What torch and a device say of themselves: versions, names, memory, make, driver and precision."""

from __future__ import annotations

from pathlib import Path

import torch

from bench.devices import nvidia
from bench.devices.backend import module_of
from bench.devices.memory import total_bytes
from bench.host.processor import processor
from bench.record.conditions import Scalar

PRODUCT_ROWS = 512
"""A product of square matrices of this size is shared among all threads that there are."""

PROPERTIES = ("multi_processor_count", "gcnArchName", "driver_version", "max_compute_units", "L2_cache_size")
"""These parts of a backend's own description of a device can move a figure; each backend has some of them."""


def torch_facts(device: torch.device) -> dict[str, Scalar]:
    """Return what torch says about itself and about one device; called inside a worker."""
    return {
        "torch.build": str(torch.__version__),
        "torch.git": torch.version.git_version,
        "torch.cuda": torch.version.cuda,
        "torch.threads": torch.get_num_threads(),
        **count_running_threads(),
        "torch.matmul_precision": torch.get_float32_matmul_precision(),
        "torch.deterministic": torch.are_deterministic_algorithms_enabled(),
        **{f"device.{device}.{name}": value for name, value in device_facts(device).items()},
    }


def count_running_threads() -> dict[str, Scalar]:
    """Return on how many threads a large product really runs: what torch was asked for may be limited elsewhere."""
    tasks = Path("/proc/self/task")
    if not tasks.is_dir():
        return {"torch.threads_running": None, "torch.threads_running.reason": "only Linux tells a process's threads"}
    before = len(list(tasks.iterdir()))
    square = torch.ones(PRODUCT_ROWS, PRODUCT_ROWS, dtype=torch.float32, device="cpu")
    torch.mm(square, square)
    return {"torch.threads_running": len(list(tasks.iterdir())) - before + 1}


def describe(device: torch.device) -> str:
    """Return what people call this device: the processor's or the card's name."""
    if device.type == "cpu":
        return processor()
    module = module_of(device)
    for name in ("get_device_name", "device_name"):
        ask = getattr(module, name, None)
        if ask is None:
            continue
        try:
            return str(ask(device.index or 0))
        except (RuntimeError, TypeError):  # this backend asks differently
            continue
    return device.type


def device_facts(device: torch.device) -> dict[str, Scalar]:
    """Return what is known of a device; a fact that nobody tells is None, with its reason under ``NAME.reason``."""
    facts: dict[str, Scalar] = {"description": describe(device)}
    if device.type == "cpu":
        return facts
    memory = total_bytes(device)
    facts["memory_bytes"] = memory
    if memory is None:
        facts["memory_bytes.reason"] = "its backend does not tell"
    facts |= _properties(device)
    if device.type == "cuda":
        facts["tf32"] = torch.backends.cuda.matmul.allow_tf32
        facts["runtime"] = torch.version.hip or torch.version.cuda
        facts |= nvidia.facts(device)
        if "driver" not in facts:
            facts |= {"driver": None, "driver.reason": "nvidia-ml-py does not answer: install the extra nvidia"}
    return facts


def _properties(device: torch.device) -> dict[str, Scalar]:
    ask = getattr(module_of(device), "get_device_properties", None)
    try:
        properties = ask(device) if ask else None
    except (RuntimeError, TypeError, ValueError, AssertionError):  # this backend asks differently
        return {}
    facts: dict[str, Scalar] = {}
    for name in PROPERTIES:
        value = getattr(properties, name, None)
        if isinstance(value, str | int | float | bool) and value != getattr(
            properties, "name", None
        ):  # CUDA's gcnArchName
            facts[name] = value
    if isinstance(major := getattr(properties, "major", None), int):
        facts["capability"] = f"{major}.{getattr(properties, 'minor', 0)}"
    return facts
