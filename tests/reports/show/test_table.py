"""One table serves every question, and every place where it is read."""

from __future__ import annotations

import html

from pandas import DataFrame

from reports.show.table import (
    MARKDOWN,
    TERMINAL,
    Column,
    Look,
    Row,
    Table,
    as_csv,
    axis_column,
    list_rows,
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
