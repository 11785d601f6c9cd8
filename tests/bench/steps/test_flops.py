"""Operations: exact where every operator that does more than bounded work has a formula, absent where one has none."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from bench.steps.flops import count_flops

BATCH, LONG, WIDE, HEADS = 4, 16, 32, 4

Call = Callable[[], Tensor]


def counted(call: Call, *, backward: bool = False) -> tuple[int | None, str | None]:
    """Return the count of a forward in inference mode, or of a forward and a backward."""

    def isolated(watch: AbstractContextManager[object]) -> None:
        with torch.inference_mode(not backward), watch:
            output = call()
            if backward:
                output.float().sum().backward()  # type: ignore[no-untyped-call]

    return count_flops(isolated)


def sequence() -> Tensor:
    """Return a batch of sequences: (4, 16, 32)."""
    return torch.rand(BATCH, LONG, WIDE)


def encoder(*, train: bool) -> Call:
    """Return a call of an encoder layer, which is one fused operator in inference mode."""
    layer = nn.TransformerEncoderLayer(WIDE, HEADS, 2 * WIDE, batch_first=True).train(train)
    inputs = sequence()
    return lambda: layer(inputs)  # type: ignore[no-any-return]


def module(layer: nn.Module, *inputs: Tensor) -> Call:
    """Return a call of a layer; of several outputs the first counts."""

    def call() -> Tensor:
        output = layer(*inputs)
        return output[0] if isinstance(output, tuple) else output

    return call


def own_product(left: Tensor, right: Tensor) -> Tensor:
    """Multiply as an operator of another library does, whose inside torch does not see."""
    return torch.from_numpy(left.numpy() @ right.numpy())


@pytest.fixture
def foreign() -> object:
    """Return an operator of another library."""
    return torch.library.custom_op("accelbench_tests::product", own_product, mutates_args=())


PROJECTIONS = 2 * BATCH * LONG * (4 * WIDE * WIDE + 2 * WIDE * 2 * WIDE)
"""Query, key, value and output of the encoder layer's attention, and its two linear layers."""

