"""How far the answer of any network may be off: a small multiple of what eager in the same dtype is off.

No tolerance per dtype holds for every network. In bfloat16 the gradients of a residual network in training differ from
float64's by a third, those of a small transformer by a hundredth, and the bias before a BatchNorm has a gradient that
is mathematically zero, so that any error of it is infinite relative to it. So rounding is measured, not derived:

- Eager in the case's dtype, on its device, is held against float64. Its error is on record. It may be far off, but not
  by the order of what is right itself: that catches nonsense and no rounding.
- In float32 and float64 a unit that is nearly zero is on the other side of a ReLU once in many draws, and a gradient is
  then off by a thousand times of what it is off in the others. So there eager's error is the largest of several draws,
  in which the weights are moved by `PERTURBATION` roundoffs, which makes such flips that much more frequent.
- Every other variant, compiled or in another memory format, may be off by `MULTIPLE` of that error, and by `ROUNDINGS`
  unit roundoffs of the dtype beside it.
- Gradients are measured together, against the norm of all, and each parameter's by itself where its reference is
  larger than the roundoff of the whole: by `MULTIPLE_OF_PART` of what eager is off in it. A gradient that is missing,
  or all zero, where the reference's is not, is wrong at any share that eager sees: it is off by less than half there.
- Weights after a step may be off by what their gradients may, times the learning rate, and by the rounding of the dtype
  they are kept in. Buffers after it, such as running means, are measured together and each by itself, too.
- Whole numbers are compared one by one: a class that rounding swaps is a share of the elements.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import hypot, sqrt

from torch import Tensor

from bench.devices.dtypes import Dtype
from bench.record.how_many import how_many
from bench.steps.verify import LEARNING_RATE, OUTPUT, Answer, Tolerance, WrongResultError, check, check_names

MULTIPLE = 4.0
"""Two roundings of one computation are off by the same order, over all of a tensor; see METHODOLOGY for the ratios."""

MULTIPLE_OF_PART = 10.0
"""One parameter's gradient, or one running mean, may be summed in another order, which is less exact by so much."""

ROUNDINGS = 4.0
"""Where eager happens to be exact, as at an output that is a copy, so many roundoffs are allowed all the same."""

ROUNDINGS_OF_SUM = 256.0
"""A gradient in float32 or float64 may be off by so many: it is a sum over the batch and all places, in that dtype.
Eager sums in pairs, and a mean's equal terms without any error; a compiled loop adds them in order, and was off by 50
after 1,024 terms. A coarse dtype is summed in float32."""

PERTURBATION, PERTURBED, MORE_PERTURBED = 64.0, 2, 6
"""The weights of a draw are moved by so many roundoffs, each up or down; there are so many such draws, and so many more
before an answer is called wrong."""

FINE_ROUNDOFF = 2.0**-20
"""A dtype with a smaller roundoff is fine: flips are rare in it. In a coarse one every draw has many."""

SEEN = 0.5
"""Where eager is off by less than this share of a gradient, however small that is beside the others, it is not zero."""

