"""What a model's code does to its process is named: settings, hooks, modules from elsewhere; nothing is undone."""

from __future__ import annotations

import ctypes
import gc
import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

import psutil
import pytest
import torch
from torch.nn.modules.module import register_module_forward_hook
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode

from bench.steps import global_state as global_state_module
from bench.steps.global_state import GlobalState, find_changes, find_displaced, find_outside, list_loaded
from tests.makers.subjects import CPU, answer_of, case_of, step_of

ROOT = Path(__file__).resolve().parents[3]


@contextmanager
def setting(set_: Callable[[object], object], get: Callable[[], object], value: object) -> Iterator[None]:
    before = get()
    set_(value)
    try:
        yield
    finally:
        set_(before)


@contextmanager
def hooked() -> Iterator[None]:
    handle = register_module_forward_hook(lambda *_: None)
    yield
    handle.remove()


@contextmanager
def thread() -> Iterator[None]:
    stop = threading.Event()
    running = threading.Thread(target=stop.wait, name="busy")
    running.start()
    yield
    stop.set()
    running.join()


@contextmanager
def child() -> Iterator[None]:
    with subprocess.Popen(["sleep", "30"]) as process:
        yield
        process.kill()


@contextmanager
def collector_off() -> Iterator[None]:
    gc.disable()
    yield
    gc.enable()


@contextmanager
def variable() -> Iterator[None]:
    os.environ["MKL_CBWR"] = "COMPATIBLE"
    yield
    del os.environ["MKL_CBWR"]


class FunctionMode(TorchFunctionMode):
    """Sees every call of torch."""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        return func(*args, **(kwargs or {}))


class DispatchMode(TorchDispatchMode):
    """Sees every operator."""

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        return func(*args, **(kwargs or {}))


LEFT_BEHIND = {
    "grad mode: True -> False": torch.no_grad,
    "inference mode: False -> True": torch.inference_mode,
    "default dtype: float32 -> float64": lambda: setting(
        torch.set_default_dtype, torch.get_default_dtype, torch.float64
    ),
    "default device: cpu -> meta": lambda: torch.device("meta"),
    "threads: 1 -> 3": lambda: setting(torch.set_num_threads, torch.get_num_threads, 3),
    "torch's deterministic algorithms: False -> True": lambda: setting(
        torch.use_deterministic_algorithms, torch.are_deterministic_algorithms_enabled, value=True
    ),
    "torch's float32 matmul precision: highest -> medium": lambda: setting(
        torch.set_float32_matmul_precision, torch.get_float32_matmul_precision, "medium"
    ),
    "torch's cudnn benchmark: False -> True": lambda: setting(
        torch._C._set_cudnn_benchmark, torch._C._get_cudnn_benchmark, value=True
    ),
    "autocast on cpu: off -> torch.bfloat16": lambda: torch.autocast("cpu", dtype=torch.bfloat16),
    "hooks on every module: forward hooks: 0 -> 1": hooked,
    "modes that see every call of torch: 0 -> 1": FunctionMode,
    "modes that see every operator: 0 -> 1": DispatchMode,
    "hooks on saved tensors: False -> True": torch.autograd.graph.save_on_cpu,
    "anomaly detection: False -> True": torch.autograd.detect_anomaly,
    "garbage collector: True -> False": collector_off,
    "switch interval of Python's threads: 0.005 -> 0.5": lambda: setting(
        sys.setswitchinterval, sys.getswitchinterval, 0.5
    ),
    "threads of Python: MainThread -> MainThread, busy": thread,
    "child processes: none -> ": child,
    "variable MKL_CBWR: not there -> COMPATIBLE": variable,
    "denormal numbers: kept -> taken for 0": lambda: setting(torch.set_flush_denormal, lambda: False, value=True),
}


