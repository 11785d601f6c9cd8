"""Layers of real networks on the CPU: which calls are layers, what is counted of them, and what they are given."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from bench.devices.clock import clock
from bench.protocol import Open, TimeLayers
from bench.record.layers import Layers
from bench.steps.layers import LOSS, NO_GRADIENT, SLICES, time_layers
from bench.worker.worker import Worker
from tests.makers.subjects import CPU, case_of, subject_of

OPEN = Open(device="cpu", seed=0, data_root=None, left_out=(), memory_bytes=None)


class Nested(nn.Module):
    """A network whose blocks own parameters, call others, share one, and write into what they are given."""

    def __init__(self) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.ones(()))
        self.flatten = nn.Flatten()
        self.block = nn.Sequential(nn.Linear(784, 16), nn.ReLU(inplace=True))
        self.norm = nn.BatchNorm1d(16)
        self.attention = nn.MultiheadAttention(16, 2, batch_first=True)
        self.last = nn.Linear(16, 10)
        self.act = nn.Tanh()

    def forward(self, images: Tensor) -> Tensor:
        hidden = self.act(self.norm(self.block(self.flatten(images))))
        mixed, _ = self.attention(hidden[:, None], hidden[:, None], hidden[:, None], need_weights=False)
        return self.last(self.act(mixed[:, 0] + hidden)) * self.scale


def layers_of(network: nn.Module | None = None, batch: int = 4) -> Layers:
    """Return the layers of the perceptron, or of another network that is fed images."""
    return time_layers(subject_of(case_of("forward", batch=batch), network), clock(CPU))


def test_layers_of_the_perceptron_are_the_tutorials() -> None:
    """Its six calls in order, with shapes and parameters, and the loss at the end, which only a backward has."""
    layers = layers_of().layers
    assert [(layer.kind, layer.inputs, layer.output, layer.parameters) for layer in layers] == [
        ("Flatten", "(4, 1, 28, 28)", "(4, 784)", 0),
        ("Linear", "(4, 784)", "(4, 512)", 401920),
        ("ReLU", "(4, 512)", "(4, 512)", 0),
        ("Linear", "(4, 512)", "(4, 512)", 262656),
        ("ReLU", "(4, 512)", "(4, 512)", 0),
        ("Linear", "(4, 512)", "(4, 10)", 5130),
        ("loss", "(4, 10)", "()", 0),
    ]
    assert layers[-1].name == LOSS
    assert layers[-1].forward is None
    assert [layer.backward is None for layer in layers] == [True] + 6 * [False], "images are not differentiated"


def test_operations_of_the_layers_are_those_of_the_network() -> None:
    """Two for each weight and example forward; backward as many for the weights, and again for the inputs but once."""
    layers = layers_of(batch=4).layers
    there = [layer.forward.flops for layer in layers if layer.forward]
    back = [layer.backward.flops for layer in layers if layer.backward]
    first, second, third = (2 * 4 * inputs * outputs for inputs, outputs in ((784, 512), (512, 512), (512, 10)))
    assert there == [0, first, 0, second, 0, third]
    assert back == [first, 0, 2 * second, 0, 2 * third, 0]


def test_least_traffic_of_a_layer_is_what_it_is_given_and_leaves() -> None:
    """In float32: weights, bias, input and output forward; backward what was kept, and the gradients."""
    linear = layers_of(batch=4).layers[1]
    assert linear.forward is not None
    assert linear.backward is not None
    assert linear.forward.least_bytes == 4 * (784 * 512 + 512 + 4 * 784 + 4 * 512)
    assert linear.backward.least_bytes == 4 * (4 * 784 + 784 * 512 + 512 + 4 * 512)


def test_innermost_calls_are_layers_whoever_owns_parameters() -> None:
    """Attention calls no module inside; a module that is called twice has two rows; in place is no error."""
    layers = layers_of(Nested()).layers
    assert [layer.name for layer in layers] == [
        *("flatten", "block.0", "block.1", "norm", "act", "attention", "act", "last", LOSS)
    ]
    assert all(layer.backward is not None for layer in layers[1:])


def test_whole_is_timed_in_turn_with_its_layers_and_takes_longer_than_each() -> None:
    """At a batch at which a product of matrices takes most of the time."""
    layers = layers_of(batch=256)
    assert all(layer.forward.seconds < layers.forward_seconds for layer in layers.layers if layer.forward)
    assert layers.backward_seconds is not None
    assert all(layer.backward.seconds < layers.backward_seconds for layer in layers.layers if layer.backward)


def test_slower_layer_is_seen_where_it_is() -> None:
    """A busy wait in one layer is in that layer's time, and in the whole."""

    class Slow(nn.Linear):
        def forward(self, inputs: Tensor) -> Tensor:
            for _ in range(20):
                torch.ones(500, 500).sum()
            return super().forward(inputs)

    network = nn.Sequential(nn.Flatten(), nn.Linear(784, 16), Slow(16, 16), nn.Linear(16, 10))
    shares = []
    for _ in range(5):  # a busy machine may take its time from one of them and not from the other
        layers = layers_of(network)
        seconds = [layer.forward.seconds for layer in layers.layers if layer.forward]
        shares.append((seconds[2] / layers.forward_seconds, max(seconds[:2] + seconds[3:]) / layers.forward_seconds))
    slow, others = map(sorted, zip(*shares, strict=True))
    assert slow[2] > 0.8
    assert others[2] < 0.2


def test_network_without_parameters_has_a_forward_alone() -> None:
    """Nothing in it is differentiated."""
    layers = layers_of(nn.Sequential(nn.Flatten(), nn.AdaptiveAvgPool1d(10)))
    assert (layers.backward_seconds, layers.backward_reason) == (None, NO_GRADIENT)
    assert [layer.name for layer in layers.layers] == ["0", "1"]
    assert all(layer.backward is None for layer in layers.layers)


def test_hooks_are_gone_afterwards() -> None:
    """What is timed is the network as it is."""
    subject = subject_of(case_of("forward", batch=4))
    time_layers(subject, clock(CPU))
    assert not any(module._forward_hooks or module._forward_pre_hooks for module in subject.network.modules())


def test_every_slice_counts_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """The median of them is what the process says."""
    from bench.steps import layers as module

    seen: list[int] = []
    summarize = module.median
    monkeypatch.setattr(module, "median", lambda values: seen.append(len(values)) or summarize(values))
    layers_of()
    assert set(seen) == {SLICES}


def test_worker_answers_with_layers() -> None:
    """Under the surroundings of the case, as everything it is asked."""
    worker = Worker(OPEN)
    layers = worker.time_layers(TimeLayers(case=case_of("forward", batch=2)))
    assert len(layers.layers) == 7
