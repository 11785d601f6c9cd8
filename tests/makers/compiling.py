"""Compiles that no compiler made: made up, so that what they are worth can be told to the letter."""

from __future__ import annotations

from collections.abc import Sequence

from bench.record.case import Case
from bench.record.compiling import Compiled, Compiling, Frame, GraphBreak

BREAK = GraphBreak(reason="call to print", place="net.py:12")


def made_frame(*, forward: bool = True, scale: float = 1.0, recompile_reason: str | None = None) -> Frame:
    """Return a frame that took 4 s, of which 3 s AOT autograd, 2 s inductor and 1 s code."""
    return Frame(
        forward=forward,
        dynamo_seconds=4.0 * scale,
        aot_seconds=3.0 * scale,
        inductor_seconds=2.0 * scale,
        code_gen_seconds=1.0 * scale,
        guards=17,
        recompile_reason=recompile_reason,
    )


def made_compiling(
    forward: float = 5.0,
    backward: float | None = None,
    *,
    cold: bool = True,
    frames: Sequence[Frame] | None = None,
    breaks: Sequence[GraphBreak] = (),
    recompiles: int = 0,
) -> Compiling:
    """Return how a case was compiled.

    Args:
        forward: seconds.
        backward: likewise; None for a step that has none.
        cold: whether the caches held nothing; otherwise all.
        frames: that torch tells of; one if None, and the reason why there are none if empty.
        breaks: places where the compiler gave up.
        recompiles: graphs that later iterations needed.
    """
    told = [made_frame()] if frames is None else frames
    return Compiling(
        import_seconds=2.0,
        forward_seconds=forward,
        backward_seconds=backward,
        graphs=1,
        recompiles=recompiles,
        kernels=3,
        cache_hits=0 if cold else 2,
        cache_misses=2 if cold else 0,
        breaks=tuple(breaks),
        frames=tuple(told),
        frames_reason=None if told else "this torch tells nothing",
    )


def compiled(case: Case, *several: Compiling, cold: bool = True) -> tuple[Compiled, ...]:
    """Return a case that was compiled in so many processes, which all began with empty caches or all with full ones."""
    return tuple(
        Compiled(case=case, replicate=replicate, cold=cold, compiling=one, reason=None)
        for replicate, one in enumerate(several, start=1)
    )
