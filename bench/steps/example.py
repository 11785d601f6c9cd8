"""A network by its spec with one example of its inputs, outside of any run: for whoever wants to see it."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import nn

from bench.record.spec import Kind, parse_specs
from bench.steps.catalogue import Catalogue
from bench.steps.imported import Project, find_batch, load_module


@dataclass(frozen=True, slots=True, kw_only=True)
class Example:
    """A network in float32 on the CPU, as it answers in use, and what it is called with.

    Attributes:
        network: with the weights of seed 0.
        arguments: what it is called with.
        named: what it is called with by name.
    """

    network: nn.Module
    arguments: tuple[Any, ...]
    named: Mapping[str, Any]


def make_example(
    text: str, built_in: Collection[str], *, batch: int, shape: tuple[int, ...] | None, folder: Path, src: str | None
) -> Example:
    """Return the network that a spec names.

    Args:
        text: the spec.
        built_in: names of the models that come with this program.
        batch: examples in its inputs; a file of KernelBench's protocol has its own.
        shape: of one example, where the network says nothing of its inputs.
        folder: to which paths are relative, and that imports come from.
        src: the folder below it that packages lie in; None where that is the folder itself.

    Raises:
        ValueError: if the text is no spec.
        ImportedError: if something of it is missing.
        Exception: whatever its own code raises.
    """
    (spec,) = parse_specs([text], built_in)
    project = Project(folder=folder, src=src, shape=shape)
    definition = Catalogue({spec.id: spec}, project).find(spec.id)
    if spec.kind is Kind.PROTOCOL:
        batch = find_batch(load_module(spec, project).get_inputs())
    inputs, _ = definition.feed(batch, 0, None)
    torch.manual_seed(0)
    with torch.device("cpu"):
        network = definition.build().to(dtype=torch.float32).eval()
    made = Example(network=network, arguments=(), named={})
    match inputs:
        case tuple() | list():
            return replace(made, arguments=tuple(inputs))
        case dict():
            return replace(made, named=inputs)
        case _:
            return replace(made, arguments=(inputs,))
