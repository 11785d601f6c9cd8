"""How far the answer of any network may be off: what rounding does here passes, and a mistake never does."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
import torch
from torch import Tensor, nn

from bench.devices.dtypes import TORCH_DTYPES
from bench.record.case import BUILTIN_STEPS, Case
from bench.steps.standard import Errors, check_measured
from bench.steps.verify import Answer, WrongResultError
from tests.makers.networks import BATCH, NORMED, broken, errors_of_variant


def case_of(step: str = "train", dtype: str = "float32") -> Case:
    """Return a case of the network with a BatchNorm."""
    return Case(model="normed", step=step, batch=BATCH, device="cpu", dtype=dtype, compile="off")


@pytest.mark.parametrize("dtype", ["float32", "bfloat16", "float16", "amp-bfloat16"])
@pytest.mark.parametrize("step", BUILTIN_STEPS)
def test_right_network_passes_as_eager_and_as_a_variant(step: str, dtype: str) -> None:
    """A bias before a BatchNorm has no gradient but rounding's; buffers and weights are compared after two steps."""
    for seed in range(5):
        for as_eager in (True, False):
            errors = errors_of_variant(case_of(step, dtype), NORMED, seed=seed, as_eager=as_eager)
            assert {"logits", "loss", "buffers"} <= errors.keys()
            assert ("gradients" in errors, "weights" in errors) == (step in {"backward", "train"}, step == "train")


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_gradient_that_is_summed_in_another_order_passes(dtype: str) -> None:
    """A mean's gradient of a bias is a sum of equal terms: eager's is exact, a compiled loop's off by 50 roundoffs."""
    kind = TORCH_DTYPES[dtype]
    right = Answer(
        output=(torch.ones(2, dtype=torch.float64),),
        loss=torch.ones((), dtype=torch.float64),
        gradients={"bias": torch.full((24,), 1 / 24, dtype=torch.float64), "zero": torch.full((1,), 1e-19).double()},
        weights={"bias": torch.full((24,), -1e-3 / 24, dtype=torch.float64), "zero": torch.full((1,), -1e-22).double()},
    )  # both began at zero, and one has no gradient but rounding's, as a bias before a BatchNorm

    def off_by(share: float) -> Answer:
        assert right.gradients is not None
        assert right.weights is not None
        return replace(
            right,
            gradients={"bias": right.gradients["bias"] * (1 + share), "zero": right.gradients["zero"] + share / 5},
            weights={"bias": right.weights["bias"] * (1 + share), "zero": right.weights["zero"] - 1e-3 * share / 5},
        )

    check_measured(off_by(50 * kind.roundoff), right, [Errors.of(right, right)], kind)
    with pytest.raises(WrongResultError, match="gradients of bias"):
        check_measured(off_by(500 * kind.roundoff), right, [Errors.of(right, right)], kind)


def lose_small(share: float, eager_off: float, dtype: str = "bfloat16") -> None:
    """Judge an answer that lacks a gradient of a small share of all, in which eager is off by a share of it."""
    right = Answer(
        output=(torch.ones(2, dtype=torch.float64),),
        loss=torch.ones((), dtype=torch.float64),
        gradients={"large": torch.ones(100, dtype=torch.float64), "small": torch.full((100,), share).double()},
    )
    assert right.gradients is not None
    eager = replace(right, gradients={**right.gradients, "small": right.gradients["small"] * (1 + eager_off)})
    lost = replace(right, gradients={**right.gradients, "small": torch.zeros(100, dtype=torch.float64)})
    check_measured(lost, right, [Errors.of(eager, right)], TORCH_DTYPES[dtype])


def test_small_gradient_that_eager_sees_may_not_be_zero() -> None:
    """As before a head that began at zero: smaller than bfloat16's roundoff of the whole, and yet no rounding."""
    with pytest.raises(WrongResultError, match="gradients of small: all zero"):
        lose_small(1e-3, eager_off=0.1)


