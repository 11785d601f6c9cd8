"""The page of a compare: every contender, who is fastest, and in what they differ."""

from __future__ import annotations

import re
from pathlib import Path

from reports.compare.html import render_compare_page
from reports.compare.page import write_compare
from tests.reports.compare.test_answer import match_of
from tests.reports.show.test_page import parsed


def test_page_holds_all_contenders_and_every_table(tmp_path: Path) -> None:
    """With the crossing among the answers."""
    balance = parsed(render_compare_page(match_of(tmp_path)))
    said = " ".join(balance.said)
    assert {"pictures", "best", "cases", "crossover", "environment", "ceilings"} <= set(balance.ids)
    assert "card overtakes laptop" in said
    assert "Imaginary cuda" in said
    assert "The same for all: " in said
    assert "again" in balance.ids
    assert "python -m reports compare" in said
    assert said.count("pytest bench --model mlp") == len(match_of(tmp_path).contenders)


def test_what_markdown_emphasises_is_emphasised_in_the_page(tmp_path: Path) -> None:
    """The same text stands in both; a reader of the page sees no asterisks."""
    page = render_compare_page(match_of(tmp_path))
    assert "<em>Speed-up</em> is the ratio" in page
    assert not re.search(r"[*]\w[\w ]*[*]", " ".join(parsed(page).said))


def test_page_is_written_beside_the_one_in_markdown(tmp_path: Path) -> None:
    """The command that writes one writes both."""
    markdown, html, *_ = write_compare(match_of(tmp_path), tmp_path / "page")
    assert (markdown.name, html.name) == ("compare.md", "report.html")
