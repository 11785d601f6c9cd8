"""A step of the user's own is timed like forward, and its answer is verified like any."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from textwrap import dedent

import pytest
import torch
from torch import Tensor, nn

from bench.devices.clock import clock
from bench.devices.dtypes import TORCH_DTYPES
from bench.record.case import Case
from bench.steps.find_step import find_step, know_steps
from bench.steps.own import OwnStep
from bench.steps.prepare import prepare
from bench.steps.references import compute_references, draw_eager
from bench.steps.standard import MeasuredStandard
from bench.steps.subject import UnknownNameError, build
from bench.steps.verify import WrongResultError, check_output
from tests.makers.subjects import CPU, PERCEPTRON, case_of, feeds_of, no_clock, prepared_of

BFLOAT16 = TORCH_DTYPES["bfloat16"]
Write = Callable[[str], None]


@pytest.fixture
def write(tmp_path: Path) -> Iterator[Write]:
    """Writes a file of steps, and has this process know the one that is called `mine` until the test ends."""
    path = tmp_path / "steps.py"

    def write_steps(source: str) -> None:
        path.write_text(f"import torch\n{dedent(source)}")
        know_steps({"mine": f"{path}:mine"})

    yield write_steps
    know_steps({})


def own_case(dtype: str = "float32", compile_: str = "off") -> Case:
    """Return the case of that step."""
    return case_of("mine", dtype, compile_)


def step_of_own(case: Case | None = None) -> OwnStep:
    """Return the step without preparing it."""
    case = case or own_case()
    subject = build(case, PERCEPTRON, CPU, feeds_of(case), seed=0, compiled=False)
    step = find_step("mine")(subject, no_clock)
    assert isinstance(step, OwnStep)
    return step


def test_only_calls_of_the_function_are_timed(write: Write) -> None:
    """One that is not timed goes before them, as in any slice; the setup has long been run."""
    write(
        """
        log = []
        def setup(module, inputs):
            log.append("setup")
        def mine(module, inputs):
            log.append("call")
            return module(inputs)
        """
    )
    step = step_of_own()
    log: list[str] = step.function.__globals__["log"]
    step.clock = lambda: float(log.append("clock") or len(log))  # type: ignore[func-returns-value]
    step.timed(3)
    assert log == ["setup", "call", "clock", "call", "call", "call", "clock"]


def test_function_decides_the_mode_and_whether_gradients_are_recorded(write: Write) -> None:
    """It gets the network as torch makes one."""
    write(
        """
        def mine(module, inputs):
            assert module.training and torch.is_grad_enabled() and not torch.is_inference_mode_enabled()
            return module(inputs)
        """
    )
    assert prepared_of(own_case()).recheck()["logits"] < 1e-5


def test_what_setup_returns_is_the_third_argument(write: Write) -> None:
    """Once for each network, with the network and the inputs that the function gets."""
    write(
        """
        def setup(module, inputs):
            return {"module": module, "inputs": inputs, "scale": 3.0}
        def mine(module, inputs, made):
            assert made["module"] is module and made["inputs"].shape == inputs.shape
            return made["scale"] * module(inputs)
        """
    )
    assert prepared_of(own_case()).recheck()["logits"] < 1e-5


@pytest.mark.parametrize("dtype", ["float32", "bfloat16", "amp-bfloat16"])
def test_tensors_in_any_nesting_are_verified(write: Write, dtype: str) -> None:
    """There is no loss, so none is on record."""
    write(
        """
        def mine(module, inputs):
            logits = module(inputs)
            return {"logits": logits, "sizes": [len(inputs), (logits.sum(1), "text")]}
        """
    )
    prepared = prepared_of(own_case(dtype), counted=True)
    assert prepared.preparation.relative_errors.keys() == {"logits"}
    assert prepared.recheck().keys() == {"logits"}
    assert prepared.preparation.minimal_bytes is None


def test_autocast_is_on_in_the_function(write: Write) -> None:
    """It would otherwise be a case of float32 by another name."""
    write(
        """
        def mine(module, inputs):
            assert torch.is_autocast_enabled(inputs.device.type) == (inputs.dtype == torch.float32)
            return module(inputs)
        """
    )
    assert step_of_own(own_case("amp-bfloat16")).iterate()[0].dtype == torch.bfloat16  # type: ignore[union-attr]
    step_of_own(own_case("bfloat16")).iterate()


def test_compiled_case_gives_the_function_the_compiled_network(write: Write) -> None:
    """The function itself is not compiled."""
    write(
        """
        def mine(module, inputs):
            return module(inputs).relu()
        """
    )
    torch.compiler.reset()
    prepared = prepared_of(own_case(compile_="backend:aot_eager"))
    assert isinstance(prepared.step.subject.module, torch._dynamo.OptimizedModule)
    prepared.recheck()
    torch.compiler.reset()


ADAM = """
    def setup(module, inputs):
        return [torch.optim.AdamW(module.parameters(), lr=1e-2)]
    def mine(module, inputs, made):
        made[0].zero_grad(set_to_none=True)
        output = module(inputs)
        output.square().mean().backward()
        made[0].step()
        return output
    """


def test_training_step_of_the_users_own_is_right_after_many_slices(write: Write) -> None:
    """Weights and the optimiser's state are restored before each slice, so that the last answer can be known."""
    write(ADAM)
    prepared = prepared_of(own_case(), counted=True)
    for _ in range(3):
        prepared.step.swap()
        prepared.step.timed(5)
        prepared.step.tidy()
    assert prepared.recheck()["logits"] < 1e-5
    assert prepared.preparation.flops is not None


