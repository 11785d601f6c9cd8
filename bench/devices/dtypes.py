"""The dtype axis: what each name does to weights and images, and how far its answers may be off.

The reference is the same network with the same weights in float64, eager, on the CPU.
With unit roundoff u of the dtype that the products are computed in:

- Logits, loss. Every layer rounds its weights and its activations once, each a random relative error of
  about u / 2; products accumulate in float32 or better, so a sum of K terms adds at most about sqrt(K) * 2**-24.
  Three layers and a softmax give a relative error in norm of about 3 u for the 16-bit types, whose own rounding
  dominates, and up to sqrt(784) u / 3, about 10 u, for float32 and float64, which accumulate in themselves.
  We allow 16 u and 64 u.
- Updated weights. A step moves them by the learning rate times the gradient, so they may be off by that much of the
  gradient's allowance, and by the rounding of the dtype they are kept in, before and after: 2 u of it. In float32 and
  float64, amp included, a step that is not taken is beyond that; in 16 bits a step of 1e-3 is below the rounding.
- Gradients. Rounding also flips the ReLU of units that are nearly zero: a relative error e of a pre-activation
  flips a share of about e of the units, and each flipped unit contributes wholly wrong entries, so the error in
  norm is about sqrt(e), with e about u for random signs. We allow 5 sqrt(u). Flips are whole numbers, though:
  where few are expected, one of them weighs 1 / sqrt(batch * active units), with at least 256 active units in the
  networks here. We allow two more of them.

A wrong answer (a missing layer, a transposed weight, garbage memory) is off by the order of 1.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt

import torch

ACTIVE_UNITS = 256
"""Half of the 512 hidden units of the smallest network: a ReLU passes about every second one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Dtype:
    """One value of the dtype axis.

    Attributes:
        compute: the dtype in which products are computed.
        storage: the dtype of weights and images.
        rounding_steps: tolerance of logits and loss, in units of roundoff.
    """

    compute: torch.dtype
    storage: torch.dtype
    rounding_steps: int

    @property
    def amp(self) -> bool:
        """Whether autocast does the conversion."""
        return self.compute is not self.storage

    @property
    def roundoff(self) -> float:
        """Unit roundoff of the compute dtype: half the distance from 1 to the next number."""
        return torch.finfo(self.compute).eps / 2

    @property
    def storage_roundoff(self) -> float:
        """Unit roundoff of the dtype that weights are kept in."""
        return torch.finfo(self.storage).eps / 2

    @property
    def tolerance(self) -> float:
        """Allowed relative error of logits and loss."""
        return self.rounding_steps * self.roundoff

    def gradient_tolerance(self, batch: int) -> float:
        """Return the allowed relative error of each parameter's gradient over `batch` images."""
        return 5 * sqrt(self.roundoff) + 2 / sqrt(batch * ACTIVE_UNITS)


TORCH_DTYPES = {
    "float32": Dtype(compute=torch.float32, storage=torch.float32, rounding_steps=64),
    "bfloat16": Dtype(compute=torch.bfloat16, storage=torch.bfloat16, rounding_steps=16),
    "float16": Dtype(compute=torch.float16, storage=torch.float16, rounding_steps=16),
    "float64": Dtype(compute=torch.float64, storage=torch.float64, rounding_steps=64),
    "amp-bfloat16": Dtype(compute=torch.bfloat16, storage=torch.float32, rounding_steps=16),
    "amp-float16": Dtype(compute=torch.float16, storage=torch.float32, rounding_steps=16),
}
