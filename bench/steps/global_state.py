"""What a model's code can leave behind in its process beside its answer: global settings, and modules from elsewhere.

It is read and named, and never undone: it is what the user's program does.
"""

from __future__ import annotations

import gc
import getpass
import os
import signal
import site
import sys
import sysconfig
import tempfile
import threading
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.machinery import all_suffixes
from pathlib import Path
from types import ModuleType

import torch
from torch.nn.modules import module as torch_module

from bench.record.conditions import veil

FLAGS = ("allow", "enabled", "determ", "benchmark", "precision", "sdp")
"""torch tells its global flags through functions without arguments that have one of these words in their names."""

OURS = ("TORCH", "_TORCH", "TRITON", "PYTORCH", "KMP_", "OMP_")
"""The compiler sets variables of these names itself, in each process that compiles."""

SYSTEM = ("/lib", "/lib32", "/lib64", "/usr", "/dev", "/memfd:")
"""Libraries of the system itself lie here, and what has no file of its own."""

ABSENT = "not there"


@dataclass(frozen=True, slots=True)
class GlobalState:
    """What a process has that every model in it shares.

    Attributes:
        settings: global settings by name, as text.
        modules: names of the modules that are loaded.
        libraries: files of the shared libraries that are, whoever loaded them.
    """

    settings: Mapping[str, str]
    modules: frozenset[str]
    libraries: frozenset[str]

    @classmethod
    def now(cls, device: torch.device, own: Collection[Path] = ()) -> GlobalState:
        """Return it as it stands.

        Args:
            device: is asked for autocast beside the CPU.
            own: folders of the code that is timed and of what times it: that modules are found there is no news.
        """
        return cls(settings=_settings(device, own), modules=frozenset(sys.modules.copy()), libraries=_libraries())


def find_changes(before: GlobalState, after: GlobalState) -> dict[str, str]:
    """Return every setting that is not what it was, each as ``before -> after``."""
    names = dict.fromkeys((*before.settings, *after.settings))
    pairs = {name: (before.settings.get(name, ABSENT), after.settings.get(name, ABSENT)) for name in names}
    return {name: f"{was} -> {now}" for name, (was, now) in pairs.items() if was != now}


def _settings(device: torch.device, own: Collection[Path]) -> dict[str, str]:
    settings: dict[str, object] = {
        "grad mode": torch.is_grad_enabled(),
        "inference mode": torch.is_inference_mode_enabled(),
        "anomaly detection": torch.is_anomaly_enabled(),
        "default dtype": str(torch.get_default_dtype()).removeprefix("torch."),
        "default device": torch.get_default_device(),
        "threads": torch.get_num_threads(),
        "threads between operators": torch.get_num_interop_threads(),
        "denormal numbers": _denormals(),
        "modes that see every call of torch": torch._C._len_torch_function_stack(),  # noqa: SLF001
        "modes that see every operator": torch._C._len_torch_dispatch_stack(),  # noqa: SLF001
        "hooks on saved tensors": torch._C._autograd._top_saved_tensors_default_hooks(True) is not None,  # noqa: SLF001
        "garbage collector": gc.isenabled(),
        "thresholds of the garbage collector": gc.get_threshold(),
        "callbacks of the garbage collector": len(gc.callbacks),
        "profiler of Python": _name(sys.getprofile()),
        "tracer of Python": _name(sys.gettrace()),
        "switch interval of Python's threads": sys.getswitchinterval(),
        "threads of Python": _threads(),
        "child processes": _children(),
        "interval timers": [signal.getitimer(timer)[1] for timer in (signal.ITIMER_REAL, signal.ITIMER_PROF)],
        "nice value": os.getpriority(os.PRIO_PROCESS, 0),
        "working directory": _working_directory(),
        "places that modules are found in": ", ".join(
            place
            for place in map(str, sys.path[1:])
            if not is_installed(place) and not any(_is_below(place, os.fspath(folder)) for folder in own)
        ),
    }
    for kind in dict.fromkeys(("cpu", device.type)):
        enabled = torch.is_autocast_enabled(kind) if torch.amp.is_autocast_available(kind) else False
        settings[f"autocast on {kind}"] = torch.get_autocast_dtype(kind) if enabled else "off"
    settings |= {f"hooks on every module: {name}": count for name, count in _global_hooks().items()}
    settings |= {f"torch's {name.removeprefix('_get_').replace('_', ' ')}": value for name, value in _flags().items()}
    settings |= {
        f"variable {name}": veil(name, value) for name, value in os.environ.items() if not name.startswith(OURS)
    }
    if (dynamo := sys.modules.get("torch._dynamo.config")) is not None:
        settings |= {
            f"compiler's {name}": True for name in ("disable", "suppress_errors") if getattr(dynamo, name, False)
        }
    return {name: str(value) for name, value in settings.items()}


