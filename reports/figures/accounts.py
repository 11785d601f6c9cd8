"""Where the time of a profiled iteration goes: operators by what they compute, and what is spent around them."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from bench.record.case import Case
from bench.record.profile import Place, Profile
from bench.record.run import Run
from reports.figures.evidence import examine

OUTSIDE = "(in no operator)"
"""The name of the time that is in no operator: Python, and what torch does before an operator begins."""

SHORT_SECONDS = 5e-6
"""An operator whose own time per call is under this mostly finds its kernel and makes its tensors: a kernel that works
longer than this does not come from dispatch alone, which takes 1 to 5 µs under the profiler."""

HOST_WAITS = 0.5
"""Where a device runs kernels for at least this share of an iteration, the kernels are what takes the time."""

PRODUCTS = re.compile(
    r"(?:^|::|_)(?:(?:add|ba)*b?mm|addbmm|addmv|mv|dot|bilinear|matmul)(?:_|$)|conv(?!ert)|gemm|attention"
)
"""Names of operators and kernels that multiply matrices, in torch and in its libraries."""

AROUND = re.compile(r"autograd::engine::|TorchDynamo|Torch-Compiled|Pregraph|AOTDispatcher|## Call CompiledFxGraph")
"""What torch marks although it is no operator: autograd and the compiler's own code around the operators they call."""

NUMBERED = re.compile(r"^(?:graph_\d+_)?((?:cpp|triton)_\w*fused\w*?)(?:_\d+)?$")
"""A kernel that inductor generated: what it computes, between the numbers of its graph and of itself."""

UNREPEATED = ((re.compile(r"^(## Call CompiledFxGraph) \w+ (##)$"), r"\1 \2"), (re.compile(r": \d+/\d+(?:_\d+)?$"), ""))
"""What in a name is another one with every compile: the key of a graph in the cache, the number of a frame."""

Work = tuple[Place, str]
"""Where something runs, and what it computes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One operator, or one kind of generated kernel, in an iteration.

    Attributes:
        name: what it computes.
        place: where it runs.
        calls: per iteration.
        seconds: per iteration, its own, without what it called.
    """

    name: str
    place: Place
    calls: float
    seconds: float

    @property
    def is_around(self) -> bool:
        """Whether it is spent on getting to a computation: by its name, or since each call is so short."""
        return AROUND.search(self.name) is not None or self.seconds < SHORT_SECONDS * self.calls

    @property
    def is_product(self) -> bool:
        """Whether it multiplies matrices."""
        return PRODUCTS.search(self.name) is not None


class Bound(StrEnum):
    """What most of an iteration is spent on."""

    AROUND = "getting to the computation"
    PRODUCTS = "products of matrices"
    OTHERS = "other operators"
    DEVICE = "kernels of the device"
    HOST = "the host, for which the device waits"


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """Where the time of an iteration of a case goes.

    Attributes:
        lines: largest first.
        seconds: wall time of a profiled iteration.
        outside_seconds: of it, in no operator.
        device_seconds: of it, in which a device ran kernels; None where none was seen.
        iterations: that it is the mean of.
        timed_seconds: of an iteration without a profiler; None where it was not timed.
        remarks: what a reader must know, each a sentence without its full stop.
    """

    lines: tuple[Line, ...]
    seconds: float
    outside_seconds: float
    device_seconds: float | None
    iterations: int
    timed_seconds: float | None
    remarks: tuple[str, ...]

    @property
    def ratio(self) -> float | None:
        """Return how many times longer a profiled iteration takes than a timed one."""
        return None if self.timed_seconds is None else self.seconds / self.timed_seconds

    @property
    def around_seconds(self) -> float:
        """Return what the lines of the host take that are no computation; the time in no operator is not in it."""
        return sum(line.seconds for line in self.lines if line.place is Place.HOST and line.is_around)

    def sum_lines(self, *, products: bool) -> float:
        """Return what the host's computations take that are products of matrices, or that are not."""
        host = (line for line in self.lines if line.place is Place.HOST and not line.is_around)
        return sum(line.seconds for line in host if line.is_product is products)

    @property
    def bound(self) -> Bound:
        """Return what most of it is spent on."""
        if self.device_seconds is not None:
            return Bound.DEVICE if self.device_seconds >= HOST_WAITS * self.seconds else Bound.HOST
        spent = {
            Bound.AROUND: self.outside_seconds + self.around_seconds,
            Bound.PRODUCTS: self.sum_lines(products=True),
            Bound.OTHERS: self.sum_lines(products=False),
        }
        return max(spent, key=lambda bound: spent[bound])


def name_work(name: str) -> str:
    """Return what an operator or a kernel computes: its name without what is another one with every compile."""
    if kernel := NUMBERED.match(name):
        return kernel[1]
    for pattern, kept in UNREPEATED:
        name = pattern.sub(kept, name)
    return name


def sum_work(profile: Profile) -> dict[Work, tuple[float, float]]:
    """Return calls and seconds per iteration by what is computed: kernels that compute the same stand together."""
    sums: dict[Work, tuple[float, float]] = defaultdict(lambda: (0.0, 0.0))
    for operator in profile.operators:
        key = operator.place, name_work(operator.name)
        calls, seconds = sums[key]
        sums[key] = calls + operator.calls, seconds + operator.self_seconds
    return dict(sums)


def make_account(profile: Profile, timed_seconds: float | None) -> Account:
    """Return where the time goes that a profile saw."""
    lines = [
        Line(name=name, place=place, calls=calls, seconds=seconds)
        for (place, name), (calls, seconds) in sum_work(profile).items()
    ]
    return Account(
        lines=tuple(sorted(lines, key=lambda line: (line.place is Place.DEVICE, -line.seconds))),
        seconds=profile.seconds,
        outside_seconds=profile.outside_seconds,
        device_seconds=profile.device_seconds,
        iterations=profile.iterations,
        timed_seconds=timed_seconds,
        remarks=profile.remarks,
    )


def list_accounts(run: Run) -> Mapping[Case, Account | str]:
    """Return where the time of each profiled case goes, or why it is not known, in display order."""
    evidence = examine(run)
    accounts: dict[Case, Account | str] = {}
    for profiled in sorted(run.profiles, key=lambda profiled: run.cases.index(profiled.case)):
        seconds = evidence[profiled.case].seconds
        accounts[profiled.case] = (
            str(profiled.reason)
            if profiled.profile is None
            else make_account(profiled.profile, seconds.centre if seconds else None)
        )
    return accounts


def cut(lines: Iterable[Line], most: int) -> tuple[list[Line], list[Line]]:
    """Return the largest lines of each place, and the rest."""
    largest: list[Line] = []
    rest: list[Line] = []
    for line in lines:
        same = sum(1 for other in largest if other.place is line.place)
        (largest if same < most else rest).append(line)
    return largest, rest
