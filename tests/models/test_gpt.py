"""The small GPT predicts the token after each one from that one and those before it, and from nothing else."""

from __future__ import annotations

from math import log

import pytest
import torch
from torch import Tensor, nn

from models import MODELS, cross_entropy_of_tokens
from models.gpt import ADDED_DEVIATION, BLOCKS, DEVIATION, HEADS, SYMBOLS, TOKENS, WIDTH, Attention
from models.tokens import random_tokens
from tests.models.test_mlp import parameters

MODEL = MODELS["gpt"]


def built() -> nn.Module:
    """Return the network with the weights of one seed."""
    torch.manual_seed(0)
    return MODEL.build()


def test_parameters_are_counted_by_hand() -> None:
    """Two embeddings, four blocks, the last LayerNorm, a head without a bias; the help text names the sum."""
    norm = 2 * WIDTH
    attention = (WIDTH + 1) * 3 * WIDTH + (WIDTH + 1) * WIDTH
    mlp = (WIDTH + 1) * 4 * WIDTH + (4 * WIDTH + 1) * WIDTH
    expected = (SYMBOLS + TOKENS) * WIDTH + BLOCKS * (2 * norm + attention + mlp) + norm + WIDTH * SYMBOLS
    assert parameters(built()) == expected == 867_072
    assert f"{expected:,} parameters" in MODEL.summary


@pytest.mark.parametrize("batch", [1, 3])
def test_logits_and_loss_have_their_shapes(batch: int) -> None:
    """(B, 64) -> (B, 64, 256) -> a scalar."""
    tokens, targets = MODEL.inputs(batch, 0, None)
    logits = built()(tokens)
    assert logits.shape == (batch, TOKENS, SYMBOLS) == (batch, 64, 256)
    assert logits.dtype == torch.float32
    assert MODEL.loss(logits, targets).shape == ()


@pytest.mark.parametrize("place", [0, 1, 31, 63])
def test_later_token_changes_no_earlier_logit(place: int) -> None:
    """A network that looks ahead would know what it is asked for; its own logits and a later token's do change."""
    network, (tokens, _) = built().to(torch.float64), random_tokens(2, 0)
    changed = tokens.clone()
    changed[:, place] = (changed[:, place] + 1) % SYMBOLS
    with torch.inference_mode():
        difference = (network(changed) - network(tokens)).abs().amax(dim=(0, 2))
    assert difference[:place].eq(0).all()
    assert difference[place:].gt(1e-9).all()


def test_place_of_a_token_matters() -> None:
    """Without positions, a text that repeats one symbol would have the same logits at every place."""
    with torch.inference_mode():
        logits = built().to(torch.float64)(torch.zeros(1, TOKENS, dtype=torch.int64))[0]
    assert (logits[1:] - logits[:-1]).abs().amax(dim=1).gt(1e-9).all()


def test_attention_is_the_papers() -> None:
    """Softmax of the scaled products of query and key over the tokens up to this one, times the values, by head."""
    torch.manual_seed(0)
    attention, x = Attention().to(torch.float64), torch.randn(2, 5, WIDTH, dtype=torch.float64)
    later = torch.ones(5, 5, dtype=torch.bool).triu(1)
    gathered: list[Tensor] = []
    query, key, value = (x @ attention.query_key_value.weight.T).chunk(3, dim=-1)
    for columns in torch.arange(WIDTH).chunk(HEADS):
        scores = query[..., columns] @ key[..., columns].transpose(1, 2) / len(columns) ** 0.5
        gathered.append(scores.masked_fill(later, -torch.inf).softmax(-1) @ value[..., columns])
    torch.testing.assert_close(attention(x), torch.cat(gathered, dim=-1) @ attention.project.weight.T)


def test_loss_of_a_fresh_network_is_near_the_logarithm_of_the_symbols() -> None:
    """It knows nothing yet, and its first logits are small."""
    tokens, targets = MODEL.inputs(8, 0, None)
    with torch.inference_mode():
        loss = MODEL.loss(built()(tokens), targets)
    assert loss.item() == pytest.approx(log(SYMBOLS), abs=0.1)


def test_loss_is_the_mean_over_all_tokens() -> None:
    """Each token of each example weighs the same."""
    logits, targets = torch.randn(2, 3, 5), torch.tensor([[0, 4, 2], [1, 1, 3]])
    by_hand = [
        -row.log_softmax(0)[target]
        for rows, marks in zip(logits, targets, strict=True)
        for row, target in zip(rows, marks, strict=True)
    ]
    torch.testing.assert_close(cross_entropy_of_tokens(logits, targets), torch.stack(by_hand).mean())


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64], ids=str)
def test_loss_of_many_tokens_is_finite_in_every_dtype(dtype: torch.dtype) -> None:
    """In float16 the sum over a batch of 256 is above the largest number."""
    logits, targets = torch.zeros(256, TOKENS, SYMBOLS, dtype=dtype), torch.zeros(256, TOKENS, dtype=torch.int64)
    loss = cross_entropy_of_tokens(logits, targets)
    assert loss.item() == pytest.approx(log(SYMBOLS), rel=1e-5)
    assert loss.dtype == (torch.float64 if dtype == torch.float64 else torch.float32)


def test_initial_weights_are_gpt_2s() -> None:
    """Spread of 0.02, less where the products of a block are added up; biases are zero, and LayerNorm does nothing."""
    for name, parameter in built().named_parameters():
        if parameter.dim() == 2:
            added = name.endswith(("attention.project.weight", "mlp.2.weight"))
            spread = ADDED_DEVIATION if added else DEVIATION
            assert parameter.std().item() == pytest.approx(spread, rel=0.05), name
        else:
            assert parameter.eq(1.0 if name.endswith("norm.weight") else 0.0).all(), name


def test_every_parameter_is_trained() -> None:
    """One without a gradient would be counted and never used."""
    network, (tokens, targets) = built(), random_tokens(2, 0)
    MODEL.loss(network(tokens), targets).backward()
    for name, parameter in network.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.norm() > 0, name


def test_random_tokens_are_followed_by_their_targets() -> None:
    """A target is the next token, and all 256 symbols occur."""
    tokens, targets = random_tokens(100, 0)
    assert tokens.shape == targets.shape == (100, 64)
    assert tokens.dtype == targets.dtype == torch.int64
    assert torch.equal(tokens[:, 1:], targets[:, :-1])
    assert set(tokens.flatten().tolist()) == set(range(256))


def test_random_tokens_are_the_seeds_own() -> None:
    """The same seed repeats the run, whatever was drawn before."""
    first = random_tokens(3, 1)
    torch.rand(5)
    second, other = random_tokens(3, 1), random_tokens(3, 2)
    assert torch.equal(first[0], second[0])
    assert torch.equal(first[1], second[1])
    assert not torch.equal(first[0], other[0])