def _global_hooks() -> dict[str, int]:
    hooks = {name: getattr(torch_module, name) for name in dir(torch_module) if name.startswith("_global_")}
    return {
        name.removeprefix("_global_").replace("_", " "): len(value)
        for name, value in hooks.items()
        if isinstance(value, Collection)
    }


def _flags() -> dict[str, object]:
    """Return torch's global flags; one that cannot be told on this machine is left out."""
    flags: dict[str, object] = {}
    for name in dir(torch._C):  # noqa: SLF001
        if name.startswith("_get_") and any(word in name for word in FLAGS):
            try:
                value = getattr(torch._C, name)()  # noqa: SLF001
            except (TypeError, RuntimeError):
                continue
            if isinstance(value, bool | int | str):
                flags[name] = value
    return flags


def _denormals() -> str:
    """Return whether numbers too small to be normal are kept: torch has no function that tells."""
    smallest = torch.tensor(1e-40, dtype=torch.float32, device="cpu")
    return "kept" if float(smallest * 1.0) > 0 else "taken for 0"


def _threads() -> str:
    """Return the names of Python's threads; the compiler keeps a pool of its own, once it is loaded."""
    names = [thread.name for thread in threading.enumerate()]
    if "torch._inductor" in sys.modules:
        names = [name for name in names if not name.startswith("ThreadPoolExecutor")]
    return ", ".join(sorted(names))


def _children() -> str:
    """Return the commands of this process's children, where Linux tells them."""
    commands = []
    for path in Path("/proc/self/task").glob("*/children"):
        try:
            pids = path.read_text().split()
        except OSError:
            continue
        for pid in pids:
            try:
                commands.append(Path(f"/proc/{pid}/comm").read_text().strip())
            except OSError:
                continue
    return ", ".join(sorted(commands)) or "none"


def _working_directory() -> str:
    try:
        return os.getcwd()  # noqa: PTH109  a folder that is gone has no path
    except FileNotFoundError:
        return "gone"


def _name(function: Callable[..., object] | None) -> str:
    return "none" if function is None else getattr(function, "__qualname__", type(function).__name__)


def find_outside(before: GlobalState, after: GlobalState, inside: Collection[Path]) -> dict[str, str]:
    """Return the files of modules and libraries from neither the compared tree nor what is installed, by their names.

    Args:
        before: what was loaded when the process began.
        after: what is loaded now.
        inside: folders of the compared tree and of the engine.
    """
    known = {os.path.realpath(folder) for folder in map(str, inside)}
    loaded = {name: _file_of(sys.modules.get(name)) for name in sorted(after.modules - before.modules)}
    files = set(loaded.values())
    libraries = {Path(file).name: file for file in sorted(after.libraries - before.libraries) if file not in files}
    return {
        name: file
        for name, file in (loaded | libraries).items()
        if file is not None and not is_installed(file) and not any(_is_below(file, folder) for folder in known)
    }


def find_displaced(roots: Sequence[Path], inside: Collection[Path]) -> dict[str, str]:
    """Return the files of loaded modules that a project has itself and that come from elsewhere, by their names.

    An editable install, ``PYTHONPATH`` or an installed copy can go before the project's folder, or stand in for a part
    of it that no import reaches.

    Args:
        roots: folders of the project that its modules are imported from.
        inside: folders of the project and of the engine.
    """
    known = {os.path.realpath(folder) for folder in map(str, inside)}
    files = {name: _file_of(module) for name, module in sorted(sys.modules.copy().items())}
    return {
        name: file
        for name, file in files.items()
        if file is not None
        and not any(_is_below(file, folder) for folder in known)
        and any(_has_module(root, name) for root in roots)
        and not _is_pythons(file)
    }


