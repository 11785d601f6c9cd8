"""What a file says stays text, wherever it is shown."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reports.show.escape import csv_cell, markdown, picture, plain


@pytest.mark.parametrize(
    ("given_text", "shown"),
    [
        ("\x1b[31mred\x07", "[31mred"),
        ("two\nlines\tand\rmore", "two lines and more"),
        ("\u202egnp.exe", "gnp.exe"),
        ("lone \ud800 surrogate", "lone  surrogate"),
        ("zero\u200bwidth\x9b", "zerowidth"),
        ("naïve 图", "naïve 图"),
    ],
)
def test_terminal_text_cannot_move_the_cursor(given_text: str, shown: str) -> None:
    """An escape sequence in a device's name must not rewrite the screen, nor a surrogate end the report."""
    assert plain(given_text) == shown


@given(st.text())
def test_terminal_text_is_one_printable_line(text: str) -> None:
    """Whatever a file holds, nothing but visible characters and spaces is left."""
    shown = plain(text)
    assert len(shown.splitlines()) <= 1
    assert not any(unicodedata.category(one)[0] == "C" for one in shown)
    shown.encode()


@pytest.mark.parametrize(
    ("given_text", "shown"),
    [
        ("a|b", r"a\|b"),
        ("<img src=x onerror=alert(1)>&", "&lt;img src=x onerror=alert(1)&gt;&amp;"),
        ("`code`", r"\`code\`"),
        ("**bold**", r"\*\*bold\*\*"),
        ("[x](javascript:alert(1))", r"[x\](javascript:alert(1))"),
        ("[x][y]", r"[x\][y]"),
        ("a\\|b", r"a\\\|b"),
        ("12.31 ms [12.10, 12.60]", "12.31 ms [12.10, 12.60]"),
        ("a\nb", "a b"),
    ],
)
def test_markdown_cell_keeps_its_table(given_text: str, shown: str) -> None:
    """A pipe would shift the columns, HTML would run, a link would mislead."""
    assert markdown(given_text) == shown


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r", " =", "\n+", "＝"])  # noqa: RUF001
def test_csv_text_never_begins_a_formula(start: str) -> None:
    """A spreadsheet would run it."""
    assert csv_cell(f"{start}cmd|' /C calc'!A0").startswith("'")


@pytest.mark.parametrize("text", ["", "cpu", "mlp-forward-b1", "a=b"])
def test_csv_text_that_is_no_formula_is_left_alone(text: str) -> None:
    """An apostrophe in every cell would break who joins on it."""
    assert csv_cell(text) == text


def test_picture_text_begins_no_formula() -> None:
    """A single dollar is a formula that matplotlib cannot parse: an exception for a device's name."""
    assert picture("$\\frac$\n") == "\\$\\frac\\$ "
