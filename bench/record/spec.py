"""What may be written for a model: a name of ours, torchvision's, or where a network of the user's own is made.

A case holds a short id; the spec it stands for is on record beside it. Standard library only: nothing is imported here.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import PurePosixPath

TORCHVISION = "torchvision"

NAME = r"[A-Za-z_]\w*"
DOTTED = re.compile(rf"{NAME}(\.{NAME})*")
"""A module or a factory, as Python names them."""

UNSAFE = re.compile(r"[^\w.]+")
"""What stands in no id: a hyphen joins the axes there, and an id is a name of files and tests."""

WAYS = (
    f"{TORCHVISION}:NAME",
    "package.module:factory",
    "path/file.py:factory",
    "path/file.py (KernelBench's protocol)",
)
"""How a model that is not built in is named, for help texts and errors."""


class Kind(StrEnum):
    """Where a network comes from."""

    BUILT_IN = "built in"
    TORCHVISION = "torchvision"
    MODULE = "a module"
    FILE = "a file"
    PROTOCOL = "a file with KernelBench's protocol"


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelSpec:
    """A model as it was asked for.

    Attributes:
        id: its short name, which cases, tables and files hold.
        kind: where it comes from.
        place: the file or module that holds it; for a model without one, its name.
        factory: what makes it there, dotted where it is an attribute of a class; empty where `kind` says it.
    """

    id: str
    kind: Kind
    place: str
    factory: str = ""

    @property
    def text(self) -> str:
        """The spec as it is written on the command line."""
        match self.kind:
            case Kind.BUILT_IN | Kind.PROTOCOL:
                return self.place
            case Kind.TORCHVISION:
                return f"{TORCHVISION}:{self.place}"
            case Kind.MODULE | Kind.FILE:
                return f"{self.place}:{self.factory}"

    @property
    def is_own(self) -> bool:
        """Whether it is code of the user's own, which lies in a project."""
        return self.kind in (Kind.MODULE, Kind.FILE, Kind.PROTOCOL)


def read_spec(name: str, text: str) -> ModelSpec:
    """Return a model that is not built in, given its id and its text.

    Raises:
        ValueError: if the text is no spec.
    """
    kind, place, factory = _split(text, ())
    return ModelSpec(id=name, kind=kind, place=place, factory=factory)


def parse_specs(texts: Iterable[str], built_in: Collection[str]) -> tuple[ModelSpec, ...]:
    """Return the models that were asked for, each with an id of its own.

    Two ids that would be equal get the name of their file or module in front, and else a number behind.

    Args:
        texts: what was written, in order.
        built_in: names of the models that come with this program.

    Raises:
        ValueError: if a text is no spec; it says which ways there are.
    """
    specs: list[ModelSpec] = []
    for text in texts:
        kind, place, factory = _split(text, built_in)
        specs.append(
            ModelSpec(id=_name(kind, place, factory, built_in, specs), kind=kind, place=place, factory=factory)
        )
    return tuple(specs)


def _split(text: str, built_in: Collection[str]) -> tuple[Kind, str, str]:
    if text in built_in:
        return Kind.BUILT_IN, text, ""
    if text.endswith(".py"):
        return Kind.PROTOCOL, text, ""
    place, colon, factory = text.rpartition(":")
    if colon and DOTTED.fullmatch(factory):
        if place == TORCHVISION:
            return Kind.TORCHVISION, factory, ""
        if place.endswith(".py"):
            return Kind.FILE, place, factory
        if DOTTED.fullmatch(place):
            return Kind.MODULE, place, factory
    raise ValueError(f"unknown model {text!r}; known: {', '.join((*built_in, *WAYS))}")


def _name(kind: Kind, place: str, factory: str, built_in: Collection[str], before: Sequence[ModelSpec]) -> str:
    if kind is Kind.BUILT_IN:
        return place
    holder = PurePosixPath(place).stem if kind in (Kind.FILE, Kind.PROTOCOL) else place.rpartition(".")[2]
    short = _safe(factory or holder)
    taken = {*built_in, *(spec.id for spec in before)}
    named = [short, _safe(f"{holder}.{factory}" if factory else f"{kind.name.lower()}.{holder}")]
    numbered = (f"{named[1]}.{number}" for number in range(2, len(taken) + 3))
    return next(name for name in (*named, *numbered) if name not in taken)


def _safe(name: str) -> str:
    return UNSAFE.sub("_", name).strip("._") or "model"
