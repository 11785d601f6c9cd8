"""The steps that a worker knows, by name: those of this program, and those of the user's own that it was told."""

from __future__ import annotations

from collections.abc import Mapping

from bench.record.case import unknown
from bench.steps.forward_backward_train import Backward, Forward, Train
from bench.steps.own import make_step
from bench.steps.predict import Predict
from bench.steps.step import Step
from bench.steps.subject import UnknownNameError

STEPS: dict[str, type[Step]] = {"forward": Forward, "backward": Backward, "train": Train, "predict": Predict}
"""Names every step that a worker knows; `BUILTIN_STEPS` of the record lists the same names where torch is absent."""


_OWN: dict[str, str] = {}
"""Specs by id. A worker is told them once, and nothing else is asked of its process."""


def know_steps(specs: Mapping[str, str]) -> None:
    """Have this process know steps of the user's own, by id; each is loaded when it is first asked for.

    Args:
        specs: an absolute path and the name of a function in it, ``/path/file.py:name``.
    """
    _OWN.clear()
    _OWN.update(specs)


def find_step(name: str) -> type[Step]:
    """Return a step by its name.

    Raises:
        UnknownNameError: if there is none.
        Exception: whatever the file of the user's own raises when it is imported.
    """
    if name in _OWN:
        return make_step(_OWN[name])
    if name not in STEPS:
        raise UnknownNameError(unknown("step", name, (*STEPS, *_OWN)))
    return STEPS[name]