@pytest.mark.parametrize(
    ("share", "eager_off", "dtype"), [(1e-3, 1.0, "bfloat16"), (1e-6, 0.1, "bfloat16"), (1e-9, 0.0, "float32")]
)
def test_gradient_that_only_rounding_made_may_be_zero(share: float, eager_off: float, dtype: str) -> None:
    """Eager does not see it, or it is no more than what the reference itself is off."""
    lose_small(share, eager_off, dtype)


def first_weight(network: nn.Module) -> None:
    """Read one layer with a weight that is a little off."""
    with torch.no_grad():
        network.conv.weight[0] *= 1.3  # type: ignore[operator,index]


def lost_gradient(network: nn.Module) -> None:
    """Leave a parameter's gradient out."""
    network.out.bias.register_hook(torch.zeros_like)  # type: ignore[union-attr,operator]


def frozen(network: nn.Module) -> None:
    """Do not differentiate by a parameter at all."""
    network.head.weight.requires_grad_(False)  # type: ignore[union-attr,operator]


def half_gradient(network: nn.Module) -> None:
    """Halve one gradient that is small beside the whole."""
    network.out.bias.register_hook(lambda gradient: gradient * 0.5)  # type: ignore[union-attr,operator]


def swapped_classes(network: nn.Module) -> None:
    """Answer with two classes exchanged."""
    network.register_forward_hook(lambda _module, _inputs, output: output[:, [1, 0, 2, 3, 4]])


def stale_buffer(network: nn.Module) -> None:
    """Normalise by the batch, and keep the running means as they were."""
    network.norm.momentum = 0.0  # type: ignore[union-attr]


def lost_normalisation(network: nn.Module) -> None:
    """Normalise nothing."""
    network.norm = nn.Identity()


def lost_relu(network: nn.Module) -> None:
    """Hand a tensor on as it is where the network cuts it off."""

    def negative_too(_module: nn.Module, inputs: tuple[Tensor]) -> tuple[Tensor]:
        return (inputs[0] - 0.2,)

    network.out.register_forward_pre_hook(negative_too)


def other_epsilon(network: nn.Module) -> None:
    """Normalise with another constant."""
    network.norm.eps = 0.5  # type: ignore[union-attr]


def zeros(network: nn.Module) -> None:
    """Answer nothing."""
    network.register_forward_hook(lambda _module, _inputs, output: output * 0)


FAULTS = [
    first_weight,
    lost_gradient,
    frozen,
    half_gradient,
    swapped_classes,
    stale_buffer,
    lost_normalisation,
    lost_relu,
    other_epsilon,
    zeros,
]


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.__name__)
@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_fault_in_a_variant_is_a_wrong_result(dtype: str, fault: Callable[[nn.Module], None]) -> None:
    """Ten kinds of mistakes that a compiler or a rewritten layer can make; each in five draws of the weights."""
    for seed in range(5):
        with pytest.raises(WrongResultError):
            errors_of_variant(case_of(dtype=dtype), broken(fault), seed=seed)


def answer(**changes: object) -> Answer:
    """Return an answer, but for these fields."""
    made = Answer(
        output=(torch.tensor([1.0, 2.0], dtype=torch.float64),),
        loss=torch.tensor(1.0, dtype=torch.float64),
        gradients={"w": torch.tensor([3.0, 4.0], dtype=torch.float64), "b": torch.tensor([1e-12], dtype=torch.float64)},
        buffers={"mean": torch.tensor([1.0], dtype=torch.float64), "count": torch.tensor(3)},
    )
    return replace(made, **changes)  # type: ignore[arg-type]


