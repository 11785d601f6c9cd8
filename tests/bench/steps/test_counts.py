"""Exact counts: known for the tutorial's network, and they see what real changes do."""

from __future__ import annotations

from time import perf_counter

import pytest
import torch
from torch import nn

from bench.record.case import Case
from bench.record.gate import FIRST_FLOPS
from bench.steps.counts import compiled_counts, eager_counts
from bench.steps.find_step import STEPS
from bench.steps.step import Step, watch_saved
from bench.steps.subject import build
from tests.makers.subjects import BATCH, PERCEPTRON, case_of, feeds_of, step_of

MATRIX_FLOPS = 2 * (784 * 512 + 512 * 512 + 512 * 10)
"""Of one image's forward: a multiplication and an addition for each weight."""


def step(name: str, batch: int = 4, compile_: str = "off") -> Step:
    """Return a step of the tutorial's network."""
    case = Case(model="mlp", step=name, batch=batch, device="cpu", dtype="float32", compile=compile_)
    subject = build(case, PERCEPTRON, torch.device("cpu"), feeds_of(case), seed=0, compiled=case.compiled)
    return STEPS[name](subject, perf_counter)


@pytest.mark.parametrize("batch", [1, 4])
def test_forward_counts_are_those_of_the_network(batch: int) -> None:
    """Three linear layers, two ReLUs, one view; nothing is kept in inference mode."""
    counts, _ = eager_counts(step("forward", batch))
    assert counts["flops"] == batch * MATRIX_FLOPS
    assert counts["aten::linear"] == 3
    assert counts["aten::relu"] == 2
    assert counts["parameters"] == 669_706
    assert "saved_bytes" not in counts
    assert counts["operators"] == sum(value for name, value in counts.items() if "::" in name)


def test_backward_counts_only_the_backward() -> None:
    """Its forward is built untimed, and is not counted; what it keeps for the backward is."""
    counts, _ = eager_counts(step("backward"))
    assert not {"aten::linear", "aten::addmm"} & counts.keys()
    assert counts["aten::mm"] == 5
    assert counts["flops"] == 4 * (2 * MATRIX_FLOPS - 2 * 784 * 512)  # the images need no gradient
    assert counts["saved_bytes"] > 0


def test_train_counts_forward_and_backward() -> None:
    """And the optimiser's operators."""
    counts, _ = eager_counts(step("train"))
    assert counts["flops"] == 4 * (3 * MATRIX_FLOPS - 2 * 784 * 512)
    assert counts["saved_bytes"] == eager_counts(step("backward"))[0]["saved_bytes"]


@pytest.mark.parametrize(
    ("extra", "operator"),
    [
        (lambda x: x.clone(), "aten::clone"),
        (lambda x: x + x.sum().item() * 0, "aten::item"),
        (lambda x: x.double().float(), "aten::to.dtype"),
    ],
    ids=["clone", "item", "through-float64"],
)
def test_what_a_change_adds_is_named(extra: object, operator: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """``+1 aten::clone`` next to ``+6 %``."""
    from models.mlp import NeuralNetwork

    plain, _ = eager_counts(step("forward"))
    usual = NeuralNetwork.forward
    monkeypatch.setattr(NeuralNetwork, "forward", lambda self, x: usual(self, extra(x)))  # type: ignore[operator]
    assert eager_counts(step("forward"))[0][operator] > plain.get(operator, 0)


def test_storage_that_is_kept_twice_is_counted_once() -> None:
    """A tensor and a view of it lie in the same memory."""
    weight = torch.ones(2, 3, requires_grad=True)
    with watch_saved() as kept:
        (weight * weight.view(3, 2).view(2, 3)).sum().backward()
    assert list(kept.values()) == [2 * 3 * 4]


def test_operator_without_a_formula_leaves_the_operations_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """A part of them under the name of all would be compared."""
    from models.mlp import NeuralNetwork

    usual = NeuralNetwork.forward

    def forward(self: NeuralNetwork, x: torch.Tensor) -> torch.Tensor:
        logits = usual(self, x)
        return logits + 0 * torch.cdist(logits, logits).sum()

    monkeypatch.setattr(NeuralNetwork, "forward", forward)
    counts, reason = eager_counts(step("forward"))
    assert "flops" not in counts
    assert reason == "no formula counts the operations of aten::_cdist_forward"
    assert counts["aten::cdist"] == 1


def test_counts_repeat_to_the_last_digit() -> None:
    """They are exact: a difference is a change."""
    assert eager_counts(step("train")) == eager_counts(step("train"))


def test_compiled_network_is_one_graph_without_breaks() -> None:
    """And a forced break is seen."""
    torch.compiler.reset()
    whole = step("forward", compile_="backend:aot_eager")
    assert compiled_counts(whole) == {"graphs": 1, "recompiles": 0, "graph_breaks": 0, "kernels": 0}
    torch.compiler.reset()
    broken = step("forward", compile_="backend:aot_eager")

    def hook(*_: object) -> None:
        torch._dynamo.graph_break()

    broken.subject.network.linear_relu_stack.register_forward_hook(hook)  # type: ignore[union-attr]
    assert compiled_counts(broken)["graph_breaks"] >= 1
    torch.compiler.reset()


def test_operations_of_the_first_iteration_are_told_where_they_are_others() -> None:
    """A network that remembers its answer computes once; the tutorial's computes alike each time."""
    case = case_of()
    assert FIRST_FLOPS not in eager_counts(step_of(case))[0]

    def remember(network: nn.Module) -> None:
        forward, known = network.forward, {}
        network.forward = lambda inputs: known[0] if known else known.setdefault(0, forward(inputs))

    counts, reason = eager_counts(step_of(case, break_it=remember))
    assert reason is None
    assert "flops" not in counts
    assert counts[FIRST_FLOPS] == 2 * BATCH * (784 * 512 + 512 * 512 + 512 * 10)
