"""``python -m tests.field.browser PAGE... [--shots DIR]``: do pages work in a real browser, as everybody uses one?

Each page is opened from its file, with the network blocked, in Chromium: nothing is loaded and nothing complains;
rows are sorted, filtered and opened; an address brings a view back; dark, printed and 390 pixels wide it is whole;
without scripts it reads; axe-core finds no serious violation. Takes the extra ``browser`` and a Chromium.
"""

from __future__ import annotations

import argparse
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.field.program import end_with

WIDE, NARROW = {"width": 1280, "height": 900}, {"width": 390, "height": 844}
DARK, BRIGHT = 60, 180
"""Of 255: paper in the dark is below the first, and ink above the second."""

SERIOUS = ("serious", "critical")
"""Of axe-core's impacts, those that keep somebody out."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Browser:
    """A browser, and where pictures of what it shows go.

    Attributes:
        chromium: playwright's.
        shots: a folder; None for no pictures.
    """

    chromium: Any
    shots: Path | None

    @contextmanager
    def open(
        self, path: Path, *, address: str = "", complaints: list[str] | None = None, **context: Any
    ) -> Iterator[Any]:
        """Open a page with the network blocked; whatever it complains of or asks for is added to `complaints`."""
        told = complaints if complaints is not None else []
        surroundings = self.chromium.new_context(**{"viewport": WIDE, **context})
        page = surroundings.new_page()
        page.on("console", lambda message: told.append(message.text) if message.type in ("error", "warning") else None)
        page.on("pageerror", lambda error: told.append(str(error)))

        def route(asked: Any) -> None:
            if asked.request.url.startswith(path.as_uri()):
                asked.continue_()
            else:
                told.append(f"asked for {asked.request.url}")
                asked.abort()

        page.route("**/*", route)
        page.goto(f"{path.as_uri()}{address}")
        yield page
        surroundings.close()

    def shoot(self, page: Any, path: Path, name: str, *, whole: bool = True) -> None:
        """Keep a picture of what is shown."""
        if self.shots is not None:
            page.screenshot(path=str(self.shots / f"{path.parent.name}-{name}.png"), full_page=whole)


def check_quiet(browser: Browser, path: Path) -> str | None:
    """Nothing is loaded and nothing complains."""
    complaints: list[str] = []
    with browser.open(path, complaints=complaints) as page:
        browser.shoot(page, path, "light")
        page.wait_for_timeout(200)
    return "; ".join(complaints) or None


def _find_table(page: Any) -> Any:
    """Return the first table that sorts and filters: the one that a page is about."""
    return page.locator("[data-table]").first


def check_sorting(browser: Browser, path: Path) -> str | None:
    """A click on a heading sorts by numbers, another one the other way, and the address knows it."""
    with browser.open(path) as page:
        heads = _find_table(page).locator("thead th.number button")
        if not heads.count():
            return None
        heads.first.click()
        up = _read_column(page)
        heads.first.click()
        down = _read_column(page)
        sorted_address = "sort=" in page.url
    if up != sorted(up) or down != sorted(down, reverse=True):
        return f"not in order: {up[:5]}, {down[:5]}"
    return None if sorted_address else "the address does not know the order"


def _read_column(page: Any) -> list[float]:
    """Return the numbers of the sorted column, without the rows that have none."""
    return list(
        page.evaluate(
            """() => {
              const table = document.querySelector('[data-table]');
              const heads = [...table.querySelectorAll('thead th')];
              const index = heads.findIndex((head) => head.hasAttribute('aria-sort'));
              const rows = [...table.querySelectorAll('tbody tr:not(.detail)')];
              const cells = rows.map((row) => row.cells[index]);
              return cells.map((cell) => Number.parseFloat(cell.dataset.value ?? cell.textContent))
                .filter((value) => !Number.isNaN(value));
            }"""
        )
    )


def check_filtering(browser: Browser, path: Path) -> str | None:
    """A choice hides the other rows, and its address brings the same view back."""
    with browser.open(path) as page:
        choices = _find_table(page).locator(".filters select")
        if not choices.count():
            return None
        wanted = choices.first.locator("option").nth(1).get_attribute("value")
        choices.first.select_option(wanted)
        shown, every = _count_rows(page)
        address = page.url.partition("#")[2]
    if not 0 < shown < every:
        return f"{shown} of {every} rows are shown"
    with browser.open(path, address=f"#{address}") as page:
        again, _ = _count_rows(page)
        said = page.locator(".count").first.inner_text()
    if again != shown or not said.startswith(f"{shown} of"):
        return f"the address #{address} brings {again} rows back in place of {shown}, and says {said!r}"
    return None


def _count_rows(page: Any) -> tuple[int, int]:
    rows = _find_table(page).locator("tbody tr:not(.detail)")
    return sum(rows.nth(number).is_visible() for number in range(rows.count())), rows.count()


def check_opening(browser: Browser, path: Path) -> str | None:
    """A row opens to what is behind it, by the keyboard too; its link goes to the same."""
    with browser.open(path) as page:
        buttons = _find_table(page).locator("button[data-opens]")
        if not buttons.count():
            return None
        buttons.first.focus()
        page.keyboard.press("Enter")
        opened = page.locator("tr.detail").first
        if not opened.is_visible() or not opened.inner_text().strip():
            return "the row does not open to anything"
        browser.shoot(page, path, "opened")
        anchor = buttons.first.get_attribute("data-opens")
    with browser.open(path, address=f"#{anchor}") as page:
        return (
            None if page.locator(f"[id='{anchor}'] .inside").is_visible() else "the address of a row does not open it"
        )


def check_dark(browser: Browser, path: Path) -> str | None:
    """In the dark the paper is dark and the ink is not."""
    with browser.open(path, color_scheme="dark") as page:
        browser.shoot(page, path, "dark")
        paper, ink = page.evaluate(
            "() => [getComputedStyle(document.body).backgroundColor, getComputedStyle(document.body).color]"
        )
    return None if _brightness(paper) < DARK and _brightness(ink) > BRIGHT else f"paper {paper}, ink {ink}"


def _brightness(colour: str) -> float:
    red, green, blue = (float(part) for part in colour.partition("(")[2].rstrip(")").split(",")[:3])
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def check_narrow(browser: Browser, path: Path) -> str | None:
    """On a telephone nothing but tables and pictures scrolls sideways, each by itself."""
    with browser.open(path, viewport=NARROW) as page:
        browser.shoot(page, path, "narrow")
        width = page.evaluate("() => document.documentElement.scrollWidth")
    return None if width <= NARROW["width"] else f"the page is {width} pixels wide"


def check_print(browser: Browser, path: Path) -> str | None:
    """It becomes a PDF of some pages."""
    with browser.open(path) as page:
        content = page.pdf(format="A4")
        if browser.shots is not None:
            (browser.shots / f"{path.parent.name}.pdf").write_bytes(content)
    return None if content.startswith(b"%PDF") else "no PDF"


def check_without_scripts(browser: Browser, path: Path) -> str | None:
    """Every row is there, and what it leads to."""
    with browser.open(path, java_script_enabled=False) as page:
        browser.shoot(page, path, "without-scripts")
        said = page.locator("body").inner_text()
        shown, every = _count_rows(page)
    return None if shown == every and "The answer" in said else f"{shown} of {every} rows are there"


def check_accessible(browser: Browser, path: Path) -> str | None:
    """axe-core finds no serious violation, in the light and in the dark."""
    from axe_playwright_python.sync_playwright import Axe

    found = []
    for scheme in ("light", "dark"):
        with browser.open(path, color_scheme=scheme) as page:
            violations = Axe().run(page).response["violations"]
        for violation in violations:
            if violation["impact"] in SERIOUS:
                where = violation["nodes"][0]["html"][:120]
                found.append(f"{scheme}: {violation['id']} in {len(violation['nodes'])} places, such as {where}")
    return "; ".join(found) or None


CHECKS: dict[str, Callable[[Browser, Path], str | None]] = {
    "loads nothing, complains of nothing": check_quiet,
    "sorts": check_sorting,
    "filters, and its address does": check_filtering,
    "opens rows": check_opening,
    "is dark in the dark": check_dark,
    "fits 390 pixels": check_narrow,
    "prints": check_print,
    "reads without scripts": check_without_scripts,
    "is accessible": check_accessible,
}
"""What a page must do; each check returns what is wrong, or None."""


def main(argv: Sequence[str]) -> int:
    """Check every page and print what is wrong; return 1 if anything is."""
    from playwright.sync_api import sync_playwright

    parser = argparse.ArgumentParser(prog="python -m tests.field.browser", description=__doc__)
    parser.add_argument("pages", type=Path, nargs="+")
    parser.add_argument("--shots", type=Path, help="a folder for pictures of what is shown")
    parser.add_argument("--chromium", default=shutil.which("chromium"), help="(default: %(default)s)")
    options = parser.parse_args(argv)
    if options.shots is not None:
        options.shots.mkdir(parents=True, exist_ok=True)
    wrong = 0
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=options.chromium, args=["--no-sandbox"])
        browser = Browser(chromium=launched, shots=options.shots)
        for path in options.pages:
            for name, check in CHECKS.items():
                fault = check(browser, path.resolve())
                wrong += fault is not None
                print(f"{path}: {name}: {'yes' if fault is None else f'NO: {fault}'}", flush=True)
        launched.close()
    return 1 if wrong else 0


if __name__ == "__main__":
    end_with(main)
