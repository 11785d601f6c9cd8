"""A right answer passes in every dtype, a wrong one never does."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
import torch
from torch import nn

from bench.devices.dtypes import TORCH_DTYPES
from bench.record.case import BUILTIN_STEPS, DTYPES
from bench.steps.verify import (
    LEARNING_RATE,
    Answer,
    Tolerance,
    WrongResultError,
    check,
    derive_tolerance,
    relative_error,
)
from models import MODELS
from tests.makers import subjects
from tests.makers.subjects import BATCH, answer_of, case_of, right_of, step_of


def allowed(dtype: str, batch: int = BATCH) -> Tolerance:
    """Return what the tutorial's network is allowed in a dtype."""
    return derive_tolerance(TORCH_DTYPES[dtype], batch)


QUANTITIES = {
    "forward": {"logits", "loss"},
    "backward": {"logits", "loss", "gradients"},
    "train": {"logits", "loss", "gradients", "weights"},
    "predict": {"logits", "loss"},
}


def test_every_name_of_the_dtype_axis_has_its_meaning() -> None:
    """A dtype is added in one place each, and here is where a forgotten one shows."""
    assert tuple(TORCH_DTYPES) == DTYPES
    assert [name for name, dtype in TORCH_DTYPES.items() if dtype.amp] == ["amp-bfloat16", "amp-float16"]


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("step", BUILTIN_STEPS)
@pytest.mark.parametrize("batch", [1, 16])
def test_right_answer_passes(step: str, dtype: str, batch: int) -> None:
    """A tolerance that refuses a right answer now and then makes every table full of holes."""
    case = case_of(step, dtype, batch=batch)
    for seed in range(4):
        errors = check(answer_of(step_of(case, seed=seed)), right_of(case, seed=seed), allowed(dtype, batch))
        assert errors.keys() == QUANTITIES[step]
        assert all(0 <= error < 0.5 for error in errors.values())


@pytest.mark.parametrize("dtype", [name for name in DTYPES if name not in ("float64", "tf32")])  # no CPU has the latter
def test_rounding_shows(dtype: str) -> None:
    """A case that answers with float64's own digits did not compute in its dtype."""
    case = case_of(dtype=dtype)
    errors = check(answer_of(step_of(case)), right_of(case), allowed(dtype))
    assert errors["logits"] > TORCH_DTYPES[dtype].roundoff / 100


WRONG = [
    subjects.missing_relu,
    subjects.transposed_weight,
    subjects.dropped_bias,
    subjects.not_a_number,
    subjects.swapped_classes,
    subjects.first_image_only,
]


@pytest.mark.parametrize("break_it", WRONG, ids=lambda break_it: break_it.__name__)
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("step", ["forward", "backward"])
def test_wrong_network_is_a_wrong_result(step: str, dtype: str, break_it: Callable[[nn.Module], None]) -> None:
    """A fast wrong answer has no time."""
    case = case_of(step, dtype)
    for seed in range(3):
        answer = answer_of(step_of(case, seed=seed, break_it=break_it))
        with pytest.raises(WrongResultError, match=r"relative error \S+ against float64; allowed is"):
            check(answer, right_of(case, seed=seed), allowed(dtype))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_missing_first_bias_is_a_wrong_result(dtype: str) -> None:
    """The smallest of the usual mistakes; it moves logits by a few percent."""
    case = case_of(dtype=dtype)
    with pytest.raises(WrongResultError, match="logits"):
        check(answer_of(step_of(case, break_it=subjects.dropped_first_bias)), right_of(case), allowed(dtype))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_step_that_is_not_taken_is_a_wrong_result(dtype: str) -> None:
    """A training step without its last part is faster, and its logits and gradients are right."""
    case = case_of("train", dtype)
    step = step_of(case)
    step.optimizer.step = lambda: None  # type: ignore[attr-defined]
    with pytest.raises(WrongResultError, match="weights of"):
        check(answer_of(step), right_of(case), allowed(dtype))