FLOAT32 = TORCH_DTYPES["float32"]


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        (
            {"gradients": {"w": torch.zeros(2, dtype=torch.float64)}},
            "gradients of w: all zero, where the reference's is 5",
        ),
        ({"gradients": {}}, "gradients of w: none, where the reference's is 5"),
        ({"gradients": None}, "gradients: none, where the reference has some"),
        ({"buffers": {}}, "buffer mean: none, where the reference has some"),
        ({"buffers": {"mean": torch.ones(1).double(), "count": torch.tensor(2)}}, "buffer count: 1 of its elements"),
        ({"output": (torch.tensor([1.0, torch.inf]).double(),)}, "logits: relative error inf"),
        ({"output": (torch.tensor([1.0, torch.nan]).double(),)}, "logits: relative error nan"),
        ({"output": ()}, "logits: 0 tensors instead of 1"),
        ({"loss": torch.tensor(1.5).double()}, "loss: relative error"),
    ],
)
@pytest.mark.parametrize("with_eager", [True, False])
def test_answer_with_something_amiss_is_named(changes: dict[str, object], sentence: str, *, with_eager: bool) -> None:
    """Beside eager and as eager."""
    right = answer()
    eager = [Errors.of(right, right)] if with_eager else []
    assert set(check_measured(right, right, eager, FLOAT32).values()) == {0.0}
    with pytest.raises(WrongResultError, match=sentence):
        check_measured(answer(**changes), right, eager, FLOAT32)


def test_gradient_that_is_rounding_alone_is_not_looked_at_by_itself() -> None:
    """Mathematically zero, it may be anything of its size; together with the others it counts."""
    right = answer()
    other = {**right.gradients, "b": torch.tensor([-5e-12], dtype=torch.float64)}  # type: ignore[dict-item]
    assert check_measured(answer(gradients=other), right, [Errors.of(right, right)], FLOAT32)["gradients"] < 1e-11
    with pytest.raises(WrongResultError, match="gradients of all: relative error"):
        check_measured(
            answer(gradients={**right.gradients, "b": torch.tensor([1.0]).double()}),  # type: ignore[dict-item]
            right,
            [Errors.of(right, right)],
            FLOAT32,
        )


def test_whole_numbers_may_be_swapped_by_rounding_in_few_places() -> None:
    """Classes of equal score; a share of the elements is compared."""
    classes = torch.arange(100)
    swapped = classes.clone()
    swapped[0] = 1
    right = answer(output=(classes,))
    assert check_measured(answer(output=(swapped,)), right, [Errors.of(right, right)], FLOAT32)[
        "logits"
    ] == pytest.approx(0.01)
    with pytest.raises(WrongResultError, match=r"logits: 0.9 of its elements differ"):
        check_measured(
            answer(output=(torch.where(classes < 10, classes, 0),)), right, [Errors.of(right, right)], FLOAT32
        )


def test_infinity_where_it_belongs_is_no_error_and_hides_none() -> None:
    """As in a mask: beside it every other error would be small in norm."""
    mask = torch.tensor([1.0, 2.0, -torch.inf], dtype=torch.float64)
    right = answer(output=(mask,))
    assert check_measured(right, right, [Errors.of(right, right)], FLOAT32)["logits"] == 0
    off = torch.tensor([1.0, 2.5, -torch.inf], dtype=torch.float64)
    with pytest.raises(WrongResultError, match="logits: relative error"):
        check_measured(answer(output=(off,)), right, [Errors.of(right, right)], FLOAT32)


def test_eager_that_is_far_off_allows_its_variants_as_much() -> None:
    """A network that amplifies rounding: what eager is off says how far a variant may be."""
    right = answer()
    eager = answer(output=(right.output[0] * 1.01,))
    check_measured(answer(output=(right.output[0] * 0.97,)), right, [Errors.of(eager, right)], FLOAT32)
    with pytest.raises(WrongResultError, match="logits"):
        check_measured(answer(output=(right.output[0] * 0.95,)), right, [Errors.of(eager, right)], FLOAT32)
    with pytest.raises(WrongResultError, match="logits"):
        check_measured(answer(output=(right.output[0] * 0.97,)), right, [Errors.of(right, right)], FLOAT32)


def test_eager_without_a_buffer_of_the_reference_is_a_wrong_result() -> None:
    """A network whose buffers depend on its dtype ended its case in a bare KeyError."""
    right = answer()
    with pytest.raises(WrongResultError, match="eager has no buffer mean, which the network in float64 has"):
        Errors.of(replace(right, buffers={}), right)