def test_training_step_that_stops_moving_the_weights_is_wrong(write: Write) -> None:
    """The reference's second answer follows from its first step."""
    write(
        """
        calls = [0]
        def setup(module, inputs):
            return torch.optim.SGD(module.parameters(), lr=1.0)
        def mine(module, inputs, optimizer):
            calls[0] += 1
            optimizer.zero_grad(set_to_none=True)
            output = module(inputs)
            output.square().mean().backward()
            if calls[0] < 20:
                optimizer.step()
            return output
        """
    )
    prepared = prepared_of(own_case())
    prepared.step.timed(20)
    with pytest.raises(WrongResultError, match="relative error"):
        prepared.recheck()


def test_answer_that_turns_wrong_later_is_wrong(write: Write) -> None:
    """What the function returned last while it was timed is held against the reference."""
    write(
        """
        calls = [0]
        def mine(module, inputs):
            calls[0] += 1
            return module(inputs) * (1 + (calls[0] > 12))
        """
    )
    prepared = prepared_of(own_case())
    prepared.step.timed(20)
    with pytest.raises(WrongResultError, match="relative error"):
        prepared.recheck()


def test_answer_may_lie_in_the_hosts_memory_and_nowhere_else(write: Write) -> None:
    """A step may bring its answer back; a tensor on another device is nowhere that it could be timed."""
    write(
        """
        def mine(module, inputs):
            output = module(inputs)
            return output if output.dtype == torch.float64 else output.to("meta")
        """
    )
    with pytest.raises(WrongResultError, match="on meta instead of cpu"):
        prepared_of(own_case())
    assert find_step("mine").answers_on_host
    assert not find_step("forward").answers_on_host
    on_host, accelerator = torch.ones(2), torch.device("meta")
    check_output(on_host, accelerator, on_host=True)
    with pytest.raises(WrongResultError, match="on cpu instead of meta"):
        check_output(on_host, accelerator)


class Normalised(nn.Module):
    """Keeps running means in training."""

    def __init__(self) -> None:
        super().__init__()
        self.norm, self.out = nn.BatchNorm1d(784), nn.Linear(784, 10)

    def forward(self, images: Tensor) -> Tensor:
        return self.out(self.norm(images.flatten(1)))  # type: ignore[no-any-return]


def test_state_that_an_optimiser_or_a_network_keeps_is_part_of_the_second_answer(write: Write) -> None:
    """A step that returns what it left would show a second step that begins as the first."""
    write(
        """
        def setup(module, inputs):
            return torch.optim.SGD(module.parameters(), lr=0.1, momentum=0.9)
        def mine(module, inputs, optimizer):
            optimizer.zero_grad(set_to_none=True)
            module(inputs).square().mean().backward()
            optimizer.step()
            return [parameter.detach() + 0 for parameter in module.parameters()], module.norm.running_mean + 0
        """
    )
    prepared = prepared_of(own_case("float64"), replace(PERCEPTRON, build=Normalised))
    prepared.step.timed(5)
    assert prepared.recheck()["logits"] < 1e-12


