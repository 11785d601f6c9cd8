"""Is the answer right? Every case is held against float64 eager on the CPU before it is timed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from bench.devices.dtypes import Dtype

LEARNING_RATE = 1e-3
"""The tutorial's; SGD as in its optimisation chapter."""


class WrongResultError(Exception):
    """The case computes something else than the network does."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What one iteration computed, on the CPU in float64; None where the step does not compute it.

    Attributes:
        logits: (B, 10).
        loss: scalar.
        gradients: by parameter name, each of its parameter's shape.
        weights: by parameter name, after the optimiser's step.
    """

    logits: Tensor
    loss: Tensor
    gradients: Mapping[str, Tensor] | None = None
    weights: Mapping[str, Tensor] | None = None


def reference(
    model: nn.Module, images: Tensor, labels: Tensor, loss: Callable[[Tensor, Tensor], Tensor], *, step: str
) -> Answer:
    """Return the right answer of one iteration.

    Args:
        model: float32 weights on the CPU; converted to float64 in place.
        images: (B, 1, 28, 28), float32.
        labels: (B,), int64.
        loss: of logits and labels.
        step: forward, backward or train.
    """
    model = model.double()
    logits = model(images.double())
    value = loss(logits, labels)
    if step == "forward":
        return Answer(logits=logits.detach(), loss=value.detach())
    value.backward()  # type: ignore[no-untyped-call]
    gradients = collect(model, gradients=True)
    weights = None
    if step == "train":
        weights = {
            name: parameter.detach() - LEARNING_RATE * gradients[name] for name, parameter in model.named_parameters()
        }
    return Answer(logits=logits.detach(), loss=value.detach(), gradients=gradients, weights=weights)


def collect(model: nn.Module, *, gradients: bool) -> dict[str, Tensor]:
    """Return the parameters, or their gradients, by name, as float64 on the CPU.

    Raises:
        WrongResultError: if a gradient is missing.
    """
    found = {}
    for name, parameter in model.named_parameters():
        tensor = parameter.grad if gradients else parameter
        if tensor is None:
            raise WrongResultError(f"{name} has no gradient after backward")
        found[name] = exact(tensor)
    return found


def exact(tensor: Tensor) -> Tensor:
    """Return a copy as float64 on the CPU."""
    return tensor.detach().to("cpu").to(torch.float64).clone()


def check(answer: Answer, right: Answer, dtype: Dtype) -> dict[str, float]:
    """Return the relative error in norm of each quantity: the worst one over the parameters.

    Raises:
        WrongResultError: if one of them is beyond the dtype's tolerance, or of another shape.
    """
    errors = {
        "logits": relative_error("logits", answer.logits, right.logits, dtype.tolerance),
        "loss": relative_error("loss", answer.loss, right.loss, dtype.tolerance),
    }
    if right.gradients is not None:
        limit = dtype.gradient_tolerance(len(right.logits))
        limits = dict.fromkeys(right.gradients, limit)
        errors["gradients"] = _worst("gradients of", answer.gradients, right.gradients, limits)
        if right.weights is not None:
            limits = {
                name: limit * LEARNING_RATE * _ratio(right.gradients[name], weight) + 2 * dtype.storage_roundoff
                for name, weight in right.weights.items()
            }
            errors["weights"] = _worst("weights of", answer.weights, right.weights, limits)
    return errors


def worse(one: Mapping[str, float], other: Mapping[str, float]) -> dict[str, float]:
    """Return the larger error of each quantity."""
    return {quantity: max(error, other[quantity]) for quantity, error in one.items()}


def _worst(
    quantity: str, actual: Mapping[str, Tensor] | None, expected: Mapping[str, Tensor], limits: Mapping[str, float]
) -> float:
    """Return the worst relative error over the parameters.

    Raises:
        WrongResultError: if a parameter is missing or beyond its limit.
    """
    if actual is None or actual.keys() != expected.keys():
        raise WrongResultError(f"{quantity} other parameters than the reference")
    return max(relative_error(f"{quantity} {name}", actual[name], expected[name], limits[name]) for name in expected)


def _ratio(part: Tensor, whole: Tensor) -> float:
    """Return one norm over another, 0 where the other is 0."""
    scale = float(whole.norm())
    return float(part.norm()) / scale if scale > 0 else 0.0


def relative_error(quantity: str, actual: Tensor, expected: Tensor, tolerance: float) -> float:
    """Return the norm of the difference over the norm of the expected.

    Raises:
        WrongResultError: if the shapes differ, or the error is not finite or beyond `tolerance`.
    """
    if actual.shape != expected.shape:
        raise WrongResultError(f"{quantity}: shape {tuple(actual.shape)} instead of {tuple(expected.shape)}")
    scale = float(expected.norm())
    error = float((actual - expected).norm()) / scale if scale > 0 else float(actual.norm())
    if not error <= tolerance:  # also true for NaN
        raise WrongResultError(f"{quantity}: relative error {error:.3g} against float64; allowed is {tolerance:.3g}")
    return error
