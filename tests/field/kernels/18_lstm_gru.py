"""An LSTM of two layers with dropout between them, and a GRU on top; the states are outputs too."""

import torch
from torch import Tensor, nn

batch_size = 3
steps, features, hidden = 12, 10, 16


class Model(nn.Module):
    """Starts from a state that is fed, with the batch in its second dimension."""

    def __init__(self, features: int, hidden: int) -> None:
        super().__init__()
        self.lstm = nn.LSTM(features, hidden, num_layers=2, dropout=0.2, batch_first=True)
        self.gru = nn.GRU(hidden, hidden, batch_first=True)

    def forward(self, x: Tensor, state: tuple[Tensor, Tensor]):
        output, (h, c) = self.lstm(x, state)  # (B, T, F) -> (B, T, H); h, c (2, B, H)
        output, last = self.gru(output)
        return output, (h, c, last)


def get_inputs():
    zeros = torch.zeros(2, batch_size, hidden)
    return [torch.randn(batch_size, steps, features), (zeros, zeros.clone())]


def get_init_inputs():
    return [features, hidden]
