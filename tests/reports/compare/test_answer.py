"""The answer of a compare in words: who is fastest where, and who overtakes whom."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from reports.compare.answer import make_answers
from reports.compare.contenders import load_contenders
from reports.compare.page import render_compare, render_page
from reports.compare.rows import Match, tell_unsteady
from reports.show.table import Format
from tests.makers.contenders import on_card, on_cpu, run_on, stored


def match_of(folder: Path, *, launches: int = 8) -> Match:
    """Return a processor and a card that has no bfloat16, in three batches."""
    paths = [
        stored(run_on("cpu", on_cpu, launches=launches), folder / "laptop.json"),
        stored(run_on("cuda", on_card, missing=["bfloat16"], launches=launches), folder / "card.json"),
    ]
    found = load_contenders(paths)
    return Match(contenders=found, reference=found[0], prices={})


def test_fastest_contender_and_crossing_are_named(tmp_path: Path) -> None:
    """At batch 1 the card's way is longer than the processor's work."""
    fastest, course = make_answers(match_of(tmp_path))
    assert fastest.startswith("Fastest in mlp: laptop (bfloat16 eager) in forward at batch 1; card (float32 eager)")
    assert fastest.endswith(" in forward at batch 64 and 1024.")
    assert course.startswith("card overtakes laptop in mlp forward float32 eager at batch ")


def test_without_intervals_it_is_said_what_would_have_them(tmp_path: Path) -> None:
    """Five launches have none; a page without an answer leaves its reader with nothing to do."""
    (said,) = make_answers(match_of(tmp_path, launches=5))
    assert "an interval takes 6 launches, and laptop has 5 and card has 5. Measure again with --launches 8" in said
    assert "for want of an interval" in render_page(match_of(tmp_path, launches=5), [])


def test_contenders_on_one_busy_machine_are_one_sentence(tmp_path: Path) -> None:
    """The same words twice are read as two faults."""
    match = match_of(tmp_path)
    busy = replace(match, contenders=[replace(one, unsteadiness=("load 1.5",)) for one in match.contenders])
    assert tell_unsteady(busy) == ["UNSTEADY: laptop and card: load 1.5. Measure them again on an idle machine."]


def test_page_begins_and_text_ends_with_the_answer(tmp_path: Path) -> None:
    """A page is read from above, a terminal from below."""
    match = match_of(tmp_path)
    for said in (render_compare(match, ["matched"], Format.MARKDOWN), render_page(match, [])):
        assert "Fastest in mlp" in said
        assert said.index("Fastest in mlp") < said.index("Imaginary cuda")
    text = render_compare(match, ["matched"], Format.TEXT)
    assert text.index("Fastest in mlp") > text.index("Imaginary cuda")
    assert text.splitlines()[-1] == make_answers(match)[-1]
    assert "Fastest" not in render_compare(match, ["matched"], Format.CSV)
