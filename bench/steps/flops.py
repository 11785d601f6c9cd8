"""Counting floating-point operations: torch's counter, and which operators it has no formula for.

`FlopCounterMode` counts an operator without a formula as nothing: a fused encoder layer would cost a ten-thousandth of
what it does. An operator may go without a formula only if it is known to do a bounded amount of work for each element
that it reads or writes; any other one makes the count absent, and is its reason.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from torch.utils.flop_counter import FlopCounterMode, sdpa_backward_flop_count, sdpa_flop_count

from bench.devices.backend import first_line, is_out_of_memory

Shape = tuple[int, ...]


def _attention(query: Shape, key: Shape, value: Shape, *_: object, **__: object) -> int:
    return int(sdpa_flop_count(query, key, value))  # type: ignore[no-untyped-call]


def _attention_backward(gradient: Shape, query: Shape, key: Shape, value: Shape, *_: object, **__: object) -> int:
    return int(sdpa_backward_flop_count(gradient, query, key, value))  # type: ignore[no-untyped-call]


def _matrix_vector(matrix: Shape, _vector: Shape, *_: object, **__: object) -> int:
    rows, columns = matrix
    return 2 * rows * columns


def _added_matrix_vector(_added: Shape, matrix: Shape, vector: Shape, *_: object, **__: object) -> int:
    return _matrix_vector(matrix, vector)


def _inner(left: Shape, _right: Shape, *_: object, **__: object) -> int:
    return 2 * left[0]


FORMULAS: Mapping[str, Callable[..., int]] = {
    "_scaled_dot_product_flash_attention_for_cpu": _attention,
    "_scaled_dot_product_flash_attention_for_cpu_backward": _attention_backward,
    "_scaled_dot_product_fused_attention_overrideable": _attention,
    "_scaled_dot_product_fused_attention_overrideable_backward": _attention_backward,
    "_scaled_dot_product_attention_math_for_mps": _attention,
    "mv": _matrix_vector,
    "addmv": _added_matrix_vector,
    "dot": _inner,
    "vdot": _inner,
}
"""Operators of torch that its counter has no formula for, by name. Attention counts as torch counts it elsewhere: both
products, whether or not a mask spares a part of them."""

BOUNDED_TAGS = frozenset({torch.Tag.pointwise, torch.Tag.reduction, torch.Tag.view_copy, torch.Tag.inplace_view})
"""With one of these tags torch itself says that an operator does a bounded amount of work for each element."""

CONTRACTS = re.compile(
    r"mm(_|$)|matmul|linear_backward|conv(?!ert)|attention|lstm|gru|rnn|linalg_(?!check_errors|cross|_?powsum)|_fft|cdist"
    r"|pdist|euclidean|(?<!upsample_)trilinear"
)
"""Operators with this in their name do more, whatever else their name says and whatever dtype they read."""

BOUNDED = re.compile(
    r"""_*(?:
        # moving, making and choosing elements
        .*copy(?:_from.*)? | .*clone | .*_like | new_.* | lift.* | resize.* | set | shallow_copy_data | fill | zero
        | (?:_?chunk_)?cat | stack | block_diag | diag_embed | repeat.* | roll | rot90 | flip | tril | triu
        | unsafe_(?:view|split).* | reshape.* | transpose | .*mkldnn_(?:reshape|transpose) | to_(?!sparse).*
        | .*(?:index|scatter).* | (?:index_)?put | gather | take | (?:masked|unsafe_masked)_.* | where
        | (?:select|slice|diagonal|unfold)_backward | .*_pad\d?d?(?:_.*)? | pixel_.* | channel_shuffle | im2col | col2im
        | pack_padded_sequence | .*_padded_.* | local_scalar_dense | .*assert.* | is_.* | allclose | nonzero.*
        | pin_memory | record_stream | sparse_coo_tensor_with.* | coalesced?
        # a few operations for each element
        | rsub | floor_divide | addr | complex | polar | linalg_(?:check_errors|cross|_?powsum) | affine_grid_generator
        | (?:fake_|de)?quantize(?:_per_.*)? | segment_reduce(?:_.*)? | fused_sdp_choice
        # order and counts
        | sort | topk | kthvalue | n?a?n?median | mode | .*unique.* | searchsorted | bucketize | hist.* | bincount
        | isin | trace | dist | aminmax | cum.* | logcumsumexp
        # random numbers
        | bernoulli | binomial | cauchy | exponential | geometric | log_normal | multinomial | normal(?:_functional)?
        | poisson | rand.* | uniform | random | .*dropout.* | .*gamma(?:_grad)?
        | .*dirichlet.* | philox_.*
        # layers and losses with a bounded window or a mean
        | .*(?:softmax|sigmoid|softplus|shrink|swish|tanh|mish|prelu_kernel|rrelu|relu|elu|glu|threshold)(?:_.*)?
        | .*pool(?:\dd)?(?:_.*)? | .*upsample.* | grid_sampler.* | .*(?:_loss|_loss2d|cross_entropy)(?:_.*)?
        | .*(?:batch|group|layer|rms|weight|instance)_norm.* | native_norm | renorm | .*embedding.*
        # optimisers and gradient scaling
        | fused_(?:sgd|adam|adamw|adagrad) | foreach_.* | amp_.*
    )_*""",
    re.VERBOSE,
)
"""Operators of torch whose whole name is one of these do a bounded amount of work for each element too, and have no
tag that says so. A bound may be a window's size: no formula of torch counts pooling or interpolation either."""


