"""The sequential design of a gate: after how many blocks verdicts are looked at, and what each look may risk.

It is one table, which `bench` measures by and `reports` judges by.
None of it depends on what was seen, so the errors of all looks add up to at most `MOST_ALPHA` in each direction.

Source of the idea: error spending (Lan and DeMets, Biometrika 70, 1983), here in fixed portions.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import count


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """One look at the verdicts.

    Attributes:
        blocks: after how many.
        alpha: chance of calling any unchanged case slower at this look; the same again for faster.
        level: one-sided level of the interval that must lie inside the floor for a case to be called unchanged.
    """

    blocks: int
    alpha: float
    level: float


LOOKS = (
    Look(blocks=8, alpha=0.004, level=0.02),
    Look(blocks=16, alpha=0.002, level=0.01),
    Look(blocks=32, alpha=0.002, level=0.01),
    Look(blocks=60, alpha=0.001, level=0.01),
)
"""The looks of a first part; it has one more where its budget ends, which takes the place of the next in this table.
Eight blocks are the fewest whose signs agree by chance in less than the first alpha: 1 of 2^8."""

MOST_ALPHA = 0.01
"""The alphas of all looks, added ones too, sum to at most this: one gate in a hundred, in each direction."""

LEAST_BLOCKS = LOOKS[0].blocks
"""A verdict takes so many blocks."""

LOOK_EVERY = 30
"""Blocks between added looks. Whoever adds blocks has seen the verdicts, so only this fixed grid counts then."""

ADDED_ALPHA, ADDED_LEVEL = 0.0005, 0.005
"""The first added look may spend this; each further one has half of the one before, so that no number of them passes
`MOST_ALPHA`."""

MOST_LOOKS = 9
"""A further look could spend less than 100,000 random sign patterns can tell from nothing."""


MOST_LOOKED = LOOKS[-1].blocks + LOOK_EVERY * (MOST_LOOKS - len(LOOKS))
"""The last look that can find anything is after so many blocks."""


def is_look(blocks: int) -> bool:
    """Whether verdicts are looked at after so many blocks, whatever was seen."""
    last = LOOKS[-1].blocks
    return blocks in {look.blocks for look in LOOKS} or (blocks > last and (blocks - last) % LOOK_EVERY == 0)


def allowed_error(number: int) -> tuple[float, float]:
    """Return the alpha per direction and the one-sided level of the look with this number, counted from 0."""
    added = number - len(LOOKS)
    if added < 0:
        return LOOKS[number].alpha, LOOKS[number].level
    return ADDED_ALPHA / 2**added, ADDED_LEVEL / 2**added


def looks_up_to(blocks: int) -> tuple[int, ...]:
    """Return the numbers of blocks at which a first part that ends after so many has its looks."""
    return tuple(number for number in range(LEAST_BLOCKS, blocks + 1) if is_look(number) or number == blocks)


def next_look(blocks: int) -> int:
    """Return the first look of the fixed grid that is not before so many blocks."""
    return next(number for number in count(max(blocks, LEAST_BLOCKS)) if is_look(number))
