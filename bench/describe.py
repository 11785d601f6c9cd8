"""What a device is, by short name: what people call it, its memory, its make, its driver and its precision."""

from __future__ import annotations

import torch

from bench import nvml
from bench.devices import describe, module_of
from bench.memory import total_bytes
from bench.record.conditions import Scalar

PROPERTIES = ("multi_processor_count", "gcnArchName", "driver_version", "max_compute_units", "L2_cache_size")
"""Of a backend's own description of a device, what can move a figure; each backend has some of them."""


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
        facts |= nvml.facts(device)
        if "driver" not in facts:
            facts |= {"driver": None, "driver.reason": "nvidia-ml-py does not answer: install the extra nvidia"}
    return facts


def _properties(device: torch.device) -> dict[str, Scalar]:
    ask = getattr(module_of(device), "get_device_properties", None)
    try:
        told = ask(device) if ask else None
    except (RuntimeError, TypeError, ValueError, AssertionError):  # this backend asks differently
        return {}
    facts: dict[str, Scalar] = {}
    for name in PROPERTIES:
        value = getattr(told, name, None)
        if isinstance(value, str | int | float | bool) and value != getattr(told, "name", None):  # CUDA's gcnArchName
            facts[name] = value
    if isinstance(major := getattr(told, "major", None), int):
        facts["capability"] = f"{major}.{getattr(told, 'minor', 0)}"
    return facts
