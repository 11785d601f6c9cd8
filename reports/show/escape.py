"""Text from a file is data: made harmless for the terminal, Markdown, CSV, pages and pictures."""

from __future__ import annotations

import html
import re
import unicodedata

HIDDEN = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
"""Unicode categories that move the cursor, reorder text, end a line or have no glyph."""

FORMULA = frozenset("=+-@＝＋－＠\t\r")  # noqa: RUF001  spreadsheets read the full-width forms too
"""What makes a spreadsheet take a cell for a formula (OWASP, "CSV Injection")."""

MARKDOWN = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;", "|": r"\|", "`": r"\`", "*": r"\*", "\\": r"\\"})
LINK = re.compile(r"\](?=[(\[:])")
"""What would end a link's text; brackets alone are an interval and stay readable."""


def plain(text: str) -> str:
    """Return text on one line without control, formatting and unpaired surrogate characters, for the terminal."""
    if text.isprintable():  # by far the most, and then nothing is to be done
        return text
    spaced = "".join(" " if character.isspace() else character for character in text)
    return "".join(character for character in spaced if unicodedata.category(character) not in HIDDEN)


def markdown(text: str) -> str:
    """Return text for a Markdown cell: no pipe, HTML, code span, emphasis or link comes through."""
    return LINK.sub(r"\\]", plain(text).translate(MARKDOWN))


def page(text: str) -> str:
    """Return text for a page of HTML, in an element or in a quoted attribute."""
    return html.escape(plain(text), quote=True)


def csv_cell(text: str) -> str:
    """Return text for a CSV cell; what a spreadsheet would take for a formula starts with an apostrophe."""
    clean = plain(text)
    return f"'{clean}" if FORMULA & {text[:1], clean.lstrip()[:1]} else clean


def picture(text: str) -> str:
    """Return text for a figure, where a dollar sign would begin a formula."""
    return plain(text).replace("$", r"\$")