@pytest.mark.parametrize("step", ["backward", "train"])
def test_gradients_that_accumulate_are_a_wrong_result(step: str) -> None:
    """Twice the gradient is what a forgotten zero_grad gives."""
    case = case_of(step)
    mine = step_of(case)
    logits, loss = mine.iterate()
    for parameter in mine.subject.network.parameters():
        assert parameter.grad is not None
        parameter.grad *= 2
    with pytest.raises(WrongResultError, match="gradients of"):
        check(mine.answer(logits, loss), right_of(case), allowed("float32"))


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"gradients": None}, "gradients of nothing, where the reference has some"),
        ({"gradients": {}}, "gradients of linear_relu_stack.0.weight: none, where the reference has some"),
        ({"output": (torch.zeros(4, 9),)}, r"logits: shape \(4, 9\) instead of \(4, 10\)"),
        ({"output": (torch.full((4, 10), torch.inf),)}, "logits: relative error"),
        ({"output": (torch.zeros(4, 10), torch.zeros(4, 10))}, "logits: 2 tensors instead of 1"),
        ({"loss": torch.tensor(torch.nan)}, "loss: relative error nan"),
        ({"loss": torch.zeros(1)}, r"loss: shape \(1,\) instead of \(\)"),
    ],
    ids=["no-gradients", "other-gradients", "shape", "infinite", "two-outputs", "nan", "loss-of-another-shape"],
)
def test_answer_with_something_amiss_is_a_wrong_result(changes: dict[str, object], sentence: str) -> None:
    """Whatever cannot be compared is not right."""
    right = right_of(case_of("backward"))
    assert set(check(right, right, allowed("float64")).values()) == {0.0}
    with pytest.raises(WrongResultError, match=sentence):
        check(replace(right, **changes), right, allowed("bfloat16"))  # type: ignore[arg-type]


def test_parameter_without_a_gradient_is_a_wrong_result() -> None:
    """A backward that did not reach it computed less; one that reached another computed something else."""
    right = right_of(case_of("backward"))
    step = step_of(case_of("backward"))
    output, loss = step.iterate()
    stack = step.subject.network.linear_relu_stack
    stack[2].bias.grad = None
    with pytest.raises(WrongResultError, match=r"gradients of linear_relu_stack.2.bias: none, where the reference"):
        check(step.answer(output, loss), right, allowed("float32"))
    fewer = replace(right, gradients={name: value for name, value in right.gradients.items() if "2.bias" not in name})
    with pytest.raises(WrongResultError, match=r"gradients of linear_relu_stack.2.bias: some, where the reference"):
        check(right, fewer, allowed("float32"))


@pytest.mark.parametrize(("error", "passes"), [(0.0, True), (0.0999, True), (0.1001, False)])
def test_tolerance_is_a_share_of_the_expected_norm(error: float, *, passes: bool) -> None:
    """The same rounding of larger numbers is a larger difference."""
    expected = torch.tensor([3000.0, 4000.0], dtype=torch.float64)
    actual = expected * (1 + error)
    if passes:
        assert relative_error("x", actual, expected, 0.1) == pytest.approx(error)
    else:
        with pytest.raises(WrongResultError):
            relative_error("x", actual, expected, 0.1)


def test_expected_zero_is_compared_absolutely() -> None:
    """Nothing is divided by the norm of nothing."""
    zero = torch.zeros(2, dtype=torch.float64)
    assert relative_error("x", zero, zero, 0.1) == 0
    with pytest.raises(WrongResultError):
        relative_error("x", zero + 1, zero, 0.1)


def test_reference_is_float64_and_its_weights_took_the_step() -> None:
    """It is written out by hand, so that an optimiser cannot be wrong in both."""
    right: Answer = right_of(case_of("train"))
    torch.manual_seed(0)
    before = MODELS["mlp"].build()
    assert right.output[0].dtype == right.loss.dtype == torch.float64
    assert right.gradients is not None
    assert right.weights is not None
    for name, parameter in before.named_parameters():
        step = right.weights[name] - parameter.detach().double()
        assert torch.allclose(step, -LEARNING_RATE * right.gradients[name], rtol=1e-9, atol=1e-16)
