"""One table serves every question, and every place where it is read."""

from __future__ import annotations

import html
from dataclasses import replace

from pandas import DataFrame

from reports.show.table import (
    MARKDOWN,
    TERMINAL,
    Column,
    Format,
    Look,
    Row,
    Table,
    as_csv,
    axis_column,
    list_rows,
    pick_look,
    read_word,
    render_table,
)


def read_notes(row: Row) -> tuple[str, ...]:
    """Return the notes of a row."""
    return tuple(row["notes"])


TABLE = Table(
    title="Fruit of {who}",
    columns=(
        axis_column("kind"),
        axis_column("size", label="{} cm".format, right=True),
        Column(header="colour", read=read_word("colour"), right=False),
        Column(header="price", read=lambda row: row["price"] or "—", optional=True),
    ),
    empty="No fruit.",
    notes=read_notes,
    marked=1,
)
ROWS: list[Row] = [
    {"kind": "apple", "size": 8, "colour": "red | green", "price": None, "notes": ("sour", "small")},
    {"kind": "apple", "size": 9, "colour": "red", "price": None, "notes": ("small",)},
]


def test_axis_with_one_value_stands_in_the_title() -> None:
    """Golden: an empty column is left out, and the same note has one number."""
    assert render_table(TABLE, ROWS, TERMINAL, who="Eve") == (
        """\
Fruit of Eve: kind apple

  size  colour
------  -----------  ---
  8 cm  red | green  ¹ ²
  9 cm  red          ²

  ¹ sour
  ² small"""
    )


def test_marks_of_a_row_stand_in_the_order_of_the_notes_below() -> None:
    """A row has its most important note first, which another row may have met later."""
    first, second = (
        {**ROWS[0], "size": size, "notes": notes} for size, notes in ((8, ["sour"]), (9, ["small", "sour"]))
    )
    assert "9 cm  red | green  ¹ ²" in render_table(TABLE, [first, second], TERMINAL, who="Eve")


def test_single_row_keeps_its_axes() -> None:
    """The title of a table of one row would otherwise hold all of it."""
    text = render_table(TABLE, ROWS[1:], TERMINAL, who="Eve")
    assert text.splitlines()[0] == "Fruit of Eve"
    assert "apple" in text


def test_table_without_rows_is_its_sentence_or_its_headings() -> None:
    """A missing table would look like a mistake."""
    assert render_table(TABLE, [], MARKDOWN, who="Eve") == "## Fruit of Eve\n\nNo fruit."
    bare = Table(columns=TABLE.columns[:3])
    assert render_table(bare, [], TERMINAL).split() == ["kind", "size", "colour", *["-" * 6] * 2, "-" * 8]


def test_another_look_is_one_more_value() -> None:
    """A page of HTML needs no other code than the terminal."""
    look = Look(
        escape=html.escape,
        grid="unsafehtml",
        heading="<h2>{}</h2>",
        sentence="<p>{}</p>",
        item="<li>{}</li>",
        items="<ul>\n{}\n</ul>",
    )
    page = render_table(TABLE, [{**ROWS[0], "colour": "<script>"}], look, who="<Eve>")
    assert page.startswith("<h2>Fruit of &lt;Eve&gt;</h2>\n\n<table>")
    assert ">&lt;script&gt;<" in page
    assert page.endswith("<ul>\n<li>¹ sour</li>\n<li>² small</li>\n</ul>")
    assert render_table(TABLE, [], look, who="Eve").endswith("\n\n<p>No fruit.</p>")


def test_csv_keeps_numbers_and_escapes_text_and_sentences() -> None:
    """What a spreadsheet would take for a formula is text, wherever it stands."""
    frame = DataFrame({"size": [8.125, None], "colour": ["=1+1", None], "warnings": [("a", "b"), ()]})
    assert as_csv(frame) == "size,colour,warnings\n8.125,'=1+1,a | b\n,,\n"


def test_rows_of_a_frame_are_mappings_with_text_as_keys() -> None:
    """A column is read by its name."""
    assert list_rows(DataFrame({"size": [1, 2]})) == [{"size": 1}, {"size": 2}]


NARROW = Table(
    title="Fruit",
    columns=(
        Column(header="kind", read=read_word("kind"), right=False),
        Column(header="size in cm", read=lambda row: str(row["size"]), dispensable=1),
        Column(header="colour", read=read_word("colour"), right=False, dispensable=2),
    ),
    group=("kind",),
)
FRUIT: list[Row] = [
    {"kind": kind, "size": size, "colour": colour}
    for kind, size, colour in (("apple", 8, "red"), ("apple", 9, "green"), ("plum", 4, "blue"))
]


def test_short_line_has_the_columns_that_matter() -> None:
    """What is left out is named, and a line that is long enough leaves nothing out."""
    whole = render_table(NARROW, FRUIT, replace(TERMINAL, width=30))
    assert [line.split() for line in whole.splitlines()[2:3]] == [["kind", "size", "in", "cm", "colour"]]
    narrow = render_table(NARROW, FRUIT, replace(TERMINAL, width=20))
    assert narrow == (
        """\
Fruit

kind      size in cm
------  ------------
apple              8
apple              9

plum               4

  A wider terminal
  shows "colour",
  too."""
    )
    assert 'shows "size in\n  cm" and "colour",\n  too.' in render_table(NARROW, FRUIT, replace(TERMINAL, width=19))


def test_groups_are_parted_where_one_has_several_rows() -> None:
    """On a terminal alone: Markdown would begin another table."""
    lines = render_table(NARROW, FRUIT, TERMINAL).splitlines()
    assert [line.split()[:1] for line in lines[4:]] == [["apple"], ["apple"], [], ["plum"]]
    assert "" not in render_table(NARROW, FRUIT[1:], TERMINAL).splitlines()[3:]
    assert render_table(NARROW, FRUIT, MARKDOWN).count("\n\n") == 1


def test_sentence_is_broken_where_a_line_ends() -> None:
    """As far in as it begins, and never inside a word."""
    look = replace(TERMINAL, width=16)
    assert look.say("one two three four") == "one two three\nfour"
    assert look.enumerate(["one two three four", "x" * 20]) == f"  one two three\n  four\n{' ' * 2}{'x' * 20}"
    assert TERMINAL.say("one two three four") == "one two three four"
    assert pick_look(Format.TEXT, 16) == look
    assert pick_look(Format.MARKDOWN, 16) == MARKDOWN