class Dropping(nn.Module):
    """Drops half of its numbers in training."""

    def __init__(self) -> None:
        super().__init__()
        self.drop, self.out = nn.Dropout(0.5), nn.Linear(784, 10)

    def forward(self, images: Tensor) -> Tensor:
        return self.out(self.drop(images.flatten(1)))  # type: ignore[no-any-return]


def test_network_with_dropout_is_right(write: Write) -> None:
    """It is off for both checks and for the reference, and on for the time."""
    write("def mine(module, inputs):\n    return module(inputs)")
    prepared = prepared_of(own_case(), replace(PERCEPTRON, build=Dropping))
    prepared.recheck()
    assert prepared.step.subject.network.drop.training is True  # type: ignore[union-attr]


def test_mode_and_weights_that_setup_left_stay(write: Write) -> None:
    """It may prepare the network for what the function does."""
    write(
        """
        def setup(module, inputs):
            module.eval()
            with torch.no_grad():
                next(module.parameters()).mul_(0.5)
        def mine(module, inputs):
            assert not module.training
            return module(inputs)
        """
    )
    prepared = prepared_of(own_case())
    half = next(prepared.step.subject.network.parameters()).detach().clone()
    prepared.step.timed(2)
    assert torch.equal(half, next(prepared.step.subject.network.parameters()))
    prepared.recheck()


def test_other_networks_are_held_to_the_error_of_eager(write: Write) -> None:
    """There is neither a loss nor a gradient to compare, and what the weights become shows in the second answer."""
    write(ADAM)
    case, feeds = own_case("bfloat16"), feeds_of(own_case())
    right = compute_references(case, PERCEPTRON, feeds, seed=0)
    eager = draw_eager(case, PERCEPTRON, CPU, clock(CPU), feeds, right, seed=0)
    for standard in (MeasuredStandard(dtype=BFLOAT16, draws=()), MeasuredStandard(dtype=BFLOAT16, draws=eager)):
        prepared = prepare(
            case, PERCEPTRON, CPU, clock(CPU), 1e-9, feeds, right, standard, seed=0, warm=False, counted=False
        )
        assert prepared.recheck().keys() == {"logits"}


@pytest.mark.parametrize(
    ("source", "error", "sentence"),
    [
        ("def mine(module, inputs):\n    return 1.0", WrongResultError, "logits: float without a tensor"),
        ("def other(module, inputs): ...", UnknownNameError, "steps.py has no function mine; it defines other"),
        ("mine = 3", UnknownNameError, "steps.py has no function mine; it defines none"),
        ("def mine(module, inputs):\n    raise ValueError('no')", ValueError, "no"),
        ("def mine(module):\n    return module", TypeError, "takes 1 positional argument"),
        ("raise OSError('at import')", OSError, "at import"),
        ("def mine(:", SyntaxError, "invalid syntax"),
    ],
)
def test_what_is_wrong_is_one_error(write: Write, source: str, error: type[Exception], sentence: str) -> None:
    """It is the outcome of its cases, and costs no other one anything."""
    write(source)
    with pytest.raises(error, match=sentence):
        prepared_of(own_case())


def test_file_that_is_gone_is_named(tmp_path: Path, write: Write) -> None:
    """It was there when the command line was read."""
    write("")
    (tmp_path / "steps.py").unlink()
    with pytest.raises(UnknownNameError, match=r"steps\.py: no such file in "):
        find_step("mine")


def test_unknown_step_lists_those_of_the_users_own(write: Write) -> None:
    """A worker knows them only if it was told."""
    write("")
    with pytest.raises(UnknownNameError, match=r"unknown step .other.; known: .*predict, mine"):
        find_step("other")


def test_file_is_executed_once_in_a_process(write: Write) -> None:
    """Two steps of one file share what it holds."""
    write("mine = lambda module, inputs: module(inputs)")
    first = find_step("mine")
    assert first.function is find_step("mine").function  # type: ignore[attr-defined]
