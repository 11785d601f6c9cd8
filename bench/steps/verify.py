"""Is the answer right? Every case is held against float64 eager on the CPU before it is timed.

The reference is the same network with the same weights in float64. What follows is derived for a perceptron of three
layers; `own_error` says how far the answer of any other network may be off.
With unit roundoff u of the dtype that the products are computed in:

- Output (logits), loss. Every layer rounds its weights and its activations once, each a random relative error of
  about u / 2; products accumulate in float32 or better, so a sum of K terms adds at most about sqrt(K) * 2**-24.
  Three layers and a softmax give a relative error in norm of about 3 u for the 16-bit types, whose own rounding
  dominates, and up to sqrt(784) u / 3, about 10 u, for float32 and float64, which accumulate in themselves.
  We allow 16 u and 64 u.
- Updated weights. A step moves them by the learning rate times the gradient, so they may be off by that much of the
  gradient's allowance, and by the rounding of the dtype they are kept in, before and after: 2 u of it. In float32 and
  float64, amp included, a step that is not taken is beyond that; in 16 bits a step of 1e-3 is below the rounding.
- Gradients. Rounding also flips the ReLU of units that are nearly zero: a relative error e of a pre-activation
  flips a share of about e of the units, and each flipped unit contributes wholly wrong entries, so the error in
  norm is about sqrt(e), with e about u for random signs. We allow 5 sqrt(u). Flips are whole numbers, though:
  where few are expected, one of them weighs 1 / sqrt(batch * active units), with at least 256 active units in the
  networks here. We allow two more of them.

A wrong answer (a missing layer, a transposed weight, garbage memory) is off by the order of 1.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import sqrt
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_leaves

from bench.devices.dtypes import Dtype
from bench.record.how_many import how_many

Nested = Any
"""A network takes a tensor, or tensors in tuples, lists and dicts, and answers alike; what else is in them is left."""

OUTPUT = "logits"
"""The record names a network's output so, because the first networks here answer with logits and files say it."""

LEARNING_RATE = 1e-3
"""SGD moves the weights by this share of the gradient, as in the tutorial's chapter on optimisation."""

ACCUMULATOR_ROUNDOFF = torch.finfo(torch.float32).eps / 2
"""Products of coarser types are summed in float32 or better; float32 and float64 sum in themselves."""

ROUNDINGS_OF_COARSE_TYPES = 16
"""Output and loss may be off by so many roundoffs where the sum is finer than the type: five times what is derived."""

ROUNDINGS_OF_FINE_TYPES = 64
"""They may be off by so many where a type sums in itself: six times what is derived."""

ACTIVE_UNITS = 256
"""Half of the 512 hidden units of the smallest network pass its ReLU."""


class WrongResultError(Exception):
    """The case computes something else than the network does."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What one iteration computed, on the CPU in float64; None where the step does not compute it.

    Attributes:
        output: what the network answered: the logits (B, 10) alone.
        loss: scalar; None for a step of the user's own, which has none.
        gradients: by parameter name, each of its parameter's shape; a parameter that was not used has none.
        weights: by parameter name, after the optimiser's step.
        buffers: by name, such as the running means of a BatchNorm; empty where the network has none.
    """

    output: tuple[Tensor, ...]
    loss: Tensor | None
    gradients: Mapping[str, Tensor] | None = None
    weights: Mapping[str, Tensor] | None = None
    buffers: Mapping[str, Tensor] = field(default_factory=dict)

    @classmethod
    def of(
        cls,
        network: nn.Module,
        output: Nested,
        loss: Tensor | None,
        *,
        gradients: bool = False,
        weights: bool = False,
    ) -> Answer:
        """Return an answer that holds copies in float64 on the CPU.

        Args:
            network: whose state is copied: always its buffers.
            output: on the device.
            loss: on the device, if there is one.
            gradients: whether to copy them, too.
            weights: likewise.
        """
        return cls(
            output=tuple(exact(tensor) for tensor in list_tensors(output)),
            loss=None if loss is None else exact(loss),
            gradients=collect_gradients(network) if gradients else None,
            weights={name: exact(weight) for name, weight in network.named_parameters()} if weights else None,
            buffers={name: exact(buffer) for name, buffer in network.named_buffers()},
        )


def check_output(output: Nested, device: torch.device, *, on_host: bool = False) -> None:
    """Do nothing if an output holds plain tensors on the device, one at least; `on_host`, in the host's memory too.

    Raises:
        WrongResultError: if it holds something else, which may not have computed yet what it stands for.
    """
    tensors = list_tensors(output)
    if not tensors:
        raise WrongResultError(f"{OUTPUT}: {type(output).__qualname__} without a tensor that can be compared")
    for tensor in tensors:
        kind = type(tensor)
        if kind is not Tensor:
            raise WrongResultError(f"{OUTPUT}: {kind.__module__}.{kind.__qualname__} instead of a plain torch.Tensor")
        if tensor.device.type not in {device.type, "cpu" if on_host else device.type}:
            raise WrongResultError(f"{OUTPUT}: on {tensor.device} instead of {device}")


def list_tensors(nested: Nested) -> tuple[Tensor, ...]:
    """Return the tensors in tuples, lists and dicts, in order."""
    if isinstance(nested, Tensor):
        return (nested,)
    return tuple(leaf for leaf in tree_leaves(nested) if isinstance(leaf, Tensor))