ATTENTION = 2 * 2 * BATCH * HEADS * LONG * LONG * (WIDE // HEADS)
"""Queries with keys, and weights with values."""


def test_encoder_layer_whose_attention_is_not_fused_is_counted() -> None:
    """Its attention is an operator of torch that the counter has no formula for on a processor; we have one."""
    call = encoder(train=True)
    with torch.no_grad():
        assert count_flops(lambda watch: _within(watch, call)) == (PROJECTIONS + ATTENTION, None)


def _within(watch: AbstractContextManager[object], call: Call) -> None:
    with watch:
        call()


def test_fused_encoder_layer_has_a_reason_and_no_count() -> None:
    """By its own counter torch finds 0, or the operations of the layers around it."""
    flops, reason = counted(encoder(train=False))
    assert (flops, reason) == (None, "no formula counts the operations of aten::_transformer_encoder_layer_fwd")


def matrix() -> Tensor:
    """Return a square matrix that needs a gradient: (8, 8)."""
    return torch.rand(8, 8, requires_grad=True)


ABSENT: dict[str, tuple[Callable[[], Call], bool, str]] = {
    "lstm": (lambda: module(nn.LSTM(WIDE, 8, batch_first=True), sequence()), False, "aten::mkldnn_rnn_layer"),
    "lstm-backward": (lambda: module(nn.LSTM(WIDE, 8), sequence()), True, "aten::mkldnn_rnn_layer_backward"),
    "cdist": (lambda: lambda: torch.cdist(matrix(), matrix()), False, "aten::_cdist_forward"),
    "cdist-backward": (lambda: lambda: torch.cdist(matrix(), matrix()), True, "aten::_cdist_backward"),
    "pdist": (lambda: lambda: torch.pdist(matrix()), False, "aten::_pdist_forward"),
    "bilinear": (lambda: module(nn.Bilinear(WIDE, WIDE, 3), sequence(), sequence()), False, "aten::_trilinear"),
    "inverse": (lambda: lambda: torch.linalg.inv(matrix()), False, "aten::linalg_inv_ex"),
    "singular-values": (lambda: lambda: torch.linalg.svdvals(matrix()), False, "aten::_linalg_svd"),
    "fourier": (lambda: lambda: torch.fft.fft(matrix()).abs(), False, "aten::_fft_"),
    "attention-of-a-module": (
        lambda: module(nn.MultiheadAttention(WIDE, HEADS, batch_first=True).eval(), *[sequence()] * 3),
        False,
        "aten::_native_multi_head_attention",
    ),
    "whole-numbers": (
        lambda: lambda: torch._int_mm(*[torch.ones(32, 32, dtype=torch.int8)] * 2),
        False,
        "aten::_int_mm",
    ),
}


@pytest.mark.parametrize("name", ABSENT)
def test_operator_that_no_formula_counts_is_named(name: str) -> None:
    """It does more than a bounded amount of work for each element, so that the rest would not be the whole."""
    make, backward, operator = ABSENT[name]
    flops, reason = counted(make(), backward=backward)
    assert flops is None
    assert operator in str(reason)


def test_operator_of_another_library_is_named(foreign: Callable[..., Tensor]) -> None:
    """Nobody knows what it does."""
    flops, reason = counted(lambda: foreign(torch.ones(8, 8), torch.ones(8, 8)))
    assert (flops, reason) == (None, "no formula counts the operations of accelbench_tests::product")


def attention(**options: object) -> Call:
    """Return a call of torch's attention of 16 queries and keys, 8 wide, in 4 heads."""
    query, key, value = (torch.rand(BATCH, HEADS, LONG, 8, requires_grad=True) for _ in range(3))
    return lambda: functional.scaled_dot_product_attention(query, key, value, **options)  # type: ignore[arg-type]


EXACT: dict[str, tuple[Callable[[], Call], int, int]] = {
    "linear": (lambda: module(nn.Linear(WIDE, 8), sequence()), 2 * 64 * 32 * 8, 2),
    "convolution": (lambda: module(nn.Conv2d(3, 5, 3), torch.rand(2, 3, 8, 8)), 2 * 2 * 36 * 27 * 5, 2),
    "gru": (lambda: module(nn.GRU(WIDE, 8, batch_first=True), sequence()), 2 * 64 * (32 + 8) * 24, 0),
    "attention": (attention, ATTENTION, 0),
    "masked-attention": (lambda: attention(attn_mask=torch.zeros(LONG, LONG)), ATTENTION, 0),
    "causal-attention": (lambda: attention(is_causal=True), ATTENTION, 0),
    "einsum": (lambda: lambda: torch.einsum("ij,jk->ik", matrix(), matrix()), 2 * 8**3, 3),
    "matrix-vector": (lambda: lambda: matrix() @ torch.rand(8), 2 * 8**2, 0),
    "inner": (lambda: lambda: torch.dot(matrix()[0], torch.rand(8)), 2 * 8, 0),
}
"""A call, its operations, and how many times those a forward and a backward have; 0 where that is not as simple."""


@pytest.mark.parametrize("name", EXACT)
def test_products_convolutions_and_attention_are_exact(name: str) -> None:
    """A multiplication and an addition are two operations."""
    make, forward, _ = EXACT[name]
    assert counted(make()) == (forward, None)


@pytest.mark.parametrize("name", [name for name, (*_, times) in EXACT.items() if times])
def test_backward_is_exact(name: str) -> None:
    """The gradient of the weights is one more product, that of what is fed another where it is asked for."""
    make, forward, times = EXACT[name]
    assert counted(make(), backward=True) == (times * forward, None)


def test_backward_of_attention_is_exact() -> None:
    """Five products in all: torch computes the weights once more."""
    assert counted(attention(), backward=True) == (ATTENTION + 5 * ATTENTION // 2, None)


class Plain(nn.Module):
    """Layers that do a bounded amount of work for each element, with one product at the end."""

    def __init__(self) -> None:
        super().__init__()
        self.embed = nn.Embedding(10, 16)
        self.bag = nn.EmbeddingBag(10, 16)
        self.image = nn.Sequential(
            nn.BatchNorm2d(2), nn.GroupNorm(2, 2), nn.InstanceNorm2d(2), nn.MaxPool2d(2), nn.AvgPool2d(2), nn.PReLU()
        )
        self.vector = nn.Sequential(
            nn.LayerNorm(16), nn.RMSNorm(16), nn.Dropout(), nn.GELU(), nn.SiLU(), nn.Softplus(), nn.Hardswish()
        )
        self.head = nn.Linear(16, 10)

    def forward(self, tokens: Tensor, images: Tensor) -> Tensor:
        """Return a loss: (8,), (8, 2, 16, 16) -> ()."""
        x = self.embed(tokens) + self.bag(tokens[:, None])  # (8, 16)
        y = self.image(images)  # (8, 2, 4, 4)
        y = functional.interpolate(functional.pad(y, (1, 1, 1, 1), mode="reflect"), scale_factor=2.0, mode="bilinear")
        y = functional.adaptive_avg_pool2d(y, 2) + functional.adaptive_max_pool2d(y, 2)  # (8, 2, 2, 2)
        x = self.vector(torch.cat([x[:, :8], y.flatten(1).roll(1, 0)], dim=1))
        x = x.cumsum(1).sort(1)[0].topk(16)[0].flip(0).tril().clamp_(min=-1)
        logits = self.head(x.index_select(0, tokens % 8))  # (8, 10)
        chances = functional.softmax(logits, 1)
        return (
            functional.cross_entropy(logits, tokens)
            + functional.mse_loss(chances, logits)
            + functional.smooth_l1_loss(chances, logits)
            + functional.binary_cross_entropy_with_logits(logits, chances.detach())
            + functional.kl_div(functional.log_softmax(logits, 1), chances, reduction="batchmean")
            + torch.linalg.vector_norm(logits)
        )


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float64])
def test_layers_of_bounded_work_count_nothing_and_hide_nothing(dtype: torch.dtype) -> None:
    """Norms, pooling, embeddings, dropout, softmax, losses and the moving of elements have no formula and need none."""
    network = Plain().to(dtype)
    tokens, images = torch.arange(8), torch.rand(8, 2, 16, 16, dtype=dtype)
    head = 2 * 8 * 16 * 10
    assert counted(lambda: network(tokens, images)) == (head, None)
    assert counted(lambda: network(tokens, images), backward=True) == (3 * head, None)


