"""Right answers of two arms: equal ones are apart by nothing, and what cannot be compared says why."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from bench.record.case import Case
from bench.steps.apart import measure_apart
from bench.steps.references import compute_references
from bench.steps.subject import Definition, feed_twice
from bench.steps.verify import Answer, WrongResultError
from tests.makers.networks import BATCH, NORMED, broken
from tests.makers.networks import CLASSES as FIVE


def right(model: Definition = NORMED, step: str = "train") -> Answer:
    """Return the last right answer of a model."""
    case = Case(model="normed", step=step, batch=BATCH, device="cpu", dtype="float32", compile="off")
    return compute_references(case, model, feed_twice(model.feed, BATCH, 0, None), seed=0).last


def test_same_network_is_apart_by_nothing() -> None:
    """To the last bit: both arms compute in float64, on the CPU, from the same weights."""
    assert set(measure_apart(right(), right()).values()) == {0.0}


def test_mistake_of_the_networks_own_code_shows() -> None:
    """An epsilon that was changed is in head's reference too, and in no error of its answers."""
    apart = measure_apart(right(broken(lambda network: setattr(network.norm, "eps", 0.5))), right())
    assert 0.01 < apart["logits"] < 1
    assert apart["gradients"] > 0.01


def test_networks_of_other_shapes_are_not_compared() -> None:
    """A larger hidden layer is another network; the reason says in what."""
    mine = right(step="forward")
    with pytest.raises(WrongResultError, match=rf"logits 0: shape \(4, {FIVE}\) instead of \(4, 9\)"):
        measure_apart(mine, replace(mine, output=(torch.zeros(4, 9),)))
    both = right()
    with pytest.raises(WrongResultError, match=r"gradients of conv.bias: none, where the reference has some"):
        measure_apart(replace(both, gradients={}), replace(both, gradients={"conv.bias": torch.zeros(6)}))