NOISE_OF_REFERENCE = ROUNDINGS_OF_SUM * 2.0**-24
"""A gradient that is mathematically zero may be this share of all in the reference, which may be in float32."""

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
        draws: what eager is off in that dtype on that device, in several draws where rounding is fine; none where the
            case is eager itself.
        draw_more: makes more of them, which are asked for before an answer is called wrong; None for no more.
    """

    dtype: Dtype
    draws: Sequence[Draw]
    draw_more: Callable[[], Sequence[Draw]] | None = None

    def check_first(self, answer: Answer, right: Answer) -> dict[str, float]:
        """Return the relative errors of the first answer; raise WrongResultError where it is wrong."""
        return self._check(
            lambda draws: check_measured(answer, right, [draw.first for draw in draws if draw.first], self.dtype)
        )

    def check_last(self, answer: Answer, right: Answer, steps: int) -> dict[str, float]:
        """Return the relative errors of the last answer, after so many steps; raise where it is wrong."""
        return self._check(
            lambda draws: check_measured(answer, right, [draw.last for draw in draws], self.dtype, steps=steps)
        )

    def _check(self, check_against: Callable[[Sequence[Draw]], dict[str, float]]) -> dict[str, float]:
        try:
            return check_against(self.draws)
        except WrongResultError:
            if self.draw_more is None:
                raise
            return check_against([*self.draws, *self.draw_more()])


Standard = DerivedStandard | MeasuredStandard


@dataclass(frozen=True, slots=True, kw_only=True)
class Errors:
    """What one answer of eager is off: the norm of the difference, of whole numbers the share that differs.

    The answers themselves are not kept: those of a large network take gigabytes.

    Attributes:
        output: of each tensor.
        loss: None where the step has none.
        gradients: by parameter; None where the step has none.
        weights: likewise, after the step.
        buffers: by name.
    """

    output: tuple[float, ...]
    loss: float | None
    gradients: Mapping[str, float] | None
    weights: Mapping[str, float] | None
    buffers: Mapping[str, float]

    @classmethod
    def of(cls, answer: Answer, right: Answer) -> Errors:
        """Return what an answer is off.

        Raises:
            WrongResultError: if it has other shapes than what is right, or lacks a buffer.
        """
        if len(answer.output) != len(right.output):
            raise WrongResultError(f"{OUTPUT}: {how_many(len(answer.output), 'tensor')} instead of {len(right.output)}")
        if lacking := [name for name in right.buffers if name not in answer.buffers]:
            raise WrongResultError(f"eager has no buffer {lacking[0]}, which the network in float64 has")
        no_loss = answer.loss is None or right.loss is None
        return cls(
            output=tuple(map(_error, answer.output, right.output)),
            loss=None if no_loss else _distance(answer.loss, right.loss),  # type: ignore[arg-type]
            gradients=_distances("gradients of", answer.gradients, right.gradients),
            weights=_distances("weights of", answer.weights, right.weights),
            buffers={name: _error(answer.buffers[name], buffer) for name, buffer in right.buffers.items()},
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Draw:
    """What eager is off in both of its answers, in one draw; the first is None where nobody asks for it."""

    first: Errors | None
    last: Errors


def check_measured(
    answer: Answer, right: Answer, draws: Sequence[Errors], dtype: Dtype, *, steps: int = 1
) -> dict[str, float]:
    """Return the relative error in norm of each quantity: the worst one over tensors, and that of all parameters.

    Args:
        answer: what was computed.
        right: what is right.
        draws: what eager is off in the same dtype, once or several times; none where that is the answer itself.
        dtype: in which it was computed.
        steps: of training, after which the weights are compared.

    Raises:
        WrongResultError: if one of them is beyond what is allowed, or of another shape or name.
    """
    judge = _Judge(dtype)
    errors = {OUTPUT: judge.check_outputs(answer.output, right.output, [draw.output for draw in draws])}
    if answer.loss is not None and right.loss is not None:
        losses = [draw.loss for draw in draws if draw.loss is not None]
        errors["loss"] = judge.check_loss(answer.loss, right.loss, losses, right.output)
    if right.gradients is not None:
        gradients = [draw.gradients for draw in draws if draw.gradients is not None]
        errors["gradients"] = judge.check_gradients(answer.gradients, right.gradients, gradients)
    if right.weights is not None and right.gradients is not None:
        weights = [draw.weights for draw in draws if draw.weights is not None]
        errors["weights"] = judge.check_weights(answer.weights, right.weights, weights, right.gradients, steps)
    if right.buffers:
        errors["buffers"] = judge.check_buffers(answer.buffers, right.buffers, [draw.buffers for draw in draws])
    return errors


@dataclass(frozen=True, slots=True)
class _Judge:
    """Compares one quantity after the other.

    Attributes:
        dtype: in which the answers were computed.
    """

    dtype: Dtype

    def limit(self, scale: float, eager: float | None) -> float:
        """Return the largest error that is allowed.

        Args:
            scale: the size of what is right.
            eager: the error of eager in it; None where eager itself is judged.
        """
        if eager is None:
            return min(WIDE, WIDE_ROOTS * sqrt(self.dtype.roundoff)) * scale
        return MULTIPLE * eager + ROUNDINGS * self.dtype.roundoff * scale

    @property
    def roundings_of_sum(self) -> float:
        """By how many roundoffs a sum over the batch may be off where eager happens to be exact."""
        return ROUNDINGS_OF_SUM if self.dtype.roundoff < FINE_ROUNDOFF else ROUNDINGS

    def check_outputs(
        self, actual: Sequence[Tensor], expected: Sequence[Tensor], draws: Sequence[Sequence[float]]
    ) -> float:
        """Return the worst relative error over the tensors of an output."""
        if len(actual) != len(expected):
            raise WrongResultError(f"{OUTPUT}: {how_many(len(actual), 'tensor')} instead of {len(expected)}")
        names = [OUTPUT] if len(expected) == 1 else [f"{OUTPUT}[{index}]" for index in range(len(expected))]
        return max(
            self.check_tensor(name, actual[index], expected[index], [draw[index] for draw in draws])
            for index, name in enumerate(names)
        )

    def check_tensor(self, name: str, actual: Tensor, expected: Tensor, draws: Sequence[float]) -> float:
        """Return the relative error of one tensor; of whole numbers the share that differs."""
        _check_shape(name, actual, expected)
        error, eager = _error(actual, expected), max(draws, default=None)
        if not expected.is_floating_point():
            limit = WIDE_SHARE if eager is None else MULTIPLE * eager + SHARE
            if error > limit:
                what = f"{error:.3g} of its elements differ from float64's"
                raise WrongResultError(f"{name}: {what}; allowed is {limit:.3g}")
            return error
        scale = _size(expected)
        return _within(name, error, self.limit(scale, eager), scale)

    def check_loss(self, actual: Tensor, expected: Tensor, draws: Sequence[float], output: Sequence[Tensor]) -> float:
        """Return the loss's relative error; one that is nearly zero by cancellation is measured by the output."""
        _check_shape("loss", actual, expected)
        sizes = [
            _size(tensor) / sqrt(tensor.numel()) for tensor in output if tensor.is_floating_point() and tensor.numel()
        ]
        scale = max([float(expected.abs()), *sizes])
        return _within("loss", _distance(actual, expected), self.limit(scale, max(draws, default=None)), scale)

    def check_gradients(
        self, actual: Mapping[str, Tensor] | None, expected: Mapping[str, Tensor], draws: Sequence[Mapping[str, float]]
    ) -> float:
        """Return the relative error of all gradients together, after each was looked at by itself."""
        if actual is None:
            raise WrongResultError("gradients: none, where the reference has some")
        sizes = {name: _size(right) for name, right in expected.items()}
        floor = self.dtype.roundoff * hypot(*sizes.values())
        for name, tensor in actual.items():
            if name not in expected and _size(tensor) > floor:
                raise WrongResultError(f"gradients of {name}: some, where the reference has none")
        parts = _Parts.of("gradients of", actual, expected, draws)
        noise = NOISE_OF_REFERENCE * parts.whole
        for name, size in sizes.items():
            seen = size > floor or (draws and size > noise and parts.eager[name] < SEEN * size)
            if seen and (name not in actual or not actual[name].any()):
                how = "all zero" if name in actual else "none"
                raise WrongResultError(f"gradients of {name}: {how}, where the reference's is {size:.3g} in norm")
        for name, size in sizes.items():
            if draws and size > floor:
                rounding = self.roundings_of_sum * self.dtype.roundoff * size
                parts.check(name, MULTIPLE_OF_PART * parts.eager_of(name) + rounding)
        return self.check_together(parts, self.roundings_of_sum)

    def check_buffers(
        self, actual: Mapping[str, Tensor], expected: Mapping[str, Tensor], draws: Sequence[Mapping[str, float]]
    ) -> float:
        """Return the relative error of all buffers together, after each was looked at by itself.

        A running mean may be mathematically zero, behind a layer without a bias: each of its numbers may be off by what
        eager's numbers typically are. One that stayed zero, where eager's moved, is wrong all the same.
        """
        check_names("buffer", actual, expected)
        for name, right in expected.items():
            if not right.is_floating_point():
                self.check_tensor(f"buffer {name}", actual[name], right, [draw[name] for draw in draws] or [0.0])
        numbers = {name: right for name, right in expected.items() if right.is_floating_point()}
        parts = _Parts.of("buffer", actual, numbers, draws)
        for name, size in parts.sizes.items() if draws else ():
            if size > parts.eager[name] and not actual[name].any():
                raise WrongResultError(f"buffer {name}: all zero, where the reference's is {size:.3g} in norm")
            eager = max(parts.eager_of(name), parts.typical * sqrt(numbers[name].numel()))
            parts.check(name, MULTIPLE_OF_PART * eager + ROUNDINGS * self.dtype.roundoff * size)
        return self.check_together(parts)

    def check_weights(
        self,
        actual: Mapping[str, Tensor] | None,
        expected: Mapping[str, Tensor],
        draws: Sequence[Mapping[str, float]],
        gradients: Mapping[str, Tensor],
        steps: int,
    ) -> float:
        """Return the relative error of all weights together after so many steps, after each was looked at by itself.

        One that began at zero, as a bias does, is nothing but its gradients' sum, and is off by what those are.
        """
        check_names("weights of", actual, expected)
        parts = _Parts.of("weights of", actual or {}, expected, draws)
        sizes = {name: _size(gradient) for name, gradient in gradients.items()}
        noise = self.dtype.roundoff * hypot(*sizes.values())  # of a gradient that is mathematically zero
        moves = {name: steps * LEARNING_RATE * max(sizes.get(name, 0.0), noise) for name in expected}
        share = min(1.0, parts.together / max(hypot(*moves.values()), TINY))
        for name, move in moves.items():
            of_sum = self.roundings_of_sum * LEARNING_RATE * noise
            of_rounding = 2 * self.dtype.storage_roundoff * parts.sizes[name] + of_sum
            luck = share * move if expected[name].numel() < FEW else 0.0
            of_gradient = MULTIPLE_OF_PART * max(parts.eager[name], luck) if draws else 2 * WIDE_WHOLE * move
            parts.check(name, of_gradient + steps * of_rounding)
        return hypot(*parts.errors.values()) / max(parts.whole, TINY)

    def check_together(self, parts: _Parts, roundings: float = ROUNDINGS) -> float:
        """Return the relative error of all parts; raise WrongResultError if it is beyond what is allowed.

        Args:
            parts: of the answer.
            roundings: by how many roundoffs they may be off where eager happens to be exact.
        """
        rounding = roundings * self.dtype.roundoff * parts.whole
        limit = MULTIPLE * parts.together + rounding if parts.eager else WIDE_WHOLE * parts.whole
        return _within(f"{parts.quantity} all", hypot(*parts.errors.values()), limit, parts.whole)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Parts:
    """One quantity in its parts, such as the gradients of each parameter.

    Attributes:
        quantity: how its name begins in a message.
        errors: of the answer, by part: the norm of the difference.
        sizes: of what is right.
        eager: the largest error of eager's draws, by part; empty where eager itself is judged.
        together: the largest error of a draw over all parts.
        numbers: how many there are, by part.
    """

    quantity: str
    errors: Mapping[str, float]
    sizes: Mapping[str, float]
    eager: Mapping[str, float]
    together: float
    numbers: Mapping[str, int]

    @classmethod
    def of(
        cls,
        quantity: str,
        actual: Mapping[str, Tensor],
        expected: Mapping[str, Tensor],
        draws: Sequence[Mapping[str, float]],
    ) -> _Parts:
        """Return the parts of an answer beside those of eager's draws."""
        return cls(
            quantity=quantity,
            errors=_distances(quantity, actual, expected) or {},
            sizes={name: _size(right) for name, right in expected.items()},
            eager={name: max(draw[name] for draw in draws) for name in expected} if draws else {},
            together=max((hypot(*(draw[name] for name in expected)) for draw in draws), default=0.0),
            numbers={name: right.numel() for name, right in expected.items()},
        )

    @property
    def whole(self) -> float:
        """The size of what is right, over all parts."""
        return hypot(*self.sizes.values())

    @property
    def typical(self) -> float:
        """Eager's error in one number."""
        return self.together / sqrt(max(1, sum(self.numbers.values())))

    def eager_of(self, name: str) -> float:
        """Return eager's error in a part; of few numbers its share of the whole, if that is more."""
        share = self.together * self.sizes[name] / max(self.whole, TINY)
        return max(self.eager[name], share) if self.numbers[name] < FEW else self.eager[name]

    def check(self, name: str, limit: float) -> None:
        """Raise WrongResultError if a part is beyond its limit."""
        _within(f"{self.quantity} {name}", self.errors[name], limit, self.sizes[name])


