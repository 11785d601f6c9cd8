"""The table of layers as a reader sees it, to the letter, and what is derived for it."""

# ruff: noqa: E501  golden tables are wide; the micro sign, as units writes it

from __future__ import annotations

import csv
import io
from dataclasses import replace
from pathlib import Path

import pytest

from bench.record.layers import Layered, Layers
from bench.record.observations import Ceiling, Limit
from bench.record.run import Run
from reports.figures.layers import OTHER_LAYERS, Walk, list_walks
from reports.figures.reference import Reference
from reports.run.layers import describe
from reports.run.text import render
from reports.run.write import write_reports
from reports.show.table import Format
from tests.makers.layers import LINEAR, LOSS, RELU, layered, made_layers
from tests.makers.runs import TWO, steady_run

FLOAT, BFLOAT = TWO
SIX = [made_layers(forward=seconds * 1e-6) for seconds in (39, 40, 40, 40, 40, 41)]
CEILINGS = (
    Ceiling(device="cpu", launch=1, limit=Limit.PRODUCTS, dtype="float32", per_second=1e9, size=64, reason=None),
    Ceiling(device="cpu", launch=1, limit=Limit.COPIES, dtype=None, per_second=1e8, size=64, reason=None),
)


def run_of(*layers: Layered) -> Run:
    """Return a run whose device copies 100 MB/s: of 1,000 operations on 2,000 bytes it allows 50 million in a second."""
    return replace(steady_run(lambda *_: [50e-6]), layers=layers, ceilings=CEILINGS)


def shown(run: Run, form: Format = Format.TEXT) -> str:
    """Return the table."""
    return render(run, ["layers"], form, Reference())


def walk_of(*several: Layers) -> Walk:
    """Return a network that was timed in so many processes."""
    (walk,) = list_walks(run_of(*layered(FLOAT, *several))).values()
    assert isinstance(walk, Walk)
    return walk


def test_table_of_layers_reads_like_this() -> None:
    """Golden: the walk with what each takes, all of them together, the whole, and what the difference is."""
    said = shown(run_of(*layered(FLOAT, *SIX)))
    assert said.startswith(
        """\
Layer by layer: mlp, batch 64, cpu, float32

layer          kind    shape                     parameters    FLOP    least traffic    forward    share    of best    backward    share    of best
-------------  ------  ----------------------  ------------  ------  ---------------  ---------  -------  ---------  ----------  -------  ---------
0              Linear  (64, 784) to (64, 512)       401,920  1.000k          2.0 KiB   30.00 µs   75.0 %     66.7 %    60.00 µs   75.0 %     33.3 %
1              Linear  (64, 784) to (64, 512)       401,920  1.000k          2.0 KiB   5.000 µs   12.5 %    400.0 %    10.00 µs   12.5 %    200.0 %
(loss)         loss    (64, 784) to (64, 512)             —       —                —          —        —          —    10.00 µs   12.5 %    200.0 %
all layers     —       —                                  —       —                —   35.00 µs   87.5 %          —    80.00 µs  100.0 %          —
whole network  —       —                                  —       —                —   40.00 µs  100.0 %          —    80.00 µs  100.0 %          —

One by one, the forwards of the layers add up to 87.5 % [85.4, 89.7] of the whole forward: the other 5.000 µs are spent in none of them, but between them.
One by one, the backwards of the layers add up to 100.0 % [100.0, 100.0] of the whole backward: no difference that can be told from none.
Each layer was timed alone, in turn with the whole, in 6 fresh processes.

  Device cpu:"""
    )


def test_share_is_of_the_whole_in_the_same_process() -> None:
    """A machine that is twice as slow in one process has the same shares in it."""
    slow = made_layers(
        [(name, there and 2 * there, back and 2 * back) for name, there, back in (LINEAR, RELU, LOSS)],
        forward=80e-6,
        backward=160e-6,
    )
    walk = walk_of(made_layers(), slow, slow)
    first = walk.rows[0].forward
    assert first is not None
    assert first.share.centre == pytest.approx(30 / 40)
    assert first.seconds.centre == pytest.approx(60e-6)
    assert walk.forward.layers_share.centre == pytest.approx(35 / 40)


