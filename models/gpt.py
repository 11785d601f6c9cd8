"""A decoder in the style of GPT-2, small enough for a processor alone: tokens in, logits of each next token out.

Sources: A. Vaswani et al., "Attention Is All You Need", 2017, https://arxiv.org/abs/1706.03762 (attention with several
heads, the MLP four times as wide); A. Radford et al., "Language Models are Unsupervised Multitask Learners" (GPT-2),
2019, https://cdn.openai.com/better-language-models/language_models_are_unsupervised_multitask_learners.pdf (learned
positions, LayerNorm before each part and after the last one, initial weights).
A model in one short file is the example of nanoGPT, https://github.com/karpathy/nanoGPT.
GPT-2 has dropout, and its head shares the weights of its embedding; this network has neither, so that an answer depends
on nothing but weights and tokens, and each layer has weights of its own.

In the comments on shapes B is the batch, T the number of tokens, C the width, H the number of heads.
"""

from __future__ import annotations

from math import sqrt

import torch
from torch import Tensor, nn
from torch.nn.functional import scaled_dot_product_attention

SYMBOLS = 256
"""A token is one of so many symbols: the values of a byte, which need no tokenizer."""

TOKENS = 64
"""An example is so long, and the network has no positions beyond."""

WIDTH = 128
"""Each token is a vector of so many numbers between the blocks; with GPT-2's 768 a processor alone would be slow."""

HEADS = 4
"""Heads of 32 numbers each; GPT-2's have 64."""

BLOCKS = 4
"""GPT-2 has 12."""

DEVIATION = 0.02
"""Standard deviation of the initial weights, as in GPT-2."""

ADDED_DEVIATION = DEVIATION / sqrt(2 * BLOCKS)
"""Of the weights whose products are added up, two in each block: the sum is as large as one product would be otherwise.
GPT-2 does the same."""


class Attention(nn.Module):
    """Each token gathers from itself and the tokens before it, in several heads side by side."""

    def __init__(self) -> None:
        super().__init__()
        # One product for all three: a bias of the keys alone has a gradient of zero, whose error would have no scale.
        self.query_key_value = _linear(WIDTH, 3 * WIDTH)
        self.project = _linear(WIDTH, WIDTH, deviation=ADDED_DEVIATION)

    def forward(self, x: Tensor) -> Tensor:
        """Return what each token gathered: (B, T, C) -> (B, T, C)."""
        heads = self.query_key_value(x).unflatten(-1, (3, HEADS, -1))  # (B, T, C) -> (B, T, 3 C) -> (B, T, 3, H, C/H)
        query, key, value = heads.permute(2, 0, 3, 1, 4).unbind()  # (B, T, 3, H, C/H) -> three of (B, H, T, C/H)
        x = scaled_dot_product_attention(query, key, value, is_causal=True)
        x = x.transpose(1, 2).flatten(2)  # (B, H, T, C/H) -> (B, T, H, C/H) -> (B, T, C)
        gathered: Tensor = self.project(x)
        return gathered


class Block(nn.Module):
    """Attention, then an MLP for each token alone; what each computes is added to what it was given."""

    def __init__(self) -> None:
        super().__init__()
        self.attention_norm = nn.LayerNorm(WIDTH)
        self.attention = Attention()
        self.mlp_norm = nn.LayerNorm(WIDTH)
        self.mlp = nn.Sequential(
            _linear(WIDTH, 4 * WIDTH),
            nn.GELU(approximate="tanh"),  # as in GPT-2
            _linear(4 * WIDTH, WIDTH, deviation=ADDED_DEVIATION),
        )

    def forward(self, x: Tensor) -> Tensor:
        """Return the tokens after this block: (B, T, C) -> (B, T, C)."""
        x = x + self.attention(self.attention_norm(x))
        after: Tensor = x + self.mlp(self.mlp_norm(x))  # (B, T, C) -> (B, T, 4 C) -> (B, T, C)
        return after


class GPT(nn.Module):
    """Embeddings of tokens and positions, four blocks, LayerNorm, and a head over the symbols."""

    def __init__(self) -> None:
        super().__init__()
        self.symbol = nn.Embedding(SYMBOLS, WIDTH)
        self.position = nn.Embedding(TOKENS, WIDTH)
        self.blocks = nn.Sequential(*(Block() for _ in range(BLOCKS)))
        self.norm = nn.LayerNorm(WIDTH)
        self.head = _linear(WIDTH, SYMBOLS, bias=False)
        for embedding in (self.symbol, self.position):
            nn.init.normal_(embedding.weight, std=DEVIATION)

    def forward(self, tokens: Tensor) -> Tensor:
        """Return the logits of the symbol after each token: (B, T) of at most 64 tokens -> (B, T, 256)."""
        positions = torch.arange(tokens.shape[1], device=tokens.device)  # (T,)
        x = self.symbol(tokens) + self.position(positions)  # (B, T) -> (B, T, C), and (T,) -> (T, C)
        x = self.norm(self.blocks(x))
        logits: Tensor = self.head(x)  # (B, T, C) -> (B, T, 256)
        return logits


def _linear(inputs: int, outputs: int, *, deviation: float = DEVIATION, bias: bool = True) -> nn.Linear:
    """Return a linear layer with random weights and a bias of zeros."""
    layer = nn.Linear(inputs, outputs, bias=bias)
    nn.init.normal_(layer.weight, std=deviation)
    if bias:
        nn.init.zeros_(layer.bias)
    return layer