class _Uncounted(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Collects the operators below the counter that have no formula and may not go without one."""

    supports_higher_order_operators = True

    def __init__(self, known: Mapping[Any, Any]) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.known = known
        self.names: dict[str, None] = {}

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if getattr(func, "_overloadpacket", func) not in self.known and not is_bounded(func, args, kwargs or {}):
            self.names[func.name().partition(".")[0]] = None
        return func(*args, **(kwargs or {}))


def count_flops(isolated: Callable[[AbstractContextManager[object]], None]) -> tuple[int | None, str | None]:
    """Return the floating-point operations of what is run, or None and why they cannot be counted.

    Args:
        isolated: runs it inside the context that it is given.

    Raises:
        Exception: if memory runs out, torch's own error.
    """
    formulas = {getattr(torch.ops.aten, name): formula for name, formula in FORMULAS.items() if has_operator(name)}
    counter = FlopCounterMode(display=False, custom_mapping=formulas)
    uncounted = _Uncounted(counter.flop_registry)
    try:
        with uncounted:  # outside the counter, so that it sees what the counter did not take apart
            isolated(counter)
    except Exception as error:
        if is_out_of_memory(error):
            raise
        return None, f"torch's counter of operations does not get through it: {first_line(error)}"
    if uncounted.names:
        return None, f"no formula counts the operations of {', '.join(uncounted.names)}"
    return int(counter.get_total_flops()), None


def has_operator(name: str) -> bool:
    """Whether this torch has an operator of that name."""
    return hasattr(torch.ops.aten, name)


def is_bounded(func: Any, args: Any, kwargs: Any) -> bool:
    """Whether an operator without a formula does a bounded amount of work for each element that it is given or makes.

    An operator of another library, about which torch knows nothing, does not, unless it reads no floating numbers.
    """
    namespace, _, name = func.name().partition(".")[0].rpartition("::")
    tags = {*getattr(func, "tags", ()), *_tags_of_plain(func, name)}
    if getattr(func, "is_view", False) or tags & BOUNDED_TAGS:
        return True
    if CONTRACTS.search(name):
        return False
    if not any(isinstance(leaf, Tensor) and _is_floating(leaf) for leaf in tree_leaves((args, kwargs))):
        return True
    return namespace in {"aten", "prims"} and BOUNDED.fullmatch(name) is not None


def _tags_of_plain(func: Any, name: str) -> Iterator[torch.Tag]:
    """Yield the tags of the operator of which this one is the form in place, which often has none itself."""
    plain = getattr(torch.ops.aten, name.rstrip("_"), None) if name.endswith("_") else None
    overload = getattr(func, "_overloadname", "")
    if plain is not None and overload in plain.overloads():
        yield from getattr(plain, overload).tags


def _is_floating(tensor: Tensor) -> bool:
    return tensor.is_floating_point() or tensor.is_complex()
