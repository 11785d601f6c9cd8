"""torch.compile: how a network is compiled, how many variants may live, and what was compiled so far."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from bench.record.case import BACKEND_PREFIX

RECOMPILE_LIMIT = 64
"""So many compiled variants may live in one process; torch's default of 8 would silently run the ninth eagerly."""


NOTHING_COMPILES = (
    "torch.compile compiles nothing of a network that holds {kinds}: torch._dynamo.config.allow_rnn is off"
)


def compile_network(network: nn.Module, compile_: str) -> Callable[..., Any]:
    """Return a network compiled as a value of the compile axis says."""
    if compile_.startswith(BACKEND_PREFIX):
        return torch.compile(network, dynamic=False, backend=compile_.removeprefix(BACKEND_PREFIX))
    return torch.compile(network, dynamic=False, mode=None if compile_ == "on" else compile_)


def why_nothing_compiles(network: nn.Module) -> str | None:
    """Return why torch leaves a network as it is, where it says that it does so; None for any other network."""
    from torch._dynamo import config

    kinds = dict.fromkeys(type(module).__name__ for module in network.modules() if isinstance(module, nn.RNNBase))
    if not kinds or getattr(config, "allow_rnn", False):
        return None
    return NOTHING_COMPILES.format(kinds=", ".join(kinds))


def allow_variants() -> None:
    """Let as many compiled variants live here as are compared, and have torch fail rather than run one eagerly."""
    from torch._dynamo import config

    config.recompile_limit = RECOMPILE_LIMIT
    config.fail_on_recompile_limit_hit = True


class SilentEagerError(Exception):
    """A case that should be compiled ran eagerly."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CompileCounts:
    """Running totals of torch.compile in this process.

    Attributes:
        graphs: graphs that were compiled.
        hits: of them, taken from a disk cache.
        misses: of them, compiled from nothing.
        breaks: places where the compiler gave up and went on with another graph.
    """

    graphs: int
    hits: int
    misses: int
    breaks: int = 0

    @classmethod
    def now(cls) -> CompileCounts:
        """Return the totals as they stand; all 0 as long as nothing has loaded the compiler, which takes a second."""
        dynamo = sys.modules.get("torch._dynamo.utils")
        if dynamo is None:
            return cls(graphs=0, hits=0, misses=0)
        counters = dynamo.counters  # the only place where torch counts its graphs
        return cls(
            graphs=counters["stats"]["unique_graphs"],
            hits=counters["inductor"]["fxgraph_cache_hit"] + counters["aot_autograd"]["autograd_cache_hit"],
            misses=counters["inductor"]["fxgraph_cache_miss"] + counters["aot_autograd"]["autograd_cache_miss"],
            breaks=sum(counters["graph_break"].values()),
        )

    def since(self, before: CompileCounts) -> CompileCounts:
        """Return what was added since `before`."""
        return CompileCounts(
            graphs=self.graphs - before.graphs,
            hits=self.hits - before.hits,
            misses=self.misses - before.misses,
            breaks=self.breaks - before.breaks,
        )

    @property
    def cache_was_warm(self) -> bool | None:
        """Whether everything came from a disk cache; None for a backend that has none."""
        return None if self.hits + self.misses == 0 else self.misses == 0
