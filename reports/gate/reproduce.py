"""The command that carries out a gate again, as a reader copies it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from shlex import quote

from bench.record.arm import Arm, Side
from bench.record.gate import Gate
from reports.figures.provenance import COMMIT_DIGITS


def make_command(gate: Gate) -> str:
    """Return a command that compares the same arms in the same cases."""
    facts = gate.environment.facts
    axes = {
        "--model": (str(facts.get(f"model.{case.model}.spec") or case.model) for case in gate.cases),
        "--step": (str(facts.get(f"step.{case.step}.spec") or case.step) for case in gate.cases),
        "--batch": (str(case.batch) for case in gate.cases),
        "--device": (case.device for case in gate.cases),
        "--dtype": (case.dtype for case in gate.cases),
        "--compile": (case.compile for case in gate.cases),
    }
    words = ["pytest", "bench", *(f"{option} {_list(values)}" for option, values in axes.items())]
    words += _describe_arms(*(_pin(gate, side) for side in Side))
    if gate.settings.budget_seconds is not None:
        words.append(f"--budget {gate.settings.budget_seconds:g}s")
    return " ".join([*words, "--benchmark-json again.json"])


def _pin(gate: Gate, side: Side) -> Arm:
    """Return an arm whose code is named by its commit, where that is on record: a branch moves."""
    arm, commit = gate.arms[side], gate.environment.facts.get(f"arm.{side}.commit")
    return replace(arm, ref=commit[:COMMIT_DIGITS]) if arm.ref is not None and isinstance(commit, str) else arm


def _list(values: Iterable[str]) -> str:
    return quote(",".join(dict.fromkeys(values)))


def _describe_arms(base: Arm, head: Arm) -> list[str]:
    """Return the options that name both arms: the short one where nothing but base's code is named."""
    if base == Arm(ref=base.ref) and base.ref is not None and head == Arm():
        return ["--against", quote(base.ref)]
    named = {side: _describe(arm) for side, arm in zip(Side, (base, head), strict=True)}
    return [f"--arm {quote(f'{side}={said}')}" for side, said in named.items() if said]


def _describe(arm: Arm) -> str:
    named = {"ref": arm.ref, "python": arm.python, **arm.overrides, **arm.variables}
    return ",".join(f"{name}={value}" for name, value in named.items() if value is not None)
