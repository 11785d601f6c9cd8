"""The command that measures a run or one case of it again, as a reader copies it."""

from __future__ import annotations

from collections.abc import Iterable
from shlex import quote

from bench.record.case import DEFAULT_LAYOUT, DEFAULT_RANKS, Case
from bench.record.run import Run


def make_command(run: Run, cases: Iterable[Case]) -> str:
    """Return a command that measures cases as the run did, in the same settings; all products of their axes."""
    cases = tuple(cases)
    settings, defaults = run.settings, type(run.settings)()
    words = ["pytest", "bench"]
    layouts, ranks = _list(case.layout for case in cases), _list(case.ranks for case in cases)
    options = {
        "--model": _list(_find_spec(run, "model", case.model) for case in cases),
        "--step": _list(_find_spec(run, "step", case.step) for case in cases),
        "--batch": _list(str(case.batch) for case in cases),
        "--device": _list(case.device for case in cases),
        "--dtype": _list(case.dtype for case in cases),
        "--compile": _list(case.compile for case in cases),
        "--layout": None if layouts == DEFAULT_LAYOUT else layouts,
        "--threads": _list(str(case.threads) for case in cases if case.threads is not None) or None,
        "--ranks": None if ranks == DEFAULT_RANKS else ranks,
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


def _list(values: Iterable[str]) -> str:
    """Return values as an option takes several, each once."""
    return ",".join(dict.fromkeys(values))


def _find_spec(run: Run, axis: str, name: str) -> str:
    """Return what a user names a model or a step by: its spec, if it is not built in."""
    spec = run.environment.facts.get(f"{axis}.{name}.spec")
    return name if spec is None else str(spec)