def _share(actual: Tensor, expected: Tensor) -> float:
    """Return which share of the elements differs."""
    return float((actual != expected).double().mean()) if expected.numel() else 0.0


def _within(name: str, error: float, limit: float, scale: float) -> float:
    """Return an error relative to its scale, as it is where that is zero; raise WrongResultError beyond the limit."""
    relative: Callable[[float], float] = (lambda value: value / scale) if scale > 0 else (lambda value: value)
    if not error <= limit:  # also true for NaN
        allowed = f"{relative(limit):.3g}"
        raise WrongResultError(f"{name}: relative error {relative(error):.3g} against float64; allowed is {allowed}")
    return relative(error)


def _distances(
    quantity: str, actual: Mapping[str, Tensor] | None, expected: Mapping[str, Tensor] | None
) -> dict[str, float] | None:
    """Return the norm of each difference; a tensor that is missing counts as zero. None where there is nothing."""
    if actual is None or expected is None:
        return None
    for name, right in expected.items():
        if name in actual:
            _check_shape(f"{quantity} {name}", actual[name], right)
    return {
        name: _distance(actual[name], right) if name in actual else _size(right) for name, right in expected.items()
    }


def _error(actual: Tensor, expected: Tensor) -> float:
    """Return the norm of a difference, of whole numbers the share that differs."""
    return _distance(actual, expected) if expected.is_floating_point() else _share(actual, expected)


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
