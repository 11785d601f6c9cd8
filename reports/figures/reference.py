"""The variant that speed-ups are measured against."""

from __future__ import annotations

from dataclasses import dataclass, fields

from bench.record.case import DTYPES, Case, check_compile, compile_label, unknown


@dataclass(frozen=True, slots=True, kw_only=True)
class Reference:
    """A dtype and a compile mode; every group (model, step, batch, device) is compared with its own such case.

    Raises:
        ValueError: if one is not a value of its axis.
    """

    dtype: str = "float32"
    compile: str = "off"

    def __post_init__(self) -> None:
        if self.dtype not in DTYPES:
            raise ValueError(unknown("dtype", self.dtype, DTYPES))
        check_compile(self.compile)

    def of(self, case: Case) -> Case:
        """Return the case that this one is compared with; itself if it is the reference."""
        model, step, batch, device = case.group
        return Case(model=model, step=step, batch=batch, device=device, dtype=self.dtype, compile=self.compile)

    def __str__(self) -> str:
        return variant_label(self.dtype, self.compile)


def variant_label(dtype: str, compile_: str) -> str:
    """Return how a variant reads: ``float32 eager``, ``bfloat16 compiled``."""
    return f"{dtype} {compile_label(compile_)}"


def parse_reference(text: str) -> Reference:
    """Return the reference that ``dtype=float32,compile=off`` names; what is left out has its default.

    Raises:
        ValueError: if it names another axis, an axis twice, or a value that the axis does not have.
    """
    known = [axis.name for axis in fields(Reference)]
    chosen: dict[str, str] = {}
    for part in text.split(","):
        axis, equals, value = part.strip().partition("=")
        if not equals or axis not in known or axis in chosen:
            axes = ", ".join(known)
            raise ValueError(f"reference {text!r}: expected each of {axes} at most once, as in dtype=float32")
        chosen[axis] = value
    return Reference(**chosen)
