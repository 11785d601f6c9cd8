"""What compiling a case takes, and what the compiler did: from empty caches and from full ones, in fresh processes.

Observations only; when compiling pays off is computed in `reports`. Standard library only.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from bench.record.case import Case
from bench.record.observations import not_negative, positive


@dataclass(frozen=True, slots=True, kw_only=True)
class GraphBreak:
    """A place where the compiler gave up and went on with another graph.

    Attributes:
        reason: why, one line.
        place: file and line of the user's code, such as ``net.py:12``; None if torch does not tell.
    """

    reason: str
    place: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """One frame of Python, or one backward, that was compiled.

    Attributes:
        forward: whether it is a forward; None if torch does not tell.
        dynamo_seconds: tracing Python into a graph, the phases below included.
        aot_seconds: of them, deriving the backward and taking operators apart, inductor included.
        inductor_seconds: of them, inductor.
        code_gen_seconds: of them, generating and compiling code.
        guards: conditions under which the compiled code holds.
        recompile_reason: which of them failed, so that it was compiled again; None the first time.
    """

    forward: bool | None
    dynamo_seconds: float | None
    aot_seconds: float | None
    inductor_seconds: float | None
    code_gen_seconds: float | None
    guards: int | None
    recompile_reason: str | None

    def __post_init__(self) -> None:
        not_negative(self, "dynamo_seconds", "aot_seconds", "inductor_seconds", "code_gen_seconds", "guards")


@dataclass(frozen=True, slots=True, kw_only=True)
class Compiling:
    """How a case was compiled in one fresh process.

    Attributes:
        import_seconds: of importing the compiler, which is in no other figure.
        forward_seconds: what the first forward took longer than later ones; of a step without a backward, the first
            iteration.
        backward_seconds: likewise of the first backward; None where the step has none.
        graphs: compiled in the first iteration.
        recompiles: graphs that later iterations needed.
        kernels: that inductor generated.
        cache_hits, cache_misses: of the compiler's disk caches.
        breaks: places where it gave up and went on.
        frames: what torch tells of each frame that it compiled.
        frames_reason: why it tells nothing; None exactly if it does.
    """

    import_seconds: float
    forward_seconds: float
    backward_seconds: float | None
    graphs: int
    recompiles: int
    kernels: int
    cache_hits: int
    cache_misses: int
    breaks: tuple[GraphBreak, ...]
    frames: tuple[Frame, ...]
    frames_reason: str | None

    def __post_init__(self) -> None:
        not_negative(self, "import_seconds", "forward_seconds", "backward_seconds", "graphs", "recompiles", "kernels")
        not_negative(self, "cache_hits", "cache_misses")
        if bool(self.frames) == (self.frames_reason is not None):
            raise ValueError("torch tells of frames, or there is a reason why not")

    @property
    def seconds(self) -> float:
        """Return what was spent on compiling before the first iteration was over."""
        return self.forward_seconds + (self.backward_seconds or 0.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Compiled:
    """A case was compiled in one fresh process, or could not be.

    Attributes:
        case: which.
        replicate: which pair of processes, counted from 1.
        cold: whether the process began with empty caches; otherwise with those that the cold one of its pair left.
        compiling: what was seen; None if it failed.
        reason: why it failed, one line; None exactly if it was seen.
    """

    case: Case
    replicate: int
    cold: bool
    compiling: Compiling | None
    reason: str | None

    def __post_init__(self) -> None:
        positive(self, "replicate")
        if (self.compiling is None) != (self.reason is not None):
            raise ValueError(f"{self.case.id} was compiled, or there is a reason why not")


def keep_latest_compiled(compiled: Iterable[Compiled]) -> tuple[Compiled, ...]:
    """Return what was compiled, without what a later part of the run compiled again."""
    return tuple({(one.case, one.replicate, one.cold): one for one in compiled}.values())