def list_loaded(folder: Path, outside: Collection[Path]) -> list[Path]:
    """Return the files of modules and libraries that are loaded from below a folder, and not from below others.

    Installed packages are none of them: a virtual environment may lie in the folder.

    Args:
        folder: the folder, links in it followed.
        outside: folders in it that do not count.
    """
    root, others = os.path.realpath(folder), {os.path.realpath(path) for path in map(str, outside)}
    files = {*map(_file_of, sys.modules.copy().values()), *_libraries()}
    return [
        Path(file)
        for file in sorted(filter(None, files))
        if _is_below(file, root) and not any(_is_below(file, other) for other in others) and not _is_packaged(file)
    ]


def _has_module(root: Path, name: str) -> bool:
    """Whether a folder has a module itself, or the package at the top of its name."""
    top, _, rest = name.partition(".")
    return _has_top(root, top) or bool(rest and (root / top).is_dir() and _is_importable(root / name.replace(".", "/")))


@cache
def _has_top(root: Path, top: str) -> bool:
    """Whether a folder has a module or a package; a mere folder of that name would give way to an installed one."""
    return _is_importable(root / top)


def _is_importable(place: Path) -> bool:
    return any(Path(f"{start}{suffix}").is_file() for start in (place, place / "__init__") for suffix in all_suffixes())


def _is_pythons(file: str) -> bool:
    """Whether a file belongs to Python's own library: a project's module of that name does not stand in for it."""
    paths = sysconfig.get_paths()
    return not _is_packaged(file) and any(
        _is_below(file, os.path.realpath(paths[name])) for name in ("stdlib", "platstdlib")
    )


def _is_packaged(file: str) -> bool:
    """Whether a file lies among the packages that were installed for this interpreter."""
    return any(_is_below(file, folder) for folder in _package_folders())


@cache
def _package_folders() -> frozenset[str]:
    paths = sysconfig.get_paths()
    folders = [paths["purelib"], paths["platlib"], *site.getsitepackages(), site.getusersitepackages()]
    return frozenset(map(os.path.realpath, folders))


def is_installed(file: str) -> bool:
    """Whether a file is the system's, Python's, an installed package's or a compiler's."""
    return any(_is_below(os.path.realpath(file), folder) for folder in _installed())


@cache
def _installed() -> frozenset[str]:
    """Return the folders of Python, of installed packages, and of what the compilers write and load."""
    paths = sysconfig.get_paths()
    folders = [paths[name] for name in ("stdlib", "platstdlib", "purelib", "platlib")]
    folders += [*site.getsitepackages(), site.getusersitepackages(), str(Path(torch.__file__).parents[1])]
    folders += [os.environ[name] for name in ("TORCHINDUCTOR_CACHE_DIR", "TRITON_CACHE_DIR") if name in os.environ]
    folders += _compilers_default()
    folders += SYSTEM
    folders.append(str(Path(paths["stdlib"]).with_name(f"python{sys.version_info[0]}{sys.version_info[1]}.zip")))
    return frozenset(map(os.path.realpath, folders))


def _compilers_default() -> list[str]:
    """Return where inductor writes by default; nothing for a user without a name, as in some containers."""
    try:
        return [str(Path(tempfile.gettempdir(), f"torchinductor_{getpass.getuser()}"))]
    except (KeyError, OSError, ImportError):
        return []


def _file_of(module: ModuleType | None) -> str | None:
    """Return where a module was loaded from; None for one that is built in, or that code made.

    Its own namespace is read, since asking a lazy module for anything may import something.
    """
    file = getattr(module, "__dict__", {}).get("__file__")
    return os.path.realpath(file) if isinstance(file, str) else None


def _libraries() -> frozenset[str]:
    """Return the files of shared libraries that are loaded, where Linux tells them."""
    try:
        lines = Path("/proc/self/maps").read_text(errors="surrogateescape").splitlines()
    except OSError:
        return frozenset()
    files = (line.split(maxsplit=5)[5:] for line in lines if " r-xp " in line)
    return frozenset(file[0] for file in files if file and file[0].startswith("/"))


def _is_below(file: str, folder: str) -> bool:
    return file == folder or file.startswith(folder.rstrip(os.sep) + os.sep)
