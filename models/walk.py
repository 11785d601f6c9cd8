"""The tutorial's walk through a network: its layers with shapes and its parameters, as text."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_leaves

NO_TENSOR = "—"
"""Stands where a layer is given no tensor, or answers with none."""


def walk_network(
    title: str, network: nn.Module, arguments: tuple[Any, ...], named: Mapping[str, Any] | None = None
) -> str:
    """Return a network's description: the title, the network as torch prints it, its layers, its parameters.

    Args:
        title: the first line.
        network: what is called once, without gradients.
        arguments: what it is called with.
        named: what it is called with by name.
    """
    layers = list_layers(network, arguments, named or {})
    total = sum(parameter.numel() for parameter in network.parameters())
    parameters = [
        [name, show_shapes(parameter), " ".join(f"{value:+.4f}" for value in parameter.flatten()[:3].tolist())]
        for name, parameter in network.named_parameters()
    ]
    lines = [
        title,
        str(network),
        "",
        *align([["layer", "input", "output", "parameters"], *layers, ["total", "", "", f"{total:,}"]]),
        "",
        *align([["parameter", "shape", "first values"], *parameters]),
    ]
    return "\n".join(lines)


def list_layers(network: nn.Module, arguments: tuple[Any, ...], named: Mapping[str, Any]) -> list[list[str]]:
    """Return a row for each call of a layer, in the order in which they end: name and kind, shapes, parameters.

    A layer is a module without modules inside it, or one with parameters of its own, which alone are counted then.
    One with parameters that is not called, since another layer reads them, has a row at the end.
    """
    rows: list[list[str]] = []
    called: set[nn.Module] = set()

    def note(label: str) -> Callable[[nn.Module, tuple[Any, ...], dict[str, Any], Any], None]:
        def hook(module: nn.Module, arguments: tuple[Any, ...], named: dict[str, Any], output: Any) -> None:
            called.add(module)
            rows.append([label, show_shapes((arguments, named)), show_shapes(output), _count_own(module)])

        return hook

    layers = list(_find_layers(network))
    hooks = [module.register_forward_hook(note(label), with_kwargs=True) for label, module in layers]
    try:
        with torch.inference_mode():
            network(*arguments, **named)
    finally:
        for hook in hooks:
            hook.remove()
    uncalled = [
        [label, "not called", "", _count_own(module)]
        for label, module in layers
        if module not in called and list(module.parameters(recurse=False))
    ]
    return rows + uncalled


def _find_layers(network: nn.Module) -> Iterator[tuple[str, nn.Module]]:
    """Yield each layer with its name and kind."""
    for name, module in network.named_modules():
        if not list(module.children()) or list(module.parameters(recurse=False)):
            yield f"{name} {type(module).__name__}".lstrip(), module  # the network itself has no name


def _count_own(module: nn.Module) -> str:
    return f"{sum(parameter.numel() for parameter in module.parameters(recurse=False)):,}"


def show_shapes(values: Any) -> str:
    """Return the shape of each tensor in a value or in its tuples, lists and dicts, as text: ``(3, 784)``."""
    shapes = [str(tuple(leaf.shape)) for leaf in tree_leaves(values) if isinstance(leaf, Tensor)]
    return " ".join(shapes) or NO_TENSOR


def align(rows: list[list[str]]) -> list[str]:
    """Return rows of cells as lines whose columns stand below each other."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
