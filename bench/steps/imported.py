"""Networks of the user's own: found by a spec in the project's tree, with their inputs and their loss.

They are imported in the worker and nowhere else, from the tree that the worker was given: in a gate each arm has one.
A project may have packages that are called as ours are. Those are then what such a name means in this process, for
good: what it imports late, in the middle of a call, must be its own. Nothing of ours is imported late here.
"""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import sys
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from types import ModuleType
from typing import Any

import torch
from torch import Tensor, nn

from bench.record.spec import Kind, ModelSpec
from bench.steps.subject import Definition, Fed, Loss
from bench.steps.verify import Nested, list_tensors

CLAIMED = ("models", "bench", "reports", "tests")
"""Packages of this program; a project's own may have the same names."""

INPUTS, LOSS = "example_inputs", "loss"
"""What a network, or the file that makes it, may say of itself: functions of these names."""

PROTOCOL = ("Model", "get_inputs", "get_init_inputs")
"""What a file of KernelBench defines. Source: ScalingIntelligence/KernelBench, README."""

DEFAULT_LOSS = "its loss is the mean of all outputs: neither the network nor its file has a loss(output, *inputs)"
OF_FILE = "its batch is what its file says, whatever --batch says"


class ImportedError(Exception):
    """A network of the user's own cannot be used; the message says where, why and what to do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Project:
    """Where the code of a user's own models lies, as a worker sees it.

    Attributes:
        folder: to which specs' paths are relative.
        src: the folder below it that packages lie in; None where that is the project's own.
        shape: of one example, where a network says nothing of its inputs; None if none was given.
    """

    folder: Path
    src: str | None = None
    shape: tuple[int, ...] | None = None

    @property
    def roots(self) -> tuple[Path, ...]:
        """Where its modules are looked for, before all others."""
        return (self.folder,) if self.src is None else (self.folder / self.src, self.folder)

    @property
    def places(self) -> tuple[Path, ...]:
        """Where its modules may lie, looked for or not: what lies in ``src`` may be imported from an installed copy."""
        return (*self.roots, self.folder / "src")


def load_module(spec: ModelSpec, project: Project) -> ModuleType:
    """Return the module that a spec names, imported on the project's side.

    Raises:
        ImportedError: if there is no such file or module.
        Exception: whatever its own code raises.
    """
    if spec.kind is Kind.MODULE:
        _enter(project)
        return _import(spec.place, project)
    return load_file(project.folder / spec.place, project)


def load_file(path: Path, project: Project) -> ModuleType:
    """Return the module that a file makes: by its name where it lies in a package, so that relative imports work.

    Raises:
        ImportedError: if there is no such file.
        Exception: whatever its own code raises.
    """
    if not path.is_file():
        raise ImportedError(f"{path.name}: no such file in {path.parent}")
    package = path.parent
    while (package / "__init__.py").is_file():
        package = package.parent
    _enter(project, package)
    name = ".".join(path.relative_to(package).with_suffix("").parts)
    if package != path.parent:
        return _import(name, project)
    loaded = sys.modules.get(name)
    if loaded is not None and getattr(loaded, "__file__", None) == str(path):
        return loaded
    if loaded is not None or not name.isidentifier():  # another module is called so
        name = f"file_{sha256(bytes(path)).hexdigest()[:16]}"  # the same in every process, unlike `hash`
    return execute_file(path, name)


def execute_file(path: Path, name: str) -> ModuleType:
    """Return the module that a file makes, under a name that dataclasses and pickle find it by.

    Raises:
        Exception: whatever its own code raises.
    """
    found = importlib.util.spec_from_file_location(name, path)
    assert found is not None, "a .py file has a loader"
    assert found.loader is not None, "likewise"
    module = sys.modules[name] = importlib.util.module_from_spec(found)
    try:
        found.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    return module


def _enter(project: Project, *folders: Path) -> None:
    """Have imports find the project's modules from now on, also where they are called as ours are."""
    places = list(dict.fromkeys((*folders, *project.roots)))
    for claimed in CLAIMED:
        holder = next((place for place in places if _has(place, claimed)), None)
        named = [name for name in sys.modules if name.partition(".")[0] == claimed]
        if holder is not None and not _is_below(sys.modules.get(claimed), holder):
            _ASIDE.extend(sys.modules.pop(name) for name in named)
    first = list(map(str, places))
    sys.path[:] = [*first, *(place for place in sys.path if place not in first)]
    importlib.invalidate_caches()


