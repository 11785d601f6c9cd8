"""Which devices there are, how one is waited for, and what it offers: torch's functions, then its backend's.

One code path for ``cpu`` and whatever ``torch.accelerator`` knows; what a backend lacks is found by trying.
"""

from __future__ import annotations

import importlib
import re
from collections.abc import Callable, Iterator
from functools import partial
from types import ModuleType
from typing import Any

import torch

OUT_OF_TREE = {"vulkan": "torchvulkan"}
"""Device name -> the module whose import registers it. Imported only when the device is named."""

IN_TREE = ("cuda", "mps", "xpu", "mtia", "hpu")
"""Accelerators that torch itself knows; several kinds can be in one machine."""


FAILED = "compile error"
"""Inductor's message begins so; the compiler's own follows a command of many lines."""

COMPILERS_CAUSE = re.compile(r"error: |No space left|No such file|Permission denied|not found|cannot ", re.IGNORECASE)


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
        (torch.ones(2, dtype=torch.float32, device=device) + 1).sum().item()
    except Exception as error:
        if is_out_of_memory(error):  # it is there, and somebody else fills it
            raise
        raise UnknownDeviceError(f"{name} is not usable here: {first_line(error)}") from error
    return device


def list_devices() -> list[str]:
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


def module_of(device: torch.device) -> ModuleType | None:
    """Return the module that a backend brings for its devices; None if it has none."""
    try:
        return torch.get_device_module(device)
    except RuntimeError:  # a backend without a module of its own
        return None


def first_line(error: BaseException) -> str:
    """Return an exception as one line: its kind and the first line of its message.

    Where that only says that a compiler failed, the last line follows in which the compiler says why.
    """
    lines = str(error).strip().splitlines()
    if not lines:
        return type(error).__name__
    causes = [line.strip() for line in lines[1:] if COMPILERS_CAUSE.search(line)] if FAILED in lines[0].lower() else []
    return f"{type(error).__name__}: {lines[0][:300]}" + (f": {causes[-1][:300]}" if causes else "")
