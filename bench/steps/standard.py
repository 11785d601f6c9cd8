"""How far the answer of any network may be off: a small multiple of what eager in the same dtype is off.

No tolerance per dtype holds for every network. In bfloat16 the gradients of a residual network in training differ from
float64's by a third, those of a small transformer by a hundredth, and the bias before a BatchNorm has a gradient that
is mathematically zero, so that any error of it is infinite relative to it. So rounding is measured, not derived:

- Eager in the case's dtype, on its device, is held against float64. Its error is on record. It may be far off, but not
  by the order of what is right itself: that catches nonsense and no rounding.
- Every other variant, compiled or in another memory format, may be off by `MULTIPLE` of that error, and by `ROUNDINGS`
  unit roundoffs of the dtype beside it.
- Gradients are measured together, against the norm of all, and each parameter's by itself where its reference is
  larger than the roundoff of the whole: by `MULTIPLE_OF_PART` of what eager is off in it. A gradient that is missing,
  or all zero, where the reference's is not, is wrong whatever its share.
- Weights after a step may be off by what their gradients may, times the learning rate, and by the rounding of the dtype
  they are kept in. Buffers after it, such as running means, are measured together and each by itself, too.
- Whole numbers are compared one by one: a class that rounding swaps is a share of the elements.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import hypot, sqrt

from torch import Tensor

from bench.devices.dtypes import Dtype
from bench.steps.step import References
from bench.steps.verify import LEARNING_RATE, OUTPUT, Answer, Tolerance, WrongResultError, check, check_names

MULTIPLE = 4.0
"""Two roundings of one computation are off by the same order, over all of a tensor; see METHODOLOGY for the ratios."""

MULTIPLE_OF_PART = 10.0
"""One parameter's gradient, or one running mean, may be summed in another order, which is less exact by so much."""

ROUNDINGS = 4.0
"""Where eager happens to be exact, as at an output that is a copy, so many roundoffs are allowed all the same."""

FEW = 8
"""Of fewer numbers than that eager's error may be small by luck: its share of the whole counts if that is more."""

WIDE_ROOTS, WIDE = 64.0, 0.5
"""Eager's output may be off by so many square roots of the roundoff, since rounding flips what is nearly zero, and by
half at most: a wrong layer, or garbage memory, is off by the order of 1."""

WIDE_WHOLE = 0.9
"""All gradients together may be off by so much: training amplifies rounding; zeros or garbage are off by 1 or more."""

WIDE_SHARE = 0.5
"""Rounding may swap so many of an output's whole numbers: an order of nearly equal scores."""

SHARE = 0.02
"""A variant may swap so many more of them than eager does."""