def test_share_of_the_ceiling_is_the_rooflines() -> None:
    """1,000 operations on 2,000 bytes at 100 MB/s take 20 µs at best."""
    walk = walk_of(made_layers())
    assert walk.rows[0].forward is not None
    assert walk.rows[0].forward.attained == pytest.approx(20e-6 / 30e-6)


@pytest.mark.parametrize(
    ("forward", "said"),
    [
        (
            50e-6,
            "add up to 70.0 % [70.0, 70.0] of the whole forward: the other 15.00 µs are spent in none of them, but between them.",
        ),
        (28e-6, "add up to 125.0 % [125.0, 125.0] of the whole forward: in a row they take 7.000 µs less."),
        (35e-6, "add up to 100.0 % [100.0, 100.0] of the whole forward: no difference that can be told from none."),
    ],
)
def test_difference_from_the_whole_is_named(forward: float, said: str) -> None:
    """Which way it goes, and how much it is."""
    assert said in describe(walk_of(*6 * [made_layers(forward=forward)]))[0]


def test_too_few_processes_tell_no_difference() -> None:
    """Fewer than six have no interval at 95 %."""
    assert describe(walk_of(*5 * [made_layers(forward=50e-6)]))[0].endswith("can be told from none.")


def test_network_without_a_backward_says_why() -> None:
    """Its columns are empty, not zero."""
    forward_alone = made_layers([("0", 30e-6, None)], backward=None)
    walk = walk_of(forward_alone)
    assert walk.backward is None
    assert "There is no backward: nothing in it is differentiated." in describe(walk)
    (row, *_) = csv.DictReader(io.StringIO(shown(run_of(*layered(FLOAT, forward_alone)), Format.CSV)))
    assert (row["layer"], row["backward_seconds"], row["backward_share"]) == ("0", "", "")


def test_operations_that_are_not_counted_are_named() -> None:
    """The share of the ceiling is left out then."""
    walk = walk_of(made_layers(flops=None))
    assert walk.rows[0].forward is not None
    assert walk.rows[0].forward.attained is None
    assert "Operations are not counted everywhere: no formula counts the operations of aten::odd." in describe(walk)


def test_network_that_could_not_be_timed_has_a_sentence() -> None:
    """It costs its own table and no other's."""
    failed = Layered(case=BFLOAT, replicate=1, layers=None, reason="layers: SIGSEGV")
    said = shown(run_of(failed, *layered(FLOAT, *SIX)))
    assert (
        "Layer by layer: mlp, batch 64, cpu, bfloat16\n\nIt could not be timed layer by layer: layers: SIGSEGV.\n"
        in said
    )
    assert "whole network" in said
    (row,) = csv.DictReader(io.StringIO(shown(run_of(failed), Format.CSV)))
    assert (row["dtype"], row["layer"], row["reason"]) == ("bfloat16", "", "layers: SIGSEGV")


def test_network_whose_layers_differ_between_processes_is_not_added_up() -> None:
    """A branch may be taken by lot."""
    walks = list_walks(run_of(*layered(FLOAT, made_layers(), made_layers([LINEAR, LOSS]))))
    assert [*walks.values()] == [OTHER_LAYERS]


def test_reports_have_layers_only_where_they_were_asked_for(tmp_path: Path) -> None:
    """Nobody finds an empty table or an empty picture among the others."""
    names = {"layers.csv", "layers.md", "layers.svg", "layers.png"}
    assert not names & {path.name for path in write_reports(run_of(), tmp_path / "without")}
    made = write_reports(run_of(*layered(FLOAT, *SIX)), tmp_path / "with")
    assert names <= {path.name for path in made}
