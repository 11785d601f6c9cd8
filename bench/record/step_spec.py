"""What may be written for a step of the user's own: a file and a function in it, ``path.py:name``.

A case holds a word; the spec that it stands for is on record beside it. Standard library only: nothing is read here.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from pathlib import Path

from bench.record.case import BUILTIN_STEPS, unknown

WAY = "path/file.py:function"
"""How a step of the user's own is named, for help texts and errors."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StepSpec:
    """A step of the user's own as it was asked for.

    Attributes:
        id: the word that cases, tables and files hold.
        text: the spec as it was written.
        file: absolute.
        function: its name in that file.
    """

    id: str
    text: str
    file: Path
    function: str

    @property
    def target(self) -> str:
        """The spec as a worker reads it, wherever its working directory is."""
        return f"{self.file}:{self.function}"


def split_target(target: str) -> tuple[Path, str]:
    """Return the file and the function that a spec names."""
    file, _, function = target.rpartition(":")
    return Path(file), function


def parse_steps(texts: Iterable[str], folder: Path) -> tuple[tuple[str, ...], tuple[StepSpec, ...]]:
    """Return the ids of the steps that were asked for, in order, and the specs of those that are the user's own.

    An id is the function's name; one that a built-in step or another function has already gets a number behind it.

    Args:
        texts: what was written, in order; a function that is named twice is taken once.
        folder: to which paths are relative.

    Raises:
        ValueError: if a text is neither a built-in step nor a spec.
    """
    ids: list[str] = []
    specs: dict[str, StepSpec] = {}
    for text in texts:
        if text in BUILTIN_STEPS:
            ids.append(text)
            continue
        file, function = split_target(text)
        if file.suffix != ".py" or not function.isidentifier():
            raise ValueError(unknown("step", text, (*BUILTIN_STEPS, WAY)))
        place = (folder / file).resolve()
        target = f"{place}:{function}"
        if target not in specs:
            name = _make_unique(function, {*BUILTIN_STEPS, *(spec.id for spec in specs.values())})
            specs[target] = StepSpec(id=name, text=text, file=place, function=function)
            ids.append(name)
    return tuple(ids), tuple(specs.values())


def _make_unique(name: str, taken: Collection[str]) -> str:
    numbered = (f"{name}_{number}" for number in range(2, len(taken) + 3))
    return next(candidate for candidate in (name, *numbered) if candidate not in taken)
