"""Every model that a worker can build, by its id: ours, torchvision's and the user's own. It is the only door to them.

`models` is imported when it is first asked for: by then the process knows what it was like before.
With ``--against``, the workers of today's bench import the `models` of an old commit. A `Model` of the first one has
``summary``, ``build`` and ``loss``; whatever came later is absent there, and gets its default in this file.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, cast

from torch import nn

from bench.record.case import unknown
from bench.record.spec import Kind, ModelSpec
from bench.steps.imported import ImportedError, Project, define, find_attribute, load_module
from bench.steps.subject import Definition, Fed, Feed, Loss, UnknownNameError
from bench.steps.zoo import define_zoo

if TYPE_CHECKING:
    from models import Model


class Catalogue:
    """The models of one worker; each is found once.

    Args:
        specs: those that are not built in, by id.
        project: where the user's own lie.
    """

    def __init__(self, specs: Mapping[str, ModelSpec], project: Project) -> None:
        self._specs = specs
        self._project = project
        self._found: dict[str, Definition] = {}

    @cached_property
    def _built_in(self) -> Mapping[str, Model]:
        from models import MODELS

        return MODELS

    def names(self) -> list[str]:
        """Return the names of the models that this process can build.

        One of the user's own is among them if its file is there and holds its factory: in an arm it may be missing.
        """
        return [*self._built_in, *(name for name, spec in self._specs.items() if self._is_there(spec))]

    def find(self, name: str) -> Definition:
        """Return a model's definition.

        Raises:
            UnknownNameError: if there is none of that name.
            ImportedError: if it is not what its spec says.
            Exception: whatever its code raises when it is imported.
        """
        if name not in self._found:
            self._found[name] = self._define(name)
        return self._found[name]

    def _define(self, name: str) -> Definition:
        spec = self._specs.get(name)
        if spec is None:
            if name not in self._built_in:
                raise UnknownNameError(unknown("model", name, self.names()))
            return define_built_in(self._built_in[name])
        if spec.kind is Kind.TORCHVISION:
            return define_zoo(spec, self._project.shape)
        return define(spec, self._project)

    def _is_there(self, spec: ModelSpec) -> bool:
        if not spec.is_own:
            return True
        try:
            module = load_module(spec, self._project)
            if spec.factory:
                find_attribute(module, spec.factory, spec.place)
        except ImportedError:
            return False
        except Exception:  # noqa: BLE001  it is there, and says what is wrong with it when a case asks for it
            return True
        return True

    @property
    def project(self) -> Project | None:
        """Return where the user's own models lie; None if there is none of them."""
        return self._project if any(spec.is_own for spec in self._specs.values()) else None

    @property
    def folders(self) -> list[Path]:
        """Return the folders whose code is timed.

        They are that of `models`, once that is imported, the project's, and those of files that lie outside of it.
        """
        own = getattr(sys.modules.get("models"), "__file__", None)  # and not its path, which a model may lengthen
        mine = [] if own is None else [Path(own).parent]
        files = [spec for spec in self._specs.values() if spec.kind in (Kind.FILE, Kind.PROTOCOL)]
        outside = dict.fromkeys(Path(spec.place).parent for spec in files if Path(spec.place).is_absolute())
        return mine if self.project is None else [*mine, self.project.folder, *outside]

    def describe(self, name: str) -> tuple[ModelSpec, Path | None]:
        """Return the spec of a model that is not built in, and the file it was loaded from; None for torchvision's.

        Raises:
            ImportedError: if it is not there.
            Exception: whatever its code raises when it is imported.
        """
        spec = self._specs[name]
        return spec, Path(str(load_module(spec, self._project).__file__)) if spec.is_own else None


def define_built_in(model: Model) -> Definition:
    """Return the definition of a model of ours; what an old commit's lacks has the default that it had then."""
    own: Loss = model.loss

    def find_loss(_network: nn.Module) -> tuple[Loss, str | None]:
        return own, None

    return Definition(
        build=model.build,
        feed=cast("Feed", getattr(model, "inputs", _images)),
        find_loss=find_loss,
        is_perceptron=getattr(model, "is_perceptron", True),
        tolerance=cast("Callable[[float, int], Mapping[str, float]] | None", getattr(model, "tolerance", None)),
    )


def _images(batch: int, seed: int, data_root: Path | None) -> Fed:
    from models.inputs import fashion_mnist, random_images

    return random_images(batch, seed) if data_root is None else fashion_mnist(data_root, batch)
