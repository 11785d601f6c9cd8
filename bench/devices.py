"""Everything that talks to an accelerator: which there are, waiting for one, its clock, its memory, its name.

``python -m bench.devices [NAME ...]`` prints which devices there are, and why a named one is not.
One code path for ``cpu`` and whatever ``torch.accelerator`` knows; what a backend lacks is found by trying.
"""

from __future__ import annotations

import importlib
import json
import sys
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from statistics import median
from time import perf_counter
from types import ModuleType
from typing import Any

import torch

from bench.environment import processor

OUT_OF_TREE = {"vulkan": "torchvulkan"}
"""Device name -> the module whose import registers it. Imported only when the device is named."""

IN_TREE = ("cuda", "mps", "xpu", "mtia", "hpu")
"""Accelerators that torch itself knows; several kinds can be in one machine."""

Clock = Callable[[], float]
"""Answers seconds on a monotonic clock, after everything queued on its device has finished."""


class UnknownDeviceError(Exception):
    """The device is not there; the message says how that was found."""


def load(name: str) -> torch.device:
    """Return a device by the name torch has for it, importing its backend if that lives outside torch.

    Raises:
        UnknownDeviceError: if nothing can be computed there.
    """
    kind = name.partition(":")[0]
    try:
        if kind in OUT_OF_TREE:
            importlib.import_module(OUT_OF_TREE[kind])
        device = torch.device(name)
        (torch.ones(2, device=device) + 1).sum().item()
    except Exception as error:
        if is_out_of_memory(error):  # it is there, and somebody else fills it
            raise
        raise UnknownDeviceError(f"{name} is not usable here: {first_line(error)}") from error
    return device


def found() -> list[str]:
    """Return the devices of this machine: ``cpu`` first, then the current accelerator, then every other."""
    current = torch.accelerator.current_accelerator()
    kinds = [] if current is None else [current.type]
    kinds += [kind for kind in IN_TREE if kind not in kinds and _is_available(kind)]
    names = ["cpu"]
    for kind in kinds:
        count = _device_count(kind)
        names += [kind] if count == 1 else [f"{kind}:{index}" for index in range(count)]
    return names


def _is_available(kind: str) -> bool:
    try:
        return bool(torch.get_device_module(kind).is_available())
    except (RuntimeError, AttributeError):  # torch was built without it
        return False


def _device_count(kind: str) -> int:
    try:
        return int(torch.get_device_module(kind).device_count())
    except (RuntimeError, AttributeError):
        return 1


def clock(device: torch.device) -> Clock:
    """Return the one clock of a device: the host's, read after the device has caught up.

    Device events are not used here: MPS events in torch 2.14 can hang or run backwards.
    """
    if device.type == "cpu":
        return perf_counter
    synchronize = synchronizer(device)

    def read() -> float:
        synchronize()
        return perf_counter()

    return read


def synchronizer(device: torch.device) -> Callable[[], None]:
    """Return a function that waits until everything queued on `device` has finished; nothing to wait for on a CPU.

    Raises:
        UnknownDeviceError: if the backend offers no way to wait, since nothing could be timed on it.
    """
    if device.type == "cpu":
        return lambda: None
    for wait in offers(device, "synchronize"):
        try:
            wait()
        except (RuntimeError, TypeError, ValueError, NotImplementedError):  # its owner does not know this backend
            continue
        return wait
    raise UnknownDeviceError(f"{device}: its backend cannot synchronise, so nothing can be timed on it")


def offers(device: torch.device, name: str) -> Iterator[Callable[[], Any]]:
    """Yield the ways to call a function of this name for a device: torch's own, then the backend's.

    Torch's own is always told the device: without one it would answer for the current accelerator, whichever that is.
    """
    own, backends = getattr(torch.accelerator, name, None), getattr(module_of(device), name, None)
    if callable(own):
        yield partial(own, device)
    if callable(backends):
        yield partial(backends, device)
        yield backends


def slowed(read: Clock, share: float) -> Clock:
    """Return a clock between whose reads, taken in pairs, a busy wait makes everything `share` slower.

    This is how a known slowdown is put where a real one would be: between the two reads, on this processor.
    """
    begin: float | None = None

    def slow() -> float:
        nonlocal begin
        now = read()
        if begin is None:
            begin = now
            return now
        until = now + (now - begin) * share
        begin = None
        while perf_counter() < until:
            pass
        return read()

    return slow


def clock_cost(read: Clock, samples: int = 101) -> float:
    """Return what one pair of reads costs when nothing is queued: the median of `samples`, in seconds."""
    read()
    costs = []
    for _ in range(samples):
        begin = read()
        costs.append(read() - begin)
    return median(costs)


def release_memory(device: torch.device) -> None:
    """Give cached device memory back to the system, where the backend can."""
    if device.type == "cpu":
        return
    for owner in (torch.accelerator, module_of(device)):
        empty = getattr(owner, "empty_cache", None)
        if empty is None:
            continue
        try:
            empty()
        except (RuntimeError, NotImplementedError):  # no caching allocator behind this name
            continue
        return


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an exception says that memory ran out, on whichever device."""
    if isinstance(error, MemoryError | torch.OutOfMemoryError):
        return True
    text = str(error).lower()
    return isinstance(error, RuntimeError) and ("out of memory" in text or "can't allocate memory" in text)


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


def module_of(device: torch.device) -> ModuleType | None:
    """Return the module that a backend brings for its devices; None if it has none."""
    try:
        return torch.get_device_module(device)
    except RuntimeError:  # a backend without a module of its own
        return None


def first_line(error: BaseException) -> str:
    """Return an exception as one line: its kind and the first line of its message."""
    lines = str(error).strip().splitlines()
    return f"{type(error).__name__}: {lines[0][:300]}" if lines else type(error).__name__


def report(named: Sequence[str]) -> dict[str, object]:
    """Return the devices of this machine, and why each named one that cannot be used is refused."""
    refused = {}
    for name in named:
        try:
            load(name)
        except UnknownDeviceError as error:
            refused[name] = str(error)
    return {"found": found(), "refused": refused}


if __name__ == "__main__":
    print(json.dumps(report(sys.argv[1:])))
