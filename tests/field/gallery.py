"""``python -m tests.field.gallery [--run RUN] [--gate GATE] ...``: makes `reports/gallery`, see ``--help``.

One example of each page, table and picture, from results that were really measured: of a run, a gate, several devices
side by side, and a history of these. What stood in a folder before is replaced.
"""

from __future__ import annotations

import argparse
import shutil
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from reports.__main__ import main as reports_main
from tests.field.program import end_with
from tests.field.runs import ROOT

GALLERY = ROOT / "reports" / "gallery"

KEPT = (".md", ".png", ".html")
"""What a reader opens; a CSV and the same picture as SVG are beside them where a result is written."""


PARTS = {"account": ("compile_account.*", "payoff.*"), "ranks": ("ranks.*",)}
"""What these add to the other tables and pictures of a run."""


def main(argv: Sequence[str]) -> int:
    """Make every folder of the gallery for which a result is named; return 1 if a command refuses."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--run", type=Path, help="a result with --operators, --layers and --compile-account")
    parser.add_argument("--account", type=Path, help="a result with --compile-account, if that is another one")
    parser.add_argument("--ranks", type=Path, help="a result with --ranks")
    parser.add_argument("--gate", type=Path, help="a gate in which something changed")
    parser.add_argument("--compare", type=Path, nargs="+", default=(), help="results of several devices")
    options = parser.parse_args(argv)
    with TemporaryDirectory() as name:
        for kind, commands in list_commands(options, Path(name)):
            made = Path(name) / kind
            if any(reports_main(command) for command in commands):
                return 1
            keep(made, GALLERY / kind, PARTS.get(kind, ("*",)))
    return 0


def list_commands(options: argparse.Namespace, scratch: Path) -> Iterator[tuple[str, list[list[str]]]]:
    """Yield each folder of the gallery with the commands that make it."""
    history = ["--dataset", str(scratch / "history.parquet")]
    if options.run:
        yield "run", [["write", str(options.run), "--out", str(scratch / "run")]]
    for kind in PARTS:
        if result := getattr(options, kind):
            yield kind, [["write", str(result), "--out", str(scratch / kind)]]
    if options.gate:
        yield "gate", [["write", str(options.gate), "--out", str(scratch / "gate")]]
    if options.compare:
        yield "compare", [["compare", *map(str, options.compare), "--out", str(scratch / "compare")]]
    if results := [str(path) for path in (options.run, options.gate) if path]:
        yield (
            "history",
            [["history", "add", *results, *history], ["history", "page", *history, "--out", str(scratch / "history")]],
        )


def keep(made: Path, folder: Path, patterns: Sequence[str]) -> None:
    """Put what a reader opens, and fits a pattern, into a folder of the gallery, in place of what stood there."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    for path in sorted(made.iterdir()):
        if path.suffix in KEPT and any(path.match(pattern) for pattern in patterns):
            shutil.copy(path, folder)
            sys.stdout.write(f"{(folder / path.name).relative_to(ROOT)}\n")


if __name__ == "__main__":
    end_with(main)
