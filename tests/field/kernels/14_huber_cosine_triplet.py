"""Three losses of the same embeddings in a dict, without parameters: huber, cosine and triplet margin."""

import torch
from torch import Tensor, nn
from torch.nn.functional import cosine_similarity, smooth_l1_loss, triplet_margin_loss

batch_size = 24
width = 40


class Model(nn.Module):
    """Compares anchors with what is near and what is far."""

    def forward(self, anchor: Tensor, near: Tensor, far: Tensor) -> dict[str, Tensor]:
        return {
            "huber": smooth_l1_loss(anchor, near),
            "cosine": (1 - cosine_similarity(anchor, near, dim=1)).mean(),
            "triplet": triplet_margin_loss(anchor, near, far, margin=1.0, reduction="none"),  # -> (B,)
        }


def get_inputs():
    anchor = torch.randn(batch_size, width)
    return [anchor, anchor + 0.1 * torch.randn(batch_size, width), torch.randn(batch_size, width)]


def get_init_inputs():
    return []
