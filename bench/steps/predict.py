"""Predict, the tutorial's own use: from images in the host's memory to their classes there, n times, each waited for.

The inputs lie in ordinary host memory, as in the tutorial, and not in pinned memory. An iteration copies them to the
device, calls the network in eval and inference mode, takes the class, and copies that back, which waits for all of it.
On a CPU both copies are none: torch gives a tensor back that is where it is asked for.
"""

from __future__ import annotations

from contextlib import AbstractContextManager
from dataclasses import replace
from itertools import repeat
from statistics import median

import torch
from torch import Tensor

from bench.devices.clock import Clock
from bench.steps.forward_backward_train import Forward
from bench.steps.step import Step, count_bytes
from bench.steps.subject import Subject, map_tensors
from bench.steps.verify import Answer, Nested

HOST = torch.device("cpu")

CLASSES_DIMENSION = 1
"""The tutorial's logits are (B, 10), and torch's cross entropy has the classes of any output in this dimension."""

COPY_SLICES = 5
"""The copies alone are timed so many times, and their median counts: the first one may set something up."""

ONE_MEMORY = "on the CPU nothing is copied: the device's memory is the host's"


class Predict(Step):
    """Classes in the host's memory from inputs in the host's memory, in eval and inference mode; each is waited for.

    The class is argmax over dimension 1 of softmax, where the network answers one tensor of at least two dimensions;
    of any other network the answer itself comes back. What is verified is the network's output, not the class.
    """

    queued = False
    trains = False

    def __init__(self, subject: Subject, clock: Clock) -> None:
        call, loss, device = subject.call, subject.loss, subject.device

        def call_from_host(inputs: Nested) -> Nested:
            return call(move(inputs, device))

        def compare(output: Nested, target: Nested) -> Tensor:
            return loss(output, move(target, device))

        inputs, target = subject.feeds[0]
        inputs = map_tensors(Tensor.clone, inputs)  # the other feed will take its place in this memory
        target = inputs if target is None else subject.target
        super().__init__(replace(subject, inputs=inputs, target=target, call=call_from_host, loss=compare), clock)

    def iterate(self) -> tuple[Nested, Tensor]:
        with torch.inference_mode():
            output = self.subject.call(self.subject.inputs)
            move(find_classes(output), HOST)
            return output, self.subject.loss(output, self.subject.target)

    def timed(self, iterations: int, lead: int = 1) -> float:
        call, inputs, clock = self.subject.call, self.subject.inputs, self.clock
        with torch.inference_mode():
            for _ in repeat(None, lead):
                move(find_classes(call(inputs)), HOST)
            begin = clock()
            for _ in repeat(None, iterations):
                move(find_classes(call(inputs)), HOST)
            return clock() - begin

    @staticmethod
    def reference(subject: Subject) -> Answer:
        return Forward.reference(subject)

    def isolated(self, watch: AbstractContextManager[object]) -> None:
        with torch.inference_mode(), watch:
            move(find_classes(self.subject.call(self.subject.inputs)), HOST)

    def minimal_bytes(self) -> int:
        subject = self.subject
        with torch.inference_mode():
            classes = find_classes(subject.call(subject.inputs))
        return count_bytes(*subject.network.parameters(), *subject.network.buffers(), subject.inputs, classes)

    def time_copies(self, iterations: int) -> tuple[float | None, str | None]:
        subject, clock = self.subject, self.clock
        if subject.device.type == HOST.type:
            return None, ONE_MEMORY
        slices = []
        with torch.inference_mode():
            classes = find_classes(subject.call(subject.inputs))
            for _ in range(COPY_SLICES):
                begin = clock()
                for _ in repeat(None, iterations):
                    move(subject.inputs, subject.device)
                    move(classes, HOST)
                slices.append((clock() - begin) / iterations)
        return median(slices), None


def move(tensors: Nested, device: torch.device) -> Nested:
    """Return tensors on a device; those that are there already are given back as they are.

    This is timed: one tensor, which most networks are fed, is not looked for in a nesting.
    """
    if isinstance(tensors, Tensor):
        return tensors.to(device)
    return map_tensors(lambda tensor: tensor.to(device), tensors)


def find_classes(output: Nested) -> Nested:
    """Return the most probable class of each input, as the tutorial's ``predict``: (B, classes, ...) -> (B, ...).

    An output of several tensors, or of one with fewer dimensions, has no such classes and is given back.
    """
    if isinstance(output, Tensor) and output.dim() > CLASSES_DIMENSION:
        return output.softmax(CLASSES_DIMENSION).argmax(CLASSES_DIMENSION)
    return output
