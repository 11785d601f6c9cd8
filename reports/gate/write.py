"""Writes the answer of a gate into a folder."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from reports.gate.answer import Answer
from reports.gate.answer_text import render_answer
from reports.gate.why_text import list_differences, list_module_differences
from reports.show.files import text_output, whatever_happens, write_outputs
from reports.show.table import Format, as_csv


def write_answer(answer: Answer, folder: Path) -> list[Path]:
    """Write the answer as text, Markdown and CSV, its pictures and its page; return the files.

    What changed is two CSVs if cases were profiled, by operator and by module. A picture or a page that cannot be made
    is left out.

    Raises:
        OSError: if the folder cannot be made or written, or the disk is full.
    """
    outputs = []
    if answer.gate.profiles:
        outputs.append(text_output("why.csv", lambda: as_csv(list_differences(answer))))
        outputs.append(text_output("why_modules.csv", lambda: as_csv(list_module_differences(answer))))
    outputs += [text_output(f"gate{form.suffix}", partial(render_answer, answer, form)) for form in Format]
    from reports.gate.page import page_output
    from reports.gate.plots import PICTURES, plot_output

    drawn = [*(plot_output(name, answer) for name in PICTURES), page_output(answer)]
    return write_outputs(folder, [*outputs, *map(whatever_happens, drawn)])
