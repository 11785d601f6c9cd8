"""How far the right answers of two arms are apart: each is its own network's, and holds that network's mistakes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import hypot

from torch import Tensor

from bench.steps.verify import OUTPUT, Answer, WrongResultError, check_names


def measure_apart(mine: Answer, other: Answer) -> dict[str, float]:
    """Return the norm of the difference over the norm of the other's, by quantity.

    Raises:
        WrongResultError: if they have other shapes or names, so that nothing can be compared.
    """
    apart = {OUTPUT: _compare(OUTPUT, _numbered(mine.output), _numbered(other.output))}
    if mine.loss is not None and other.loss is not None:
        apart["loss"] = _compare("loss", {"": mine.loss}, {"": other.loss})
    if mine.gradients is not None and other.gradients is not None:
        apart["gradients"] = _compare("gradients of", mine.gradients, other.gradients)
    return apart


def _numbered(tensors: Sequence[Tensor]) -> dict[str, Tensor]:
    return {str(index): tensor for index, tensor in enumerate(tensors)}


def _compare(quantity: str, mine: Mapping[str, Tensor], other: Mapping[str, Tensor]) -> float:
    check_names(quantity, mine, other)
    for name, tensor in other.items():
        if mine[name].shape != tensor.shape:
            shapes = f"{tuple(mine[name].shape)} instead of {tuple(tensor.shape)}"
            raise WrongResultError(f"{quantity} {name}: shape {shapes}")
    difference = hypot(*(float((mine[name].double() - tensor.double()).norm()) for name, tensor in other.items()))
    size = hypot(*(float(tensor.double().norm()) for tensor in other.values()))
    return difference / size if size > 0 else difference
