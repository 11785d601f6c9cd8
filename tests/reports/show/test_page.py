"""Pages: whole by themselves, escaped, and readable without a script."""

from __future__ import annotations

import re
from html.parser import HTMLParser

import pytest
from matplotlib.figure import Figure

from reports.show.page import (
    Filterable,
    PageText,
    Section,
    make_anchor,
    render_code,
    render_filterable,
    render_page,
)
from reports.show.picture import make_inline, tell_points
from reports.show.strip import Strip, draw_strip
from reports.show.table import Column, Row, Table, axis_column, read_word

NASTY = "<script>alert(1)</script>\u202e\"'&"
VOID = {"meta", "input", "br", "hr", "link", "img"}


class Balance(HTMLParser):
    """Checks that elements are closed in order, and collects what a page says and loads."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.said: list[str] = []
        self.ids: list[str] = []
        self.loaded: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        named = dict(attrs)
        self.ids += [str(named["id"])] if "id" in named else []
        self.loaded += [str(named[name]) for name in ("src", "href") if named.get(name) and tag not in ("a", "use")]
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self.open.pop()

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag, f"</{tag}> where another element is open"

    def handle_data(self, data: str) -> None:
        if not {"script", "style"} & set(self.open):
            self.said.append(data)


def parsed(page: str) -> Balance:
    """Return what a page holds; all of its elements must be closed and nothing may come from elsewhere."""
    balance = Balance()
    balance.feed(page)
    balance.close()
    assert balance.open == []
    assert balance.loaded == []
    assert len(balance.ids) == len(set(balance.ids)), "two parts have the same place in the address"
    return balance


TABLE = Table(
    columns=(
        axis_column("dtype"),
        axis_column("layout", usual="contiguous"),
        Column(header="time", read=read_word("time")),
        Column(header="note", read=lambda row: str(row.get("note", "—")), right=False, optional=True),
    )
)
ROWS: list[Row] = [
    {"case": "a", "dtype": "float32", "layout": "contiguous", "time": "2.0 ms", "seconds": 2e-3},
    {"case": NASTY, "dtype": NASTY, "layout": "contiguous", "time": "1.0 s", "seconds": 1.0},
]


def made(**changes: object) -> Filterable:
    """Return a table whose first row opens."""
    fields = {
        "table": TABLE,
        "caption": "Every case",
        "values": {"time": lambda row: row["seconds"]},
        "details": {"a": render_code("pytest bench")},
        "name": lambda row: str(row["case"]),
    }
    return Filterable(**{**fields, **changes})  # type: ignore[arg-type]


def test_page_is_whole_by_itself_and_escaped() -> None:
    """A name from a file is text wherever it stands."""
    text = PageText(title=NASTY, about=NASTY, warnings=[NASTY], answers=[NASTY], foot=[NASTY])
    page = render_page(text, [Section(name="cases", title="Cases", body=render_filterable(made(), ROWS))])
    said = " ".join(parsed(page).said)
    assert said.count("<script>alert(1)</script>") >= 6
    assert "\u202e" not in page
    assert "<script>alert" not in page.replace("&lt;", "")
    assert page.startswith("<!doctype html>")


def test_page_without_an_answer_says_so() -> None:
    """And empty sections are left out."""
    page = render_page(PageText(title="t", about="a"), [Section(name="none", title="None", body="")])
    assert "No sentence is supported by its interval" in page
    assert 'id="none"' not in page


def test_table_is_filtered_by_axes_that_vary_and_sorted_by_numbers() -> None:
    """A column that says nothing is not there; a value sorts by its number and not by its text."""
    body = render_filterable(made(), ROWS)
    assert re.findall(r'<select name="(\w+)" data-column="(\d)"', body) == [("dtype", "1")]
    assert re.findall(r'data-name="(\w+)"', body) == ["case", "dtype", "time"]
    assert re.findall(r'data-value="([^"]+)"', body) == ["0.002", "1.0"]


def test_axis_with_one_value_is_in_the_caption() -> None:
    """Where several rows have the same in it; the usual is said nowhere."""
    rows = [{**row, "dtype": "float32"} for row in ROWS]
    body = render_filterable(made(), rows)
    assert "<caption>Every case: dtype float32.</caption>" in body
    assert re.findall(r'data-name="(\w+)"', body) == ["case", "time"]
    assert "<caption>Every case</caption>" in render_filterable(made(), ROWS)


def test_row_leads_to_what_it_opens_to_without_a_script() -> None:
    """A link to a place of the page, which is there."""
    body = render_filterable(made(), ROWS)
    (anchor,) = re.findall(r'href="#([^"]+)"', body)
    assert f'<details id="{anchor}">' in body


@pytest.mark.parametrize(("first", "second"), [("a b", "a-b"), ("a_b", "a-b"), (" a", "\u020a"), ("A", "a"), ("", "-")])
def test_names_that_differ_have_different_places(first: str, second: str) -> None:
    """Otherwise one row would open to another's."""
    assert make_anchor(first) != make_anchor(second)
    assert re.fullmatch(r"row-[A-Za-z0-9.-]*", make_anchor(first))


def test_pictures_in_a_page_share_no_name_and_say_what_their_points_are() -> None:
    """Two of the same kind stand on one page."""

    def draw() -> Figure:
        figure = Figure()
        axes = figure.subplots()
        (line,) = axes.plot([1, 2, float("nan")], [3, 4, 5], marker="o")
        tell_points(line, [NASTY, "second", "nowhere"])
        return figure

    first, second = (make_inline(draw, name, NASTY) for name in ("first", "second"))
    page = render_page(PageText(title="t", about="a"), [Section(name="p", title="P", body=first + second)])
    parsed(page)
    assert re.findall(r'data-point="(\w+)"', first) == ["second"]
    assert first.count("<circle") == 2
    assert first == make_inline(draw, "first", NASTY)
    assert "<script>" not in first
    assert "<style" not in first, "its rules would be those of the whole page"
    assert not set(re.findall(r"url\(#([^)]+)\)", first)) & set(re.findall(r"url\(#([^)]+)\)", second))


def test_points_lie_where_the_picture_has_them() -> None:
    """Whatever the layout made of the axes."""

    def draw() -> Figure:
        figure = Figure(figsize=(4, 3), dpi=160, layout="constrained")
        axes = figure.subplots()
        axes.set_ylabel("a label that moves the axes")
        (line,) = axes.plot([1, 10], [1, 100], marker="o")
        axes.set_yscale("log")
        tell_points(line, ["low", "high"])
        return figure

    svg = make_inline(draw, "p", "t")
    circles = [(float(x), float(y)) for x, y in re.findall(r'<circle cx="([\d.]+)" cy="([\d.]+)"', svg)]
    markers = [(float(x), float(y)) for x, y in re.findall(r'<use [^>]*x="([\d.]+)" y="([\d.]+)"', svg)]
    assert circles
    for x, y in circles:
        assert any(abs(x - across) < 0.6 and abs(y - down) < 0.6 for across, down in markers), (x, y, markers)


def test_strip_has_a_dot_for_each_value() -> None:
    """What does not count is apart, and nothing leaves the picture."""
    strip = Strip(groups=(([1.0, 2.0, 100.0], [True, False, True]), ([0.001], [True])), centre=1.0, title=NASTY)
    svg = draw_strip(strip)
    heights = [float(y) for y in re.findall(r"M[\d.]+ ([\d.]+)h\.01", svg)]
    assert len(heights) == 4
    assert min(heights) == 6.0
    assert max(heights) == 66.0
    assert "<script>" not in svg