def exact(tensor: Tensor) -> Tensor:
    """Return a copy on the CPU: floating numbers as float64, complex ones as pairs of them, whole ones as they are."""
    plain = torch.view_as_real(tensor.detach().resolve_conj()) if tensor.is_complex() else tensor.detach()
    copy = plain.to("cpu", copy=True)
    return copy.to(torch.float64) if copy.is_floating_point() else copy


def collect_gradients(network: nn.Module) -> dict[str, Tensor]:
    """Return the gradients by the name of their parameter, as float64 on the CPU; those that there are."""
    named = network.named_parameters()
    return {name: exact(parameter.grad) for name, parameter in named if parameter.grad is not None}


@dataclass(frozen=True, slots=True, kw_only=True)
class Tolerance:
    """How far an answer may be off, by quantity: the relative error in norm that is allowed.

    Attributes:
        output: of each tensor of the output.
        loss: of the loss.
        gradients: of each parameter's gradient.
        storage_roundoff: unit roundoff of the dtype that weights are kept in; a training step rounds them to it twice.
    """

    output: float
    loss: float
    gradients: float
    storage_roundoff: float


def derive_tolerance(dtype: Dtype, batch: int) -> Tolerance:
    """Return what a perceptron of three layers is allowed over so many inputs; the derivation is at the top."""
    coarse = dtype.roundoff > ACCUMULATOR_ROUNDOFF
    answers = (ROUNDINGS_OF_COARSE_TYPES if coarse else ROUNDINGS_OF_FINE_TYPES) * dtype.roundoff
    return Tolerance(
        output=answers,
        loss=answers,
        gradients=5 * sqrt(dtype.roundoff) + 2 / sqrt(batch * ACTIVE_UNITS),
        storage_roundoff=dtype.storage_roundoff,
    )


def check(answer: Answer, right: Answer, tolerance: Tolerance, *, steps: int = 1) -> dict[str, float]:
    """Return the relative error in norm of each quantity: the worst one over an output's tensors, or the parameters.

    Args:
        answer: what was computed.
        right: what is right.
        tolerance: how far the one may be off the other.
        steps: of training, after which the weights are compared: each may be off by its share.

    Raises:
        WrongResultError: if one of them is beyond its tolerance, or of another shape.
    """
    errors = {OUTPUT: _check_output(answer.output, right.output, tolerance.output)}
    if answer.loss is not None and right.loss is not None:
        errors["loss"] = relative_error("loss", answer.loss, right.loss, tolerance.loss)
    if right.gradients is not None:
        limits = dict.fromkeys(right.gradients, tolerance.gradients)
        errors["gradients"] = _check_parameters("gradients of", answer.gradients, right.gradients, limits)
        if right.weights is not None:
            limits = {
                name: steps
                * (
                    tolerance.gradients * LEARNING_RATE * _ratio(right.gradients[name], weight)
                    + 2 * tolerance.storage_roundoff
                )
                for name, weight in right.weights.items()
            }
            errors["weights"] = _check_parameters("weights of", answer.weights, right.weights, limits)
    return errors


def keep_worse(errors: Mapping[str, float], later_errors: Mapping[str, float]) -> dict[str, float]:
    """Return the larger error of each quantity."""
    return {quantity: max(error, later_errors[quantity]) for quantity, error in errors.items()}


def _check_output(actual: tuple[Tensor, ...], expected: tuple[Tensor, ...], limit: float) -> float:
    """Return the worst relative error over the tensors of an output.

    Raises:
        WrongResultError: if there are more or fewer of them, or one is beyond the limit.
    """
    if len(actual) != len(expected):
        raise WrongResultError(f"{OUTPUT}: {how_many(len(actual), 'tensor')} instead of {len(expected)}")
    names = [OUTPUT] if len(expected) == 1 else [f"{OUTPUT}[{index}]" for index in range(len(expected))]
    triples = zip(names, actual, expected, strict=True)
    return max(relative_error(name, tensor, right, limit) for name, tensor, right in triples)


def _check_parameters(
    quantity: str, actual: Mapping[str, Tensor] | None, expected: Mapping[str, Tensor], limits: Mapping[str, float]
) -> float:
    """Return the worst relative error over the parameters.

    Raises:
        WrongResultError: if a parameter is missing or beyond its limit.
    """
    check_names(quantity, actual, expected)
    assert actual is not None, "its names were compared"
    return max(relative_error(f"{quantity} {name}", actual[name], expected[name], limits[name]) for name in expected)


def check_names(quantity: str, actual: Mapping[str, Tensor] | None, expected: Mapping[str, Tensor]) -> None:
    """Do nothing if both hold the same names.

    Raises:
        WrongResultError: naming one that only one of them has.
    """
    if actual is None:
        raise WrongResultError(f"{quantity} nothing, where the reference has some")
    if missing := [name for name in expected if name not in actual]:
        raise WrongResultError(f"{quantity} {missing[0]}: none, where the reference has some")
    if surplus := [name for name in actual if name not in expected]:
        raise WrongResultError(f"{quantity} {surplus[0]}: some, where the reference has none")


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
    actual, expected = actual.double(), expected.double()
    scale = float(expected.norm())
    error = float((actual - expected).norm()) / scale if scale > 0 else float(actual.norm())
    if not error <= tolerance:  # also true for NaN
        raise WrongResultError(f"{quantity}: relative error {error:.3g} against float64; allowed is {tolerance:.3g}")
    return error
