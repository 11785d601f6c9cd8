"""The variant that speed-ups are measured against."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

from bench.record.case import (
    DEFAULT_LAYOUT,
    DEFAULT_RANKS,
    DTYPES,
    LAYOUTS,
    Case,
    Group,
    Variant,
    check_compile,
    check_ranks,
    unknown,
)

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Reference:
    """A variant; every group (model, step, batch, device) is compared with its own such case.

    Attributes:
        dtype, compile: of the reference.
        layout, threads, ranks: likewise; None for the axis's default in a group that has it, and else for the first
            value that the group has.

    Raises:
        ValueError: if one is not a value of its axis.
    """

    dtype: str = "float32"
    compile: str = "off"
    layout: str | None = None
    threads: int | None = None
    ranks: str | None = None

    def __post_init__(self) -> None:
        if self.dtype not in DTYPES:
            raise ValueError(unknown("dtype", self.dtype, DTYPES))
        check_compile(self.compile)
        if self.layout is not None and self.layout not in LAYOUTS:
            raise ValueError(unknown("layout", self.layout, LAYOUTS))
        if self.ranks is not None:
            check_ranks(self.ranks)

    def of(self, cases: Sequence[Case]) -> Mapping[Case, Case]:
        """Return with which case each of a run is compared; itself if it is the reference."""
        layouts: dict[Group, list[str]] = {}
        threads: dict[Group, list[int | None]] = {}
        ranks: dict[Group, list[str]] = {}
        for case in cases:
            layouts.setdefault(case.group, []).append(case.layout)
            threads.setdefault(case.group, []).append(case.threads)
            ranks.setdefault(case.group, []).append(case.ranks)
        return {
            case: replace(
                case,
                dtype=self.dtype,
                compile=self.compile,
                layout=self.layout or _choose(layouts[case.group], DEFAULT_LAYOUT),
                threads=self.threads or _choose(threads[case.group], None),
                ranks=self.ranks or _choose(ranks[case.group], DEFAULT_RANKS),
            )
            for case in cases
        }

    def describe(self, cases: Sequence[Case]) -> str:
        """Return how the references of a run's cases read: ``float32 eager``, ``float32 eager 1 thread``."""
        variants = dict.fromkeys(str(case.variant) for case in self.of(cases).values())
        return " or ".join(variants) or str(Variant(self.dtype, self.compile))


def _choose(values: Sequence[T], default: T) -> T:
    return default if default in values else values[0]


def parse_reference(text: str) -> Reference:
    """Return the reference that ``dtype=float32,compile=off`` names; what is left out has its default.

    Raises:
        ValueError: if it names another axis, an axis twice, or a value that the axis does not have.
    """
    known = Variant._fields
    chosen: dict[str, str] = {}
    for part in text.split(","):
        axis, equals, value = part.strip().partition("=")
        if not equals or axis not in known or axis in chosen:
            axes = ", ".join(known)
            raise ValueError(f"reference {text!r}: expected each of {axes} at most once, as in dtype=float32")
        chosen[axis] = value
    threads = chosen.pop("threads", None)
    if threads is not None and not (threads.isdecimal() and int(threads) > 0):
        raise ValueError(f"reference {text!r}: threads is {threads!r}; it must be a whole number of at least 1")
    return Reference(**chosen, threads=None if threads is None else int(threads))
