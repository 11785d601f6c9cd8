"""What ``--against`` and ``--arm`` mean."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.plugin.gate_options import parse_arms
from bench.record.arm import Arm, Side


def test_against_names_the_base() -> None:
    """Head is the working tree."""
    assert parse_arms("main", []) == {Side.BASE: Arm(ref="main"), Side.HEAD: Arm()}


@pytest.mark.parametrize(
    ("against", "base", "head"),
    [
        ("main...HEAD", "main", None),
        ("main...", "main", None),
        ("main...topic", "main", "topic"),
        ("../main", "../main", None),
        ("./a..b", "./a..b", None),
        ("../a...b", "../a...b", None),
    ],
)
def test_range_names_both_arms(against: str, base: str, head: str | None) -> None:
    """As ``git diff`` has it: what the right side did since it left the left one. A folder's path is none."""
    assert parse_arms(against, []) == {Side.BASE: Arm(ref=base), Side.HEAD: Arm(ref=head)}


def test_arm_takes_an_interpreter_variables_and_variants() -> None:
    """One torch against another and one thread against two are the same command."""
    arms = parse_arms(
        None, ["base=python=/a/bin/python,OMP_NUM_THREADS=1", "head=dtype=bfloat16,compile=on", "head=ref=x"]
    )
    assert arms[Side.BASE] == Arm(python="/a/bin/python", variables={"OMP_NUM_THREADS": "1"})
    assert arms[Side.HEAD] == Arm(ref="x", dtype="bfloat16", compile="on")
    arms = parse_arms(None, ["base=threads=1", "head=layout=channels_last"])
    assert arms == {Side.BASE: Arm(threads=1), Side.HEAD: Arm(layout="channels_last")}


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("../old/bin/python", str(Path.cwd() / "../old/bin/python")),
        ("~/old/bin/python", str(Path.home() / "old/bin/python")),
        ("python3.12", "python3.12"),
    ],
)
def test_interpreter_is_found_from_where_the_user_is(written: str, meant: str) -> None:
    """Launchers are executed in another folder; an environment's link is not followed, or it would be left."""
    assert parse_arms(None, [f"base=python={written}"])[Side.BASE].python == meant


@pytest.mark.parametrize(
    ("against", "texts", "sentence"),
    [
        ("", [], "--against is empty"),
        (" ", [], "--against is empty"),
        (None, ["tail=ref=x"], "unknown arm 'tail'; known: base, head"),
        (None, ["head=x"], "'x' is not KEY=VALUE"),
        (None, ["head=thread=2"], "'thread=2' is not KEY=VALUE"),
        (None, ["head=threads=none"], "'none' is not a whole number of at least 1"),
        (None, ["head=layout=nhwc"], "unknown layout 'nhwc'"),
        (None, ["head=python="], "'python=' is not KEY=VALUE"),
        ("main", ["base=ref=x"], "ref of base is given twice"),
        ("main...topic", ["head=ref=x"], "ref of head is given twice"),
        ("...topic", [], r"\.\.\.topic names no base: write REF\.\.\.topic"),
        ("main..topic", [], r"write main\.\.\.topic, or main with --against-tip"),
        (None, ["head=dtype=int8"], "unknown dtype 'int8'"),
        (None, ["head=compile=fast"], "unknown compile 'fast'"),
    ],
)
def test_arm_that_says_nothing_sensible_is_refused(against: str | None, texts: list[str], sentence: str) -> None:
    """A typo must not compare something else."""
    with pytest.raises(ValueError, match=sentence):
        parse_arms(against, texts)
