"""Attention of torch's own over query, key and value, causal, without parameters."""

import torch
from torch import Tensor, nn
from torch.nn.functional import scaled_dot_product_attention

batch_size = 2
heads, tokens, width = 3, 24, 16


class Model(nn.Module):
    """One fused operator."""

    def forward(self, query: Tensor, key: Tensor, value: Tensor) -> Tensor:
        return scaled_dot_product_attention(query, key, value, is_causal=True)  # (B, H, T, W) each -> (B, H, T, W)


def get_inputs():
    return [torch.randn(batch_size, heads, tokens, width) for _ in range(3)]


def get_init_inputs():
    return []
