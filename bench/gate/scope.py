"""What of a repository a gate compares: the tutorial's networks in this checkout, or the whole of a project."""

from __future__ import annotations

from dataclasses import dataclass

from bench.files.project_settings import SETTINGS
from bench.host.code import ENGINE, TIMED


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """What of a repository is compared.

    Attributes:
        whole: whether every file of the project's folder is in its trees, since any may be imported from there;
            otherwise those of ``models``, which hold the built-in networks.
        own: whether the project is the checkout that this program runs from.
        include: patterns of generated files that both trees take from the working tree.
        data: patterns of files that count although no worker imports them.
    """

    whole: bool = False
    own: bool = True
    include: tuple[str, ...] = ()
    data: tuple[str, ...] = ()

    @property
    def paths(self) -> tuple[str, ...]:
        """What git is asked about, from the project's folder."""
        return (".",) if self.whole else (TIMED,)

    @property
    def exported(self) -> tuple[str, ...]:
        """What a tree holds, likewise: the settings lie beside ``models``, and say what an arm's own commit tolerated.

        They are no part of what is compared there.
        """
        return self.paths if self.whole else (TIMED, SETTINGS)

    @property
    def known_by(self) -> tuple[str, ...]:
        """What git knows any file of, where the project is at that repository's commits."""
        return self.paths if self.whole else (TIMED, ENGINE)

    @property
    def place(self) -> str:
        """Where a change counts, in a sentence."""
        return " of the project" if self.whole else f" in {TIMED}"

    @property
    def fact(self) -> str:
        """The name of an arm's code among its facts."""
        return "project" if self.whole else TIMED

    def holds(self, path: str) -> bool:
        """Whether a file of a tree, by its path from there, is compared."""
        return self.whole or path.partition("/")[0] == TIMED


BUILT_IN = Scope()
"""The tutorial's networks, in this checkout."""