@pytest.mark.filterwarnings("ignore:Anomaly Detection")
@pytest.mark.parametrize("expected", LEFT_BEHIND)
def test_what_is_left_behind_is_named(expected: str) -> None:
    """By name, with what it was and what it is."""
    torch.set_num_threads(1)
    before = GlobalState.now(CPU)
    with LEFT_BEHIND[expected]():
        after = GlobalState.now(CPU)
    changes = [f"{name}: {change}" for name, change in find_changes(before, after).items()]
    assert any(change.startswith(expected) for change in changes), changes
    assert len(changes) <= 2, changes
    assert not find_changes(before, GlobalState.now(CPU))


@pytest.mark.parametrize("compile_", ["off", "on"])
def test_network_of_the_tutorial_leaves_nothing_behind(compile_: str) -> None:
    """Nor does whoever compiles and times it."""
    before = GlobalState.now(CPU)
    for step in ("forward", "train"):
        step_ = step_of(case_of(step, compile_=compile_))
        answer_of(step_)
        step_.timed(2)
    if compile_ == "on":
        torch.compile(torch.nn.Linear(2, 2))(torch.ones(1, 2))
        torch.compiler.reset()
    after = GlobalState.now(CPU)
    assert find_changes(before, after) == {}
    assert find_outside(before, after, [ROOT]) == {}


def test_modules_from_elsewhere_are_named_with_their_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is installed, what is compared and the engine are not elsewhere."""
    for name in ("inside/model_inside", "outside/helper_outside"):
        (tmp_path / name).parent.mkdir()
        (tmp_path / f"{name}.py").write_text("")
        monkeypatch.syspath_prepend(str((tmp_path / name).parent))
    for name in ("model_inside", "helper_outside", "colorsys", "tabulate"):
        sys.modules.pop(name, None)
    before = GlobalState.now(CPU)
    for name in ("model_inside", "helper_outside", "colorsys", "tabulate"):
        __import__(name)
    outside = find_outside(before, GlobalState.now(CPU), [tmp_path / "inside"])
    assert outside == {"helper_outside": str(tmp_path / "outside" / "helper_outside.py")}


def test_places_of_the_timed_code_are_no_news(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A project's modules are found in its tree, which has another name in each arm; any other place is named."""
    before = GlobalState.now(CPU)
    monkeypatch.setattr(sys, "path", [str(tmp_path / "slot" / "src"), *sys.path[1:], str(tmp_path / "else")])
    sys.path.insert(0, str(tmp_path / "slot"))
    changes = find_changes(before, GlobalState.now(CPU, [tmp_path / "slot"]))
    assert list(changes) == ["places that modules are found in"]
    assert changes["places that modules are found in"].endswith(str(tmp_path / "else"))
    assert str(tmp_path / "slot") not in changes["places that modules are found in"]


def test_secrets_are_named_and_not_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """An answer is posted where everybody reads it."""
    before = GlobalState.now(CPU)
    monkeypatch.setenv("HF_TOKEN", "hidden")
    assert find_changes(before, GlobalState.now(CPU)) == {"variable HF_TOKEN": "not there -> set"}


def test_odd_places_and_modules_do_not_keep_it_from_being_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """What cannot be told would be a hole in what is compared."""
    before = GlobalState.now(CPU)

    class Lazy(ModuleType):
        def __getattr__(self, name: str) -> object:
            raise ImportError(name)

    monkeypatch.setattr(sys, "path", [*sys.path, tmp_path])
    monkeypatch.setitem(sys.modules, "a_lazy_one", Lazy("a_lazy_one"))
    monkeypatch.setitem(sys.modules, "nothing_at_all", None)
    after = GlobalState.now(CPU)
    assert list(find_changes(before, after)) == ["places that modules are found in"]
    assert find_outside(before, after, []) == {}


def test_user_without_a_name_can_measure(monkeypatch: pytest.MonkeyPatch) -> None:
    """``docker run --user 1234``: the system knows no such user."""
    monkeypatch.setattr("getpass.getuser", lambda: (_ for _ in ()).throw(KeyError("uid not found: 1234")))
    global_state_module._installed.cache_clear()
    assert GlobalState.now(CPU).settings
    monkeypatch.undo()
    global_state_module._installed.cache_clear()


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells which libraries are loaded")
def test_shared_library_from_elsewhere_is_named(tmp_path: Path) -> None:
    """It is in no table of modules, and both arms would load the same one."""
    shutil.copy(min(Path(psutil.__file__).parent.glob("*.so")), tmp_path / "ops.so")
    before = GlobalState.now(CPU)
    ctypes.PyDLL(str(tmp_path / "ops.so"))
    assert find_outside(before, GlobalState.now(CPU), []) == {"ops.so": str(tmp_path / "ops.so")}


