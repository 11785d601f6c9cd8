"""A step of the user's own: a function of a file, called once per iteration and timed like forward.

``name(module, inputs)`` gets the network, or its compiled form, and its inputs on the device, in training mode and with
gradients recorded, as torch makes a network: the function decides otherwise. It runs under the case's autocast.
``setup(module, inputs)`` of the same file is called once for each network, before anything is timed; what it returns,
if not None, is the third argument of ``name``: an optimiser, a cache.

What ``name`` returns is its answer: tensors in any nesting, on the device or in the host's memory. The same function
with the network in float64, eager, on the CPU gives the right one. An iteration may move the network's weights: every
slice starts from those after ``setup``, and from the state that an optimiser had then.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from copy import deepcopy
from dataclasses import replace
from functools import cache
from hashlib import sha256
from itertools import repeat
from pathlib import Path
from types import ModuleType
from typing import Any, ClassVar, cast

from torch import Tensor
from torch.utils._pytree import tree_leaves

from bench.devices.clock import Clock
from bench.record.step_spec import split_target
from bench.steps.imported import execute_file
from bench.steps.recheck import without_dropout
from bench.steps.step import Step
from bench.steps.subject import Subject, UnknownNameError, map_tensors
from bench.steps.verify import Answer, Nested

SETUP = "setup"
"""The function of this name in the same file makes what the step needs beside the network and its inputs."""


class OwnStep(Step):
    """One call of the user's function; n iterations are queued and the clock waits for the last.

    Attributes:
        function, setup: of the user's file; None where there is no setup.
    """

    moves_weights = True
    starts_over = True
    answers_on_host = True
    function: ClassVar[Callable[..., Any]]
    setup: ClassVar[Callable[..., Any] | None]

    def __init__(self, subject: Subject, clock: Clock) -> None:
        super().__init__(subject, clock)
        cls = type(self)
        function, module, inputs = subject.autocast(cls.function), subject.module, subject.inputs
        made = cls.setup(module, inputs) if cls.setup is not None else None
        more = () if made is None else (made,)

        def call(inputs: Nested) -> Nested:
            return function(module, inputs, *more)

        self.subject = replace(subject, call=call, loss=_no_loss)
        named = {**dict(subject.network.named_parameters()), **dict(subject.network.named_buffers())}
        self._initial = {name: tensor.detach().clone() for name, tensor in named.items()}  # as setup left them
        keepers = [thing for thing in tree_leaves(made) if hasattr(thing, "load_state_dict")]
        self._states = [(thing, deepcopy(thing.state_dict())) for thing in keepers]

    def iterate(self) -> tuple[Nested, None]:
        return self.subject.call(self.subject.inputs), None

    def timed(self, iterations: int, lead: int = 1) -> float:
        self.restore()
        call, inputs, clock = self.subject.call, self.subject.inputs, self.clock
        for _ in repeat(None, lead):
            call(inputs)
        begin = clock()
        for _ in repeat(None, iterations):
            call(inputs)
        return clock() - begin

    def tidy(self) -> None:
        self.subject.network.zero_grad(set_to_none=True)

    @classmethod
    def reference(cls, subject: Subject) -> Answer:
        step = cls(subject, float)  # no clock is read
        with without_dropout(subject.network):  # which a step that is made puts into training mode
            return step.answer(*step.iterate())

    @classmethod
    def reference_after(cls, subject: Subject) -> Answer:
        step = cls(subject, float)  # no clock is read
        others = map_tensors(Tensor.clone, subject.feeds[1][0])  # in memory of their own, as whoever remembers will see
        with without_dropout(subject.network):
            step.subject.call(others)
            return step.answer(*step.iterate())

    def restore(self) -> None:
        super().restore()
        for thing, state in self._states:
            thing.load_state_dict(deepcopy(state))

    def isolated(self, watch: AbstractContextManager[object]) -> None:
        self.restore()
        with watch:
            self.subject.call(self.subject.inputs)

    def minimal_bytes(self) -> int:
        """Return 0: what the function must read and write is not known."""
        return 0


def make_step(target: str) -> type[OwnStep]:
    """Return the step that a spec with an absolute path names.

    Raises:
        UnknownNameError: if there is no such file, or no such function in it.
        Exception: whatever its own code raises when it is imported.
    """
    file, name = split_target(target)
    module = load_file(file)
    function, setup = getattr(module, name, None), getattr(module, SETUP, None)
    if not callable(function):
        defined = [
            known for known, value in vars(module).items() if getattr(value, "__module__", "") == module.__name__
        ]
        raise UnknownNameError(f"{file.name} has no function {name}; it defines {', '.join(defined) or 'none'}")
    return type(name, (OwnStep,), {"function": staticmethod(function), "setup": setup and staticmethod(setup)})


@cache
def load_file(path: Path) -> ModuleType:
    """Return the module that a file makes, which is executed once in a process; it finds no files beside it.

    In a gate its folder may be the project's, and what would be imported from there is the same file for both arms.

    Raises:
        UnknownNameError: if there is no such file.
        Exception: whatever its own code raises.
    """
    if not path.is_file():
        raise UnknownNameError(f"{path.name}: no such file in {path.parent}")
    return execute_file(path, f"step_{path.stem}_{sha256(bytes(path)).hexdigest()[:8]}")


def _no_loss(_output: Nested, _target: Nested) -> Tensor:
    return cast("Tensor", None)