@pytest.mark.parametrize("optimizer", [torch.optim.SGD, torch.optim.Adam, torch.optim.AdamW])
@pytest.mark.parametrize("how", [{}, {"foreach": True}, {"fused": True}])
def test_optimisers_count_nothing_and_hide_nothing(
    optimizer: type[torch.optim.SGD | torch.optim.Adam], how: dict[str, bool]
) -> None:
    """Each weight is changed by a few operations."""
    weight = matrix()
    weight.grad = torch.ones(8, 8)
    mine = optimizer([weight], lr=0.1, **how)  # type: ignore[arg-type]
    flops, reason = count_flops(lambda watch: _within(watch, lambda: mine.step() or weight))
    assert (flops, reason) == (0, None)


def test_counter_that_breaks_is_a_reason() -> None:
    """It is no fault of the case, which ran."""

    def isolated(_: object) -> None:
        raise AttributeError("no next_functions\nand more")

    flops, reason = count_flops(isolated)
    assert flops is None
    assert reason == "torch's counter of operations does not get through it: AttributeError: no next_functions"


def test_memory_that_runs_out_is_not_a_reason() -> None:
    """It is the case's outcome."""

    def isolated(_: object) -> None:
        raise torch.OutOfMemoryError("out of memory")

    with pytest.raises(torch.OutOfMemoryError):
        count_flops(isolated)
