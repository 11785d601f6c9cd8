"""Cores are shared out evenly, siblings together."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from bench.host.cores import list_places, share_places
from bench.host.environment_variables import rank_variables


def test_logical_processors_of_a_core_stand_together(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two ranks on the two halves of a core would slow each other down."""
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0, 1, 2, 3, 5}, raising=False)
    for number, siblings in enumerate(["0,2", "1,3", "0,2", "1,3"]):
        (tmp_path / f"cpu{number}" / "topology").mkdir(parents=True)
        (tmp_path / f"cpu{number}" / "topology" / "thread_siblings_list").write_text(f"{siblings}\n")
    assert list_places(tmp_path) == ((0, 2), (1, 3), (5,))


@pytest.mark.parametrize(
    ("ranks", "shares"),
    [
        (1, (((0,), (1,), (2,), (3,), (4,)),)),
        (2, (((0,), (1,)), ((2,), (3,)))),
        (5, (((0,),), ((1,),), ((2,),), ((3,),), ((4,),))),
        (6, None),
    ],
)
def test_shares_are_equal_and_disjoint(ranks: int, shares: object) -> None:
    """A core that is left over belongs to nobody, and a rank without one cannot be."""
    assert share_places(tuple((number,) for number in range(5)), ranks) == shares


def test_rank_is_bound_to_its_share() -> None:
    """OpenMP reads both variables when a program is executed; `--unsteady bound-threads` leaves threads unbound."""
    places = ((0, 2), (1, 3))
    assert rank_variables(places, ()) == {"OMP_NUM_THREADS": "2", "OMP_PLACES": "{0,2},{1,3}"}
    assert rank_variables(places, ["bound-threads"]) == {"OMP_NUM_THREADS": "2"}