_ASIDE: list[ModuleType] = []
"""Modules of ours whose names mean the project's now; what holds them goes on as before."""


def _has(folder: Path, name: str) -> bool:
    """Whether a module or package of this name lies in a folder."""
    return (folder / name).is_dir() or (folder / f"{name}.py").is_file()


def _is_below(module: ModuleType | None, folder: Path) -> bool:
    file = getattr(module, "__file__", None)
    return isinstance(file, str) and Path(file).is_relative_to(folder)


def _import(name: str, project: Project) -> ModuleType:
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name is None or not f"{name}.".startswith(f"{error.name}."):
            raise  # it is there, and lacks something itself
        package = name.partition(".")[0]
        lies = [folder for folder in ("src", "lib", "python") if (project.folder / folder / package).is_dir()]
        hint = f"; it lies in {lies[0]}: give --src {lies[0]}" if lies else ""
        raise ImportedError(f"no module {error.name!r} in {', '.join(map(str, project.roots))}{hint}") from error


def define(spec: ModelSpec, project: Project) -> Definition:
    """Return how a network of the user's own, its inputs and its loss are made.

    Raises:
        ImportedError: if something of it is missing, or is not what it must be.
        Exception: whatever its own code raises when it is imported.
    """
    module = load_module(spec, project)
    if spec.kind is Kind.PROTOCOL:
        return _define_protocol(spec, module)
    factory = find_attribute(module, spec.factory, spec.place)
    build = _builder(factory, spec.text)
    return Definition(
        build=build,
        feed=_Feed(build, module, project.shape, spec.text),
        find_loss=_LossFinder(module, spec.text),
    )


def find_attribute(module: ModuleType, dotted: str, place: str) -> Any:
    """Return what a module holds under a dotted name.

    Raises:
        ImportedError: if it holds no such thing; the functions and classes that it defines are listed.
    """
    found: Any = module
    for name in dotted.split("."):
        if not hasattr(found, name):
            made_here = [
                known
                for known, value in vars(module).items()
                if getattr(value, "__module__", None) == module.__name__
                and callable(value)
                and not known.startswith("_")
            ]
            raise ImportedError(f"{place} has no {dotted}; it defines {', '.join(made_here) or 'nothing to call'}")
        found = getattr(found, name)
    return found


def _builder(factory: Any, text: str) -> Callable[[], nn.Module]:
    """Return what makes a network, and says in one line why it makes none.

    Raises:
        ImportedError: if the factory cannot be called without arguments.
    """
    if isinstance(factory, nn.Module):
        raise ImportedError(f"{text} is a module already: name a function or class that makes a fresh one each time")
    if not callable(factory):
        raise ImportedError(f"{text} is {type(factory).__name__} and cannot be called")
    with suppress(ValueError):  # what is built in may have no signature
        try:
            inspect.signature(factory).bind()
        except TypeError as error:
            raise ImportedError(f"{text} wants arguments ({error}): name a callable without any") from error

    def build() -> nn.Module:
        network = factory()
        if not isinstance(network, nn.Module):
            raise ImportedError(f"{text} returned {type(network).__name__}, which is no torch.nn.Module")
        return network

    return build


def _define_protocol(spec: ModelSpec, module: ModuleType) -> Definition:
    """Return the definition that a file of KernelBench's protocol gives.

    Raises:
        ImportedError: if it lacks one of the protocol's names.
    """
    if missing := [name for name in PROTOCOL if not hasattr(module, name)]:
        raise ImportedError(
            f"{spec.place} has no {missing[0]}: name its factory ({spec.place}:factory), or define "
            f"{', '.join(PROTOCOL)} as KernelBench does"
        )

    def build() -> nn.Module:
        initial = module.get_init_inputs()
        named = initial if isinstance(initial, dict) else {}
        network = module.Model(*(() if named else initial), **named)
        if not isinstance(network, nn.Module):
            raise ImportedError(f"{spec.place}: Model is no torch.nn.Module")
        return network

    def feed(batch: int, seed: int, _data_root: Path | None) -> Fed:
        torch.manual_seed(seed)
        with torch.device("cpu"):
            inputs = module.get_inputs()
        if (said := find_batch(inputs)) != batch:
            raise ImportedError(f"{spec.place}: get_inputs() gives {said} examples, the case has {batch}")
        return inputs, None

    return Definition(build=build, feed=feed, find_loss=_LossFinder(module, spec.text), remarks=(OF_FILE,))