TINY = 1e-300
"""Nothing is divided by the norm of nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DerivedStandard:
    """What a perceptron of three layers is held to; see `verify`.

    Attributes:
        tolerance: how far each quantity may be off.
    """

    tolerance: Tolerance

    def check_first(self, answer: Answer, right: Answer) -> dict[str, float]:
        """Return the relative errors of the first answer; raise WrongResultError where it is wrong."""
        return check(answer, right, self.tolerance)

    def check_last(self, answer: Answer, right: Answer, steps: int) -> dict[str, float]:
        """Return the relative errors of the last answer, after so many steps; raise where it is wrong."""
        return check(answer, right, self.tolerance, steps=steps)


@dataclass(frozen=True, slots=True, kw_only=True)
class MeasuredStandard:
    """What any other network is held to.

    Attributes:
        dtype: the case's.
        eager: eager's own answers in that dtype on that device; None where the case is eager itself.
    """

    dtype: Dtype
    eager: References | None

    def check_first(self, answer: Answer, right: Answer) -> dict[str, float]:
        """Return the relative errors of the first answer; raise WrongResultError where it is wrong."""
        return check_measured(answer, right, None if self.eager is None else self.eager.first, self.dtype)

    def check_last(self, answer: Answer, right: Answer, steps: int) -> dict[str, float]:
        """Return the relative errors of the last answer, after so many steps; raise where it is wrong."""
        return check_measured(answer, right, None if self.eager is None else self.eager.last, self.dtype, steps=steps)


Standard = DerivedStandard | MeasuredStandard


def check_measured(
    answer: Answer, right: Answer, eager: Answer | None, dtype: Dtype, *, steps: int = 1
) -> dict[str, float]:
    """Return the relative error in norm of each quantity: the worst one over tensors or parameters.

    Args:
        answer: what was computed.
        right: what is right.
        eager: what eager computed in the same dtype; None where that is the answer itself.
        dtype: in which it was computed.
        steps: of training, after which the weights are compared.

    Raises:
        WrongResultError: if one of them is beyond what is allowed, or of another shape or name.
    """
    allowance = _Allowance(dtype)
    errors = {
        OUTPUT: _check_outputs(answer.output, right.output, None if eager is None else eager.output, allowance),
    }
    if answer.loss is not None and right.loss is not None:
        errors["loss"] = _check_loss(answer.loss, right, None if eager is None else eager.loss, allowance)
    if right.gradients is not None:
        theirs = None if eager is None else eager.gradients
        errors["gradients"] = _check_gradients(answer.gradients, right.gradients, theirs, allowance)
    if right.weights is not None and right.gradients is not None:
        errors["weights"] = _check_weights(answer, right, eager, dtype, steps)
    if right.buffers:
        theirs = None if eager is None else eager.buffers
        errors["buffers"] = _check_buffers(answer.buffers, right.buffers, theirs, allowance)
    return errors


@dataclass(frozen=True, slots=True)
class _Allowance:
    """How large an error may be, in the unit of what is compared.

    Attributes:
        dtype: in which it was computed.
    """

    dtype: Dtype

    def limit(self, scale: float, eager: float | None) -> float:
        """Return the largest error; `scale` is the size of what is right, `eager` the error of eager in it."""
        roundoff = self.dtype.roundoff
        if eager is None:
            return min(WIDE, WIDE_ROOTS * sqrt(roundoff)) * scale
        return MULTIPLE * eager + ROUNDINGS * roundoff * scale


def _check_outputs(
    actual: tuple[Tensor, ...], expected: tuple[Tensor, ...], eager: tuple[Tensor, ...] | None, allowance: _Allowance
) -> float:
    if len(actual) != len(expected):
        raise WrongResultError(f"{OUTPUT}: {len(actual)} tensors instead of {len(expected)}")
    worst = 0.0
    for index, (tensor, right) in enumerate(zip(actual, expected, strict=True)):
        name = OUTPUT if len(expected) == 1 else f"{OUTPUT}[{index}]"
        worst = max(worst, _check_tensor(name, tensor, right, None if eager is None else eager[index], allowance))
    return worst


def _check_buffers(
    actual: Mapping[str, Tensor],
    expected: Mapping[str, Tensor],
    eager: Mapping[str, Tensor] | None,
    allowance: _Allowance,
) -> float:
    """Return the relative error of all buffers together.

    Each is looked at by itself, too. A running mean may be mathematically zero, behind a layer without a bias: beside
    eager's error in it, each of its numbers may be off by what eager's numbers typically are. One that stayed zero,
    where eager's moved, is wrong all the same.
    """
    check_names("buffer", actual, expected)
    theirs = expected if eager is None else eager
    for name, right in expected.items():
        if not right.is_floating_point():
            _check_tensor(f"buffer {name}", actual[name], right, theirs[name], allowance)
    numbers = {name: right for name, right in expected.items() if right.is_floating_point()}
    for name, right in numbers.items():
        moved = eager is not None and _size(right) > _distance(eager[name], right)
        if moved and not actual[name].any():
            raise WrongResultError(f"buffer {name}: all zero, where the reference's is {_size(right):.3g} in norm")
    return _check_parts("buffer", actual, numbers, eager, allowance, floor=0.0)


def _check_parts(
    quantity: str,
    actual: Mapping[str, Tensor],
    expected: Mapping[str, Tensor],
    eager: Mapping[str, Tensor] | None,
    allowance: _Allowance,
    floor: float,
) -> float:
    """Return the relative error of all parts together, after each that is larger than a floor was looked at alone."""
    errors = _distances(quantity, actual, expected)
    sizes = {name: _size(right) for name, right in expected.items()}
    whole = hypot(*sizes.values())
    if eager is None:
        return _within(f"{quantity} all", hypot(*errors.values()), WIDE_WHOLE * whole, whole)
    theirs = _distances(quantity, eager, expected)
    together = hypot(*theirs.values())
    typical = together / sqrt(max(1, sum(right.numel() for right in expected.values())))  # of one number
    for name, size in sizes.items():
        if size > floor:
            share = together * size / max(whole, TINY) if expected[name].numel() < FEW else 0.0
            noise = typical * sqrt(expected[name].numel()) if floor == 0 else 0.0
            limit = MULTIPLE_OF_PART * max(theirs[name], share, noise) + ROUNDINGS * allowance.dtype.roundoff * size
            _within(f"{quantity} {name}", errors[name], limit, size)
    return _within(f"{quantity} all", hypot(*errors.values()), allowance.limit(whole, together), whole)


def _check_tensor(name: str, actual: Tensor, expected: Tensor, eager: Tensor | None, allowance: _Allowance) -> float:
    """Return the relative error of one tensor; raise WrongResultError if it is beyond what is allowed."""
    _check_shape(name, actual, expected)
    if not expected.is_floating_point():
        limit = WIDE_SHARE if eager is None else MULTIPLE * _share(eager, expected) + SHARE
        if (share := _share(actual, expected)) > limit:
            raise WrongResultError(f"{name}: {share:.3g} of its elements differ from float64's; allowed is {limit:.3g}")
        return share
    scale = _size(expected)
    limit = allowance.limit(scale, None if eager is None else _distance(eager, expected))
    return _within(name, _distance(actual, expected), limit, scale)


def _share(actual: Tensor, expected: Tensor) -> float:
    """Return which share of the elements differs."""
    return float((actual != expected).double().mean()) if expected.numel() else 0.0


def _check_loss(loss: Tensor, right: Answer, eager: Tensor | None, allowance: _Allowance) -> float:
    """Return the loss's relative error. A loss that is nearly zero by cancellation is measured by the outputs' size."""
    sizes = [
        _size(tensor) / sqrt(tensor.numel()) for tensor in right.output if tensor.is_floating_point() and tensor.numel()
    ]
    assert right.loss is not None, "it is compared with a loss"
    scale = max([float(right.loss.abs()), *sizes])
    error = None if eager is None else _distance(eager, right.loss)
    _check_shape("loss", loss, right.loss)
    return _within("loss", _distance(loss, right.loss), allowance.limit(scale, error), scale)


def _check_gradients(
    actual: Mapping[str, Tensor] | None,
    expected: Mapping[str, Tensor],
    eager: Mapping[str, Tensor] | None,
    allowance: _Allowance,
) -> float:
    """Return the relative error of all gradients together, after each was looked at by itself."""
    if actual is None:
        raise WrongResultError("gradients: none, where the reference has some")
    whole = hypot(*map(_size, expected.values()))
    floor = allowance.dtype.roundoff * whole
    for name, tensor in actual.items():
        if name not in expected and _size(tensor) > floor:
            raise WrongResultError(f"gradients of {name}: some, where the reference has none")
    sizes = {name: _size(right) for name, right in expected.items()}
    for name, size in sizes.items():
        if size > floor and (name not in actual or not actual[name].any()):
            how = "all zero" if name in actual else "none"
            raise WrongResultError(f"gradients of {name}: {how}, where the reference's is {size:.3g} in norm")
    return _check_parts("gradients of", actual, expected, eager, allowance, floor)


def _check_weights(answer: Answer, right: Answer, eager: Answer | None, dtype: Dtype, steps: int) -> float:
    """Return the relative error of all weights together after so many steps; each is looked at by itself.

    One that began at zero, as a bias does, is nothing but its gradients' sum, and is off by what those are.
    """
    assert right.weights is not None, "a step that trains moves weights"
    assert right.gradients is not None, "by their gradients"
    check_names("weights of", answer.weights, right.weights)
    assert answer.weights is not None, "its names were compared"
    gradients = {name: _size(right.gradients[name]) if name in right.gradients else 0.0 for name in right.weights}
    noise = dtype.roundoff * hypot(*gradients.values())  # of a gradient that is mathematically zero
    moves = {name: steps * LEARNING_RATE * max(size, noise) for name, size in gradients.items()}
    theirs = None
    if eager is not None and eager.weights is not None:
        theirs = _distances("weights of", eager.weights, right.weights)
    share = None if theirs is None else hypot(*theirs.values()) / max(hypot(*moves.values()), TINY)
    errors = _distances("weights of", answer.weights, right.weights)
    sizes = {name: _size(weight) for name, weight in right.weights.items()}
    for name, move in moves.items():
        rounding = steps * (2 * dtype.storage_roundoff * sizes[name] + MULTIPLE * LEARNING_RATE * noise)
        if theirs is None or share is None:
            of_gradient = 2 * WIDE_WHOLE * move
        else:
            luck = min(share, 1.0) * move if right.weights[name].numel() < FEW else 0.0
            of_gradient = MULTIPLE_OF_PART * max(theirs[name], luck)
        _within(f"weights of {name}", errors[name], of_gradient + rounding, sizes[name])
    return hypot(*errors.values()) / max(hypot(*sizes.values()), TINY)


def _within(name: str, error: float, limit: float, scale: float) -> float:
    """Return an error relative to its scale, as it is where that is zero; raise WrongResultError beyond the limit."""
    relative: Callable[[float], float] = (lambda value: value / scale) if scale > 0 else (lambda value: value)
    if not error <= limit:  # also true for NaN
        allowed = f"{relative(limit):.3g}"
        raise WrongResultError(f"{name}: relative error {relative(error):.3g} against float64; allowed is {allowed}")
    return relative(error)


def _distances(quantity: str, actual: Mapping[str, Tensor], expected: Mapping[str, Tensor]) -> dict[str, float]:
    """Return the norm of each difference; a tensor that is missing counts as zero."""
    for name, right in expected.items():
        if name in actual:
            _check_shape(f"{quantity} {name}", actual[name], right)
    return {
        name: _distance(actual[name], right) if name in actual else _size(right) for name, right in expected.items()
    }


def _check_shape(name: str, actual: Tensor, expected: Tensor) -> None:
    if actual.shape != expected.shape:
        raise WrongResultError(f"{name}: shape {tuple(actual.shape)} instead of {tuple(expected.shape)}")


def _distance(actual: Tensor, expected: Tensor) -> float:
    """Return the norm of a difference; the same infinity on both sides, or no number on both, is none."""
    alike = (actual == expected) | (actual.isnan() & expected.isnan())
    return float((actual - expected).masked_fill(alike, 0.0).norm())


def _size(tensor: Tensor) -> float:
    """Return the norm of a tensor's finite elements: beside an infinity, as in a mask, every error would be small."""
    return float(tensor.nan_to_num(0.0, 0.0, 0.0).norm())
