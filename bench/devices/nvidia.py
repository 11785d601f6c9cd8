"""What NVIDIA's management library knows of a card beside torch: driver, clocks, power, temperature, throttling.

Needs the package ``nvidia-ml-py`` (the extra ``nvidia``); without it, or on another card, everything is absent.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

import torch

from bench.record.conditions import Scalar

THROTTLING = {
    "SwPowerCap": "the power limit",
    "HwSlowdown": "the hardware's protection",
    "SwThermalSlowdown": "the temperature, by the driver",
    "HwThermalSlowdown": "the temperature",
    "HwPowerBrakeSlowdown": "the power supply",
}
"""Reasons for lowered clocks that make a figure worse, by the end of their names; an idle card's are none of them."""


def facts(device: torch.device) -> dict[str, Scalar]:
    """Return driver, limits and state of a card, by short name; empty where the library does not answer."""
    nvml, card = _card(device)
    if card is None:
        return {}
    wanted: Mapping[str, Callable[[], Scalar]] = {
        "driver": lambda: _text(nvml.nvmlSystemGetDriverVersion()),
        "power_limit_watts": lambda: nvml.nvmlDeviceGetEnforcedPowerLimit(card) / 1000,
        "most_clock_hertz": lambda: 1e6 * nvml.nvmlDeviceGetMaxClockInfo(card, nvml.NVML_CLOCK_SM),
        "clock_hertz_at_start": lambda: 1e6 * nvml.nvmlDeviceGetClockInfo(card, nvml.NVML_CLOCK_SM),
        "celsius_at_start": lambda: int(nvml.nvmlDeviceGetTemperature(card, nvml.NVML_TEMPERATURE_GPU)),
    }
    facts_of_card: dict[str, Scalar] = {}
    for name, ask in wanted.items():
        try:
            facts_of_card[name] = ask()
        except nvml.NVMLError as error:
            facts_of_card |= {name: None, f"{name}.reason": f"nvidia-ml-py: {error}"}
    return facts_of_card


def throttled(device: torch.device) -> tuple[str, ...]:
    """Return why a card's clocks are lowered at this moment; empty if they are not, or nobody tells."""
    nvml, card = _card(device)
    if card is None:
        return ()
    try:
        bits = nvml.nvmlDeviceGetCurrentClocksThrottleReasons(card)
    except nvml.NVMLError:
        return ()
    return tuple(
        reason for name, reason in THROTTLING.items() if bits & getattr(nvml, f"nvmlClocksThrottleReason{name}", 0)
    )


@cache
def _card(device: torch.device) -> tuple[Any, Any]:
    """Return the library and its handle of a card; None for a card that it does not know."""
    if device.type != "cuda" or torch.version.hip:
        return None, None
    try:
        nvml: Any = importlib.import_module("pynvml")
    except ImportError:
        return None, None
    try:
        nvml.nvmlInit()
        index = torch.cuda.current_device() if device.index is None else device.index
        uuid = f"GPU-{torch.cuda.get_device_properties(index).uuid}"  # CUDA_VISIBLE_DEVICES renumbers cards
        return nvml, nvml.nvmlDeviceGetHandleByUUID(uuid)
    except (nvml.NVMLError, AttributeError, TypeError):
        return nvml, None


def _text(text: str | bytes) -> str:
    return text.decode() if isinstance(text, bytes) else text