def find_batch(inputs: Nested) -> int:
    """Return how many examples inputs hold: the first dimension of the first tensor that has one."""
    return next((tensor.shape[0] for tensor in list_tensors(inputs) if tensor.dim() and tensor.shape[0]), 1)


@dataclass(frozen=True)  # its identity is what a worker keeps its inputs by
class _Feed:
    """Makes inputs: by what the network or its file says, else of the shape that was given."""

    build: Callable[[], nn.Module]
    module: ModuleType
    shape: tuple[int, ...] | None
    text: str

    def __call__(self, batch: int, seed: int, _data_root: Path | None) -> Fed:
        torch.manual_seed(seed)
        with torch.device("cpu"):
            example_inputs = find_own(self.build(), self.module, INPUTS)
            torch.manual_seed(seed)
            if example_inputs is None:
                return self._of_shape(batch), None
            inputs = example_inputs(batch)
        sizes = [tuple(tensor.shape) for tensor in list_tensors(inputs)]
        if not any(size[:1] == (batch,) for size in sizes):
            found = ", ".join(map(str, sizes[:4])) or "no tensor"
            raise ImportedError(f"{self.text}: {INPUTS}({batch}) returned {found}; none has {batch} in front")
        return inputs, None

    def _of_shape(self, batch: int) -> Tensor:
        if self.shape is None:
            raise ImportedError(
                f"{self.text}: nobody says what it is fed: define {INPUTS}(batch) on the network or in its file, or "
                "give --shape, such as 3,224,224"
            )
        return torch.randn(batch, *self.shape, dtype=torch.float32)


@dataclass(frozen=True)
class _LossFinder:
    """Finds the loss of a network: its own, its file's, or the mean of all outputs."""

    module: ModuleType
    text: str

    def __call__(self, network: nn.Module) -> tuple[Loss, str | None]:
        own = find_own(network, self.module, LOSS)
        if own is None:
            return mean_of_outputs, DEFAULT_LOSS
        text = self.text

        def loss(output: Nested, inputs: Nested) -> Tensor:
            match inputs:
                case tuple() | list():
                    value = own(output, *inputs)
                case dict():
                    value = own(output, **inputs)
                case _:
                    value = own(output, inputs)
            if not isinstance(value, Tensor) or value.dim() or not value.is_floating_point():
                what = f"a tensor of shape {tuple(value.shape)}" if isinstance(value, Tensor) else type(value).__name__
                raise ImportedError(f"{text}: {LOSS}(output, *inputs) returned {what}; it must be a scalar tensor")
            return value

        return loss, None


def mean_of_outputs(output: Nested, _inputs: Nested) -> Tensor:
    """Return the mean of all floating numbers in an output, whatever its nesting; scalar."""
    tensors = [torch.view_as_real(tensor) if tensor.is_complex() else tensor for tensor in list_tensors(output)]
    floating = [tensor for tensor in tensors if tensor.is_floating_point() and tensor.numel()]
    if not floating:
        return torch.zeros((), dtype=torch.float32, device=tensors[0].device if tensors else "cpu")
    whole = sum(tensor.numel() for tensor in floating)
    return torch.stack([tensor.mean() * (tensor.numel() / whole) for tensor in floating]).sum()


def find_own(network: nn.Module, module: ModuleType, name: str) -> Callable[..., Any] | None:
    """Return the method of a network, or else the function of its file, that is called so; None if there is none."""
    method = getattr(network, name, None)
    if inspect.ismethod(method):
        return method
    function = getattr(module, name, None)
    return function if inspect.isroutine(function) else None
