"""What a network of tokens is fed: random ones, and those that follow them."""

from __future__ import annotations

import torch
from torch import Tensor

from models.gpt import SYMBOLS, TOKENS


def random_tokens(batch: int, seed: int) -> tuple[Tensor, Tensor]:
    """Return random tokens and the token after each of them.

    Args:
        batch: how many examples, B.
        seed: of the tokens.

    Returns:
        Tokens (B, 64) and targets (B, 64), both int64 in 0..255, on the CPU; a target is the token one place later.
    """
    generator = torch.Generator("cpu").manual_seed(seed)
    text = torch.randint(SYMBOLS, (batch, TOKENS + 1), generator=generator, dtype=torch.int64, device="cpu")
    return text[:, :-1].contiguous(), text[:, 1:].contiguous()  # (B, 65) -> (B, 64) twice
