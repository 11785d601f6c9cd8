"""The sequential design of a gate: after how many blocks verdicts are looked at, and what each look may risk.

It is one table, which `bench` measures by and `reports` judges by.
None of it depends on what was seen, so the errors of all looks add up to at most `MOST_ALPHA` in each direction.

Source of the idea: error spending (Lan and DeMets, Biometrika 70, 1983), here in fixed portions.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import count, islice
from math import ceil, log2


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
Eight blocks are the fewest whose signs agree by chance in less than the first alpha, 1 of 2^8. Where several gates
share the error, the first look is later; see `Design.least_blocks`."""

LOOK_EVERY = 30
"""Blocks between added looks. Whoever adds blocks has seen the verdicts, so only this fixed grid counts then."""

ADDED_ALPHA, ADDED_LEVEL = 0.0005, 0.005
"""The first added look may spend this; each further one has half of the one before, so that no number of them passes
`MOST_ALPHA`."""

MOST_ALPHA = 0.01
"""The alphas of all looks, added ones too, sum to at most this: one gate in a hundred, in each direction."""

LEAST_ALPHA = 0.00003
"""A look that could spend less than this could not tell it from nothing by 100,000 random sign patterns."""

MOST_GATES = 100
"""So many gates may share an error: of a few more, not even the first look could spend enough."""


@dataclass(frozen=True, slots=True)
class Design:
    """The looks of a gate that may be one of several, such as one for each node: they share one error.

    Attributes:
        gates: among how many the alpha of each look is divided.
    """

    gates: int = 1

    def __post_init__(self) -> None:
        if type(self.gates) is not int or not 1 <= self.gates <= MOST_GATES:
            raise ValueError(f"{self.gates!r} gates share an error; it must be a whole number from 1 to {MOST_GATES}")

    @property
    def grid(self) -> tuple[int, ...]:
        """The numbers of blocks at which a first part has its looks, whatever was seen."""
        return (self.least_blocks, *(look.blocks for look in LOOKS[1:] if look.blocks > self.least_blocks))

    @property
    def least_blocks(self) -> int:
        """A verdict takes so many blocks: the fewest whose signs agree by chance in at most the first alpha."""
        return max(LOOKS[0].blocks, ceil(-log2(LOOKS[0].alpha / self.gates)))

    @property
    def most_looks(self) -> int:
        """A further look could spend less than can be told from nothing."""
        return next(number for number in count() if self.allowed_error(number)[0] < LEAST_ALPHA)

    @property
    def most_looked(self) -> int:
        """The last look that can find anything is after so many blocks."""
        looks = (blocks for blocks in count(1) if self.is_look(blocks))
        return next(islice(looks, self.most_looks - 1, None))

    def is_look(self, blocks: int) -> bool:
        """Whether verdicts are looked at after so many blocks, whatever was seen."""
        last = LOOKS[-1].blocks
        return blocks in self.grid or (blocks > last and (blocks - last) % LOOK_EVERY == 0)

    def allowed_error(self, number: int) -> tuple[float, float]:
        """Return the alpha per direction and the one-sided level of the look with this number, counted from 0."""
        added = number - len(LOOKS)
        if added < 0:
            return LOOKS[number].alpha / self.gates, LOOKS[number].level
        return ADDED_ALPHA / 2**added / self.gates, ADDED_LEVEL / 2**added

    def looks_up_to(self, blocks: int) -> tuple[int, ...]:
        """Return the numbers of blocks at which a first part that ends after so many has its looks."""
        return tuple(
            number for number in range(self.least_blocks, blocks + 1) if self.is_look(number) or number == blocks
        )

    def next_look(self, blocks: int) -> int:
        """Return the first look of the fixed grid that is not before so many blocks."""
        return next(number for number in count(max(blocks, self.least_blocks)) if self.is_look(number))


ALONE = Design()
"""The looks of a gate that shares its error with none."""
