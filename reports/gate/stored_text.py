"""How the answer of two stored runs reads: the headline, text, Markdown and CSV."""

from __future__ import annotations

from pandas import DataFrame
from tabulate import tabulate  # type: ignore[import-untyped]

from reports.gate.stored import StoredAnswer
from reports.show import escape
from reports.show.units import ABSENT, percent, signed_percent
from reports.stats.verdict import Verdict

UNSEPARATED = (
    "the machine's drift between the two runs is not separated: use `pytest bench --against REF` for a verdict"
)


def stored_headline(found: StoredAnswer) -> str:
    """Return the answer in one line."""
    state = "NOTHING COMPARED"
    if found.faults:
        state = "FAILED"
    elif found.changes:
        state = "REGRESSED" if found.count(Verdict.REGRESSED) else "INCONCLUSIVE"
    parts = [
        state,
        f"{found.count(Verdict.REGRESSED)} regressed",
        f"{found.count(Verdict.IMPROVED)} improved",
        f"{found.count(Verdict.INCONCLUSIVE)} inconclusive",
        f"{len(found.faults)} failed",
        f"{len(found.missing)} not compared",
        f"drift of up to {percent(found.drift)} allowed for",
    ]
    return " · ".join(parts)


def stored_text(found: StoredAnswer, *, markdown: bool) -> str:
    """Return the answer as text or Markdown: the headline first, then what it cannot know."""
    clean = escape.markdown if markdown else escape.plain
    rows = [
        [
            clean(one.case.id),
            signed_percent(one.change, one.low, one.high),
            f"{one.p:.4f}",
            f"{one.launches[0]} / {one.launches[1]}",
            one.verdict.value,
        ]
        for one in found.changes
    ]
    rows += [[clean(name), ABSENT, ABSENT, ABSENT, clean(reason)] for name, reason in found.faults.items()]
    rows += [[clean(name), ABSENT, ABSENT, ABSENT, clean(reason)] for name, reason in found.missing.items()]
    grid = tabulate(
        rows,
        headers=["case", "change", "adjusted p", "launches", "verdict"],
        tablefmt="pipe" if markdown else "simple",
        colalign=["left", "right", "right", "right", "left"] if rows else None,
        disable_numparse=True,
    )
    return "\n\n".join([clean(stored_headline(found)), clean(UNSEPARATED), str(grid)]) + "\n"


def stored_csv(found: StoredAnswer) -> str:
    """Return the rows in full precision and base units."""
    rows: list[dict[str, object]] = [
        {
            "case": escape.csv_cell(one.case.id),
            "verdict": one.verdict.value,
            "change": one.change,
            "change_low": one.low,
            "change_high": one.high,
            "p": one.p,
            "base_launches": one.launches[0],
            "head_launches": one.launches[1],
        }
        for one in found.changes
    ]
    for holes in (found.faults, found.missing):
        rows += [{"case": escape.csv_cell(name), "verdict": escape.csv_cell(why)} for name, why in holes.items()]
    return str(DataFrame(rows).to_csv(index=False, lineterminator="\n"))
