"""The command that measures one case of a run again, as a reader copies it."""

from __future__ import annotations

from shlex import quote

from bench.record.case import DEFAULT_LAYOUT, Case
from bench.record.run import Run


def make_command(run: Run, case: Case) -> str:
    """Return a command that measures a case as the run did, in the same settings."""
    settings, defaults = run.settings, type(run.settings)()
    words = ["pytest", "bench"]
    options = {
        "--model": _find_spec(run, "model", case.model),
        "--step": _find_spec(run, "step", case.step),
        "--batch": str(case.batch),
        "--device": case.device,
        "--dtype": case.dtype,
        "--compile": case.compile,
        "--layout": None if case.layout == DEFAULT_LAYOUT else case.layout,
        "--threads": None if case.threads is None else str(case.threads),
        "--launches": None if settings.launches == defaults.launches else str(settings.launches),
        "--seed": None if settings.seed == defaults.seed else str(settings.seed),
        "--benchmark-max-time": None
        if settings.case_seconds == defaults.case_seconds
        else f"{settings.case_seconds:g}",
        "--benchmark-json": "again.json",
    }
    for option, value in options.items():
        words += [] if value is None else [option, quote(value)]
    return " ".join([*words, *(["--quick"] if settings.quick else [])])


def _find_spec(run: Run, axis: str, name: str) -> str:
    """Return what a user names a model or a step by: its spec, if it is not built in."""
    spec = run.environment.facts.get(f"{axis}.{name}.spec")
    return name if spec is None else str(spec)