def imported_from(folder: Path, monkeypatch: pytest.MonkeyPatch, *names: str) -> None:
    """Import modules from a folder, whatever was imported under their names before."""
    monkeypatch.syspath_prepend(str(folder))
    for name in [name for name in sys.modules if name.startswith("copied_")]:
        del sys.modules[name]
    for name in names:
        __import__(name)


@pytest.fixture
def two_copies(tmp_path: Path) -> tuple[Path, Path]:
    """A project's tree, and an installed copy of what is in it; that one also has a module which the tree has not."""
    tree, installed = tmp_path / "tree", tmp_path / "site-packages"
    for name in ("src/copied_pkg/__init__.py", "src/copied_pkg/net.py", "copied_flat.py", "copied_space/data.txt"):
        (tree / name).parent.mkdir(parents=True, exist_ok=True)
        (tree / name).write_text("")
    for name in (
        "copied_pkg/__init__.py",
        "copied_pkg/made.py",
        "copied_flat.py",
        "copied_space/__init__.py",
        "copied_more.py",
    ):
        (installed / name).parent.mkdir(parents=True, exist_ok=True)
        (installed / name).write_text("")
    return tree, installed


def test_modules_of_a_project_that_come_from_elsewhere_are_displaced(
    two_copies: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """An editable install or a copy in site-packages is the same file for both arms, even where it is installed.

    A folder of data that is merely called like an installed package does not stand in for it.
    """
    tree, installed = two_copies
    names = ("copied_pkg", "copied_pkg.made", "copied_flat", "copied_space", "copied_more")
    imported_from(installed, monkeypatch, *names)
    displaced = find_displaced([tree, tree / "src"], [tree])
    assert displaced == {
        "copied_flat": str(installed / "copied_flat.py"),
        "copied_pkg": str(installed / "copied_pkg" / "__init__.py"),
        "copied_pkg.made": str(installed / "copied_pkg" / "made.py"),
    }
    assert find_displaced([tree], [tree]).keys() == {"copied_flat"}  # nothing of the project is looked for in src
    assert find_displaced([tree, tree / "src"], [tree, installed]) == {}


def test_modules_of_the_tree_itself_are_loaded_and_not_displaced(
    two_copies: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """They are what is compared, whatever link the tree was reached by."""
    tree, _ = two_copies
    slot = tree.with_name("slot")
    slot.symlink_to(tree)
    monkeypatch.syspath_prepend(str(slot / "src"))
    imported_from(slot, monkeypatch, "copied_pkg", "copied_pkg.net", "copied_flat")
    assert find_displaced([slot, slot / "src"], [slot]) == {}
    loaded = [
        tree / "copied_flat.py",
        tree / "src" / "copied_pkg" / "__init__.py",
        tree / "src" / "copied_pkg" / "net.py",
    ]
    assert list_loaded(slot, []) == loaded
    assert list_loaded(slot, [tree / "src"]) == loaded[:1]


def test_virtual_environment_in_a_project_is_no_file_of_it() -> None:
    """It usually lies there, and torch is in it."""
    environment = Path(torch.__file__).parents[1]
    assert [file for file in list_loaded(environment.parent, []) if file.is_relative_to(environment)] == []


def test_pythons_own_library_is_not_displaced_by_a_file_of_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Many projects have a ``types.py``; what torch imports is Python's."""
    (tmp_path / "colorsys.py").write_text("")
    monkeypatch.delitem(sys.modules, "colorsys", raising=False)
    __import__("colorsys")
    assert find_displaced([tmp_path], [tmp_path]) == {}
