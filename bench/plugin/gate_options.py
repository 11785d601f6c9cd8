"""The options of a gate: which arms there are and what is refused; ``--strict`` alone is pytest's own."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import pytest

from bench.plugin.threads import read_threads
from bench.record.arm import Arm, Side
from bench.record.case import DTYPES, LAYOUTS, Variant, check_compile, check_ranks, unknown
from bench.record.looks import MOST_GATES, Design
from bench.request import GateQuestion

BUDGET_SECONDS = 300.0
"""A gate takes five minutes where no time is given: what people wait for in a pull request."""

GATE_SLICE_SECONDS = 0.006
"""Slices are shorter than in a run: a block has many of them, and more blocks help more than longer slices."""

MOST_BLOCKS = 60
"""A gate ends after so many blocks, whatever is left of its time."""

DETECTING_SECONDS = 1800.0
"""Where a slowdown is to be seen and no budget is given, the pilot's scatter chooses at most half an hour: six times
what a pull request waits for otherwise."""

KEYS = ("ref", "python", *Variant._fields)
"""What an arm may differ in, beside environment variables."""

VARIABLE = re.compile(r"[A-Z_][A-Z0-9_]*")
"""Names of environment variables that an arm may set; capitals alone keep a misspelled key from passing for one."""


SHARE = re.compile(r"(\d+(?:\.\d*)?|\.\d+)\s*(%?)")
"""How people write a share."""


def add_gate_options(parser: pytest.Parser) -> None:
    """Register the options of a gate."""
    gate = parser.getgroup("accelbench-gate", "accelbench: compared with what (a regression check)")
    gate.addoption(
        "--against",
        metavar="REF",
        default=None,
        help="compare the working tree's models with those of a commit or branch, where head's history left it, or of "
        "a folder; a case that got slower is a failed test; A...B compares commit B in the same way",
    )
    gate.addoption(
        "--against-tip",
        action="store_true",
        help="with --against: compare with REF as it is now, with what others did since head's history left it",
    )
    gate.addoption(
        "--arm",
        metavar="NAME=KEY=VALUE,...",
        action="append",
        default=[],
        help=f"what base or head is: ref, python (an interpreter), {', '.join(Variant._fields)}, or an environment "
        "variable in capitals, as in --arm head=OMP_NUM_THREADS=1",
    )
    gate.addoption(
        "--detect",
        metavar="SHARE",
        default=None,
        help="with --against: the slowdown, such as 2%%, that the gate is to be able to see in four of five cases; the "
        f"scatter of its pilot then chooses how many blocks it takes, in {DETECTING_SECONDS / 60:g} minutes at most, "
        "unless --budget is given; exit code 7 if it ends without having been able to see that",
    )
    gate.addoption("--strict-gate", action="store_true", help="with --against: exit code 7 if a case is inconclusive")
    gate.addoption(
        "--add-blocks",
        action="store_true",
        help="with --against: go on with the gate in --benchmark-json: more blocks, with the same error in all",
    )
    gate.addoption(
        "--exhaust",
        action="store_true",
        help="with --against: spend the whole budget even when every case is settled, for the narrowest intervals",
    )
    gate.addoption(
        "--explain",
        action="store_true",
        help="with --against: profile every case in both arms at the end, and not only those that changed",
    )
    gate.addoption(
        "--one-of",
        metavar="N",
        default=None,
        help="with --against: this gate is one of N that make one decision, such as on N machines, and share one "
        "error; --nodes does that by itself",
    )


def read_gate_question(config: pytest.Config) -> GateQuestion | None:
    """Return which arms are compared and how, checked; None if no gate is asked for.

    Raises:
        pytest.UsageError: if something is unknown, contradictory or refused; the message says what to do.
    """
    get = config.getoption
    against, texts = get("against"), get("arm")
    if against is None and not texts:
        for name in ("against_tip", "detect", "strict_gate", "add_blocks", "exhaust", "explain", "one_of"):
            if get(name):
                raise pytest.UsageError(f"--{name.replace('_', '-')} goes with --against or --arm")
        return None
    try:
        arms = parse_arms(against, texts)
    except ValueError as error:
        raise pytest.UsageError(f"--arm: {error}") from error
    gates = _read_gates(get("one_of"))
    for given, sentence in refusals(config, Design(gates)):
        if given:
            raise pytest.UsageError(sentence)
    if get("add_blocks") and not get("benchmark_json"):
        raise pytest.UsageError("--add-blocks: name the gate with --benchmark-json")
    if get("against_tip") and against is None:
        raise pytest.UsageError("--against-tip goes with --against: --arm base=ref=REF is REF as it is now anyway")
    return GateQuestion(
        arms=arms,
        from_branch_point=against is not None and not get("against_tip"),
        strict=bool(get("strict_gate")),
        add_blocks=bool(get("add_blocks")),
        exhaust=bool(get("exhaust")),
        detect=None if get("detect") is None else read_share("--detect", get("detect")),
        by_scatter=get("detect") is not None and get("budget") is None,
        explain=bool(get("explain")),
        gates=gates,
        traces=get("trace_dir"),
    )


def _read_gates(text: str | None) -> int:
    if text is None:
        return 1
    if not text.isdecimal() or not 1 <= int(text) <= MOST_GATES:
        raise pytest.UsageError(f"--one-of: {text!r} is not a whole number from 1 to {MOST_GATES}")
    return int(text)


def default_budget(gate: GateQuestion) -> float:
    """Return how many seconds a gate may take where no budget is given."""
    return DETECTING_SECONDS if gate.by_scatter else BUDGET_SECONDS


def default_blocks(gate: GateQuestion) -> int:
    """Return how many blocks a gate has at most where no number is given."""
    return Design(gate.gates).most_looked if gate.by_scatter else MOST_BLOCKS


def read_share(option: str, text: str) -> float:
    """Return a share that is written as ``2%`` or ``0.02``.

    Raises:
        pytest.UsageError: if it is neither, or not between 0 and 1.
    """
    matched = SHARE.fullmatch(text.strip())
    share = float(matched[1]) / (100 if matched[2] else 1) if matched else 0.0
    if not 0 < share < 1:
        raise pytest.UsageError(f"{option}: {text!r} is not a share between 0 and 1, such as 2% or 0.02")
    return share


def refusals(config: pytest.Config, design: Design) -> Iterator[tuple[bool, str]]:
    """Yield what a gate of such looks cannot honour: whether it was asked for, and the sentence that refuses it."""
    get = config.getoption
    named = {str(argument).partition("=")[0] for argument in config.invocation_params.args}
    repeats = "on a gate repeats only what failed, and is wrong more often: use --add-blocks, which adds to all cases"
    yield bool(get("lf", default=False) or get("failedfirst", default=False)), f"--lf {repeats}"
    yield bool(get("stepwise", default=False)), f"--stepwise {repeats}"
    yield bool(get("quick")), "--quick with --against: a gate is about time; run --quick without --against"
    disabled = get("benchmark_disable") and not get("benchmark_enable")
    yield bool(disabled), "--benchmark-disable with --against: a gate is about time"
    yield bool(get("resume")), "--resume with --against: go on with a stored gate by --add-blocks"
    yield bool(get("plan") and get("add_blocks")), "--add-blocks with --plan: a plan is of a gate that begins"
    yield (
        bool(get("operators")),
        "--operators with --against: a gate profiles the cases that changed by itself, and all of them by --explain",
    )
    for name in ("layers", "compile_account"):
        option = f"--{name.replace('_', '-')}"
        yield bool(get(name)), f"{option} with --against: it is about one side; run it without --against"
    yield (
        "interleaved" in str(get("unsteady")).split(","),
        "--unsteady interleaved: taking turns is what a gate is",
    )
    for name in ("--benchmark-max-time", "--benchmark-min-rounds"):
        yield name in named, f"{name} has no effect on a gate: its time is --budget"
    most = str(get("launches"))
    few = most.isdigit() and int(most) < design.least_blocks
    yield few, f"--launches {most} with --against is the most blocks: a verdict takes {design.least_blocks}"


def parse_arms(against: str | None, texts: Sequence[str]) -> dict[Side, Arm]:
    """Return both arms from ``--against REF`` and every ``--arm NAME=KEY=VALUE,...``.

    Raises:
        ValueError: naming what is unknown or given twice.
    """
    given: dict[Side, dict[str, str]] = {side: {} for side in Side}
    if against is not None and not against.strip():
        raise ValueError("--against is empty: name a commit, a branch or a folder")
    if against is not None:
        given[Side.BASE]["ref"], given[Side.HEAD] = _split_range(against)
    for text in texts:
        name, _, rest = text.partition("=")
        if name not in list(Side):
            raise ValueError(unknown("arm", name, Side))
        for part in filter(None, (entry.strip() for entry in rest.split(","))):
            key, equals, value = part.partition("=")
            if not equals or not value or not (key in KEYS or VARIABLE.fullmatch(key)):
                raise ValueError(
                    f"{part!r} is not KEY=VALUE with one of {', '.join(KEYS)} or an environment variable in capitals"
                )
            if key in given[Side(name)]:
                raise ValueError(f"{key} of {name} is given twice")
            given[Side(name)][key] = value
    return {side: _arm(settings) for side, settings in given.items()}


def _split_range(against: str) -> tuple[str, dict[str, str]]:
    """Return base's reference and what ``--against`` says of head: ``main...topic`` names both, as for ``git diff``.

    Raises:
        ValueError: for two dots, which leave open what is meant.
    """
    base, dots, head = against.partition("...")
    if against.startswith(("./", "../", "/")) or "/.." in against:
        return against, {}  # a folder
    if not dots and ".." in against:
        base, _, head = against.partition("..")
        raise ValueError(f"{against} is not understood: write {base}...{head}, or {base} with --against-tip")
    if not dots:
        return against, {}
    if not base:
        raise ValueError(f"{against} names no base: write REF...{head}")
    return base, {} if head in ("", "HEAD") else {"ref": head}


def _arm(settings: Mapping[str, str]) -> Arm:
    if (dtype := settings.get("dtype")) is not None and dtype not in DTYPES:
        raise ValueError(unknown("dtype", dtype, DTYPES))
    if (compile_ := settings.get("compile")) is not None:
        check_compile(compile_)
    if (layout := settings.get("layout")) is not None and layout not in LAYOUTS:
        raise ValueError(unknown("layout", layout, LAYOUTS))
    threads = settings.get("threads")
    if (ranks := settings.get("ranks")) is not None:
        check_ranks(ranks)
    return Arm(
        ref=settings.get("ref"),
        python=_locate(settings.get("python")),
        variables={name: value for name, value in settings.items() if name not in KEYS},
        dtype=dtype,
        compile=compile_,
        layout=layout,
        threads=None if threads is None else read_threads(threads),
        ranks=ranks,
    )


def _locate(python: str | None) -> str | None:
    """Return an interpreter as it is found from any folder, since a launcher has another; a name is one of PATH."""
    return str(Path(python).expanduser().absolute()) if python and ("/" in python) else python
