"""The dtype axis: what each name does to the weights and to what a network is fed."""

from __future__ import annotations

from dataclasses import dataclass

import torch

TF32_ROUNDOFF = 2.0**-11
"""TF32 has ten bits of mantissa behind the leading one (NVIDIA, A100 whitepaper, 2020), as float16 has."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Dtype:
    """One value of the dtype axis.

    Attributes:
        compute: the dtype in which products are computed.
        storage: the dtype of weights and inputs.
        tf32: whether the device rounds the factors of products to TF32 first.
    """

    compute: torch.dtype
    storage: torch.dtype
    tf32: bool = False

    @property
    def amp(self) -> bool:
        """Whether autocast does the conversion."""
        return self.compute is not self.storage

    @property
    def roundoff(self) -> float:
        """Unit roundoff of what products are computed in: half the distance from 1 to the next number."""
        return TF32_ROUNDOFF if self.tf32 else torch.finfo(self.compute).eps / 2

    @property
    def storage_roundoff(self) -> float:
        """Unit roundoff of the dtype that weights are kept in."""
        return torch.finfo(self.storage).eps / 2


TORCH_DTYPES = {
    "float32": Dtype(compute=torch.float32, storage=torch.float32),
    "bfloat16": Dtype(compute=torch.bfloat16, storage=torch.bfloat16),
    "float16": Dtype(compute=torch.float16, storage=torch.float16),
    "float64": Dtype(compute=torch.float64, storage=torch.float64),
    "tf32": Dtype(compute=torch.float32, storage=torch.float32, tf32=True),
    "amp-bfloat16": Dtype(compute=torch.bfloat16, storage=torch.float32),
    "amp-float16": Dtype(compute=torch.float16, storage=torch.float32),
}
"""Says what torch makes of every name in `DTYPES` of the record, which is read where torch is absent."""
