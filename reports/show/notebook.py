"""What a notebook shows: an object that is a table or a picture there, and text where it is printed."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """Something that shows itself.

    Attributes:
        text: where it is printed.
        html: where a notebook asks for it; safe, whatever a result file says.
    """

    text: str
    html: str

    def __repr__(self) -> str:
        return self.text

    def _repr_html_(self) -> str:
        return self.html
