"""The steps that a worker knows, by name."""

from __future__ import annotations

from bench.record.case import unknown
from bench.steps.forward_backward_train import Backward, Forward, Train
from bench.steps.predict import Predict
from bench.steps.step import Step
from bench.steps.subject import UnknownNameError

STEPS: dict[str, type[Step]] = {"forward": Forward, "backward": Backward, "train": Train, "predict": Predict}
"""Names every step that a worker knows; `BUILTIN_STEPS` of the record lists the same names where torch is absent."""


def find_step(name: str) -> type[Step]:
    """Return a step by its name.

    Raises:
        UnknownNameError: if there is none.
    """
    if name not in STEPS:
        raise UnknownNameError(unknown("step", name, STEPS))
    return STEPS[name]
