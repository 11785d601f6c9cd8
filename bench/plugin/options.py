"""The command line of ``pytest bench``: options, what they mean, and what is refused and why.

Everything here happens before anything is timed, in a process that never imports torch.
"""

from __future__ import annotations

import re
from argparse import ArgumentTypeError
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Any, TypeVar

import pytest

from bench.host.steadiness import MEASURES
from bench.plugin.device_names import KNOWN_DEVICES
from bench.plugin.fleet_options import add_fleet_options, read_fleet_question
from bench.plugin.foreign_options import refuse_foreign
from bench.plugin.gate_options import (
    GATE_SLICE_SECONDS,
    MOST_BLOCKS,
    add_gate_options,
    default_blocks,
    default_budget,
    read_gate_question,
)
from bench.plugin.model_options import read_models, read_project
from bench.plugin.threads import read_threads
from bench.record.arm import Side
from bench.record.case import (
    BUILTIN_STEPS,
    COMPILE_MODES,
    DEFAULT_BATCHES,
    DEFAULT_COMPILES,
    DEFAULT_DTYPES,
    DEFAULT_LAYOUT,
    DEFAULT_MODELS,
    DEFAULT_RANKS,
    DEFAULT_STEPS,
    DTYPES,
    LAYOUTS,
    check_compile,
    check_ranks,
    on_cpu,
    unknown,
)
from bench.record.conditions import MOST_LAUNCHES, Settings
from bench.record.spec import WAYS, Kind
from bench.record.step_spec import WAY, StepSpec, parse_steps
from bench.request import GateQuestion, PlanQuestion, Question, Request, RunQuestion
from models import MODELS, dataset, images

T = TypeVar("T")

DURATION = re.compile(r"(\d+(?:\.\d+)?)\s*(s|m|h|)")
"""How people write a length of time; a number alone is seconds."""

UNIT_SECONDS = {"": 1.0, "s": 1.0, "m": 60.0, "h": 3600.0}
"""What the letters after the number stand for."""

MOST_SECONDS = 30 * 24 * 3600.0
"""Nobody waits longer than a month: what is longer is a slip of the hand."""


def add_options(parser: pytest.Parser) -> None:
    """Register the options of ``pytest bench``."""
    axes = parser.getgroup("accelbench", "accelbench: what is timed (comma lists)")
    add = axes.addoption
    add(
        "--model",
        metavar="SPECS",
        default=",".join(DEFAULT_MODELS),
        help=f"of {', '.join((*MODELS, *WAYS))} (default: %(default)s)",
    )
    add(
        "--step",
        metavar="NAMES",
        default=",".join(DEFAULT_STEPS),
        help=f"of {', '.join((*BUILTIN_STEPS, WAY))} (default: %(default)s)",
    )
    add(
        "--batch",
        metavar="SIZES",
        default=",".join(map(str, DEFAULT_BATCHES)),
        help="examples per iteration (default: %(default)s)",
    )
    add(
        "--device",
        metavar="NAMES",
        default="auto",
        help="names as torch knows them (cpu, cuda, cuda:1, mps, xpu, vulkan, ...), auto: the CPU and the current "
        "accelerator, or all: the CPU and every accelerator found (default: %(default)s)",
    )
    add(
        "--dtype",
        metavar="NAMES",
        default=None,
        help=f"of {', '.join(DTYPES)} (default: {','.join(DEFAULT_DTYPES)}, and float16 on accelerators)",
    )
    add(
        "--compile",
        metavar="MODES",
        type=_named,
        default=None,
        help=f"of {', '.join(COMPILE_MODES)}, backend:NAME (default: {','.join(DEFAULT_COMPILES)}; off with --against)",
    )
    add(
        "--layout",
        metavar="NAMES",
        type=_named,
        default=None,
        help=f"of {', '.join(LAYOUTS)}: memory format of inputs and weights of four dimensions (default: "
        f"{DEFAULT_LAYOUT})",
    )
    add(
        "--threads",
        metavar="NUMBERS",
        default=None,
        help="on how many threads an operator of the CPU runs (default: as many as its process has anyway; "
        "accelerators always have that default)",
    )
    add(
        "--ranks",
        metavar="VALUES",
        type=_named,
        default=None,
        help="in how many processes: 1, or ddp:N for N under DistributedDataParallel, each with its share of the batch "
        f"and of the cores (default: {DEFAULT_RANKS})",
    )
    own = parser.getgroup("accelbench-own", "accelbench: models of your own")
    own.addoption(
        "--project",
        metavar="DIR",
        type=_path,
        default=None,
        help="the folder that models of your own are imported from, and whose commits --against compares (default: "
        "this checkout)",
    )
    own.addoption(
        "--src",
        metavar="DIR",
        type=_named,
        default=None,
        help="the folder below --project that packages lie in, such as src",
    )
    own.addoption(
        "--shape",
        metavar="SIZES",
        default=None,
        help="of one example, such as 3,224,224: random numbers of it are fed to a network that says nothing of its "
        "inputs",
    )
    add(
        "--require-device",
        metavar="NAMES",
        type=_named,
        default=None,
        help="fail, rather than skip, where one of these is absent",
    )
    how = parser.getgroup("accelbench-how", "accelbench: how it is timed")
    add = how.addoption
    add(
        "--plan",
        action="store_true",
        help="print the cases, which would be skipped and why, and the expected time; measure nothing; with --against "
        "also which slowdowns would be visible in which time, as the last gate of these cases on this machine tells",
    )
    add(
        "--quick",
        action="store_true",
        help="run every case once as a test; nothing is timed (also: --benchmark-disable)",
    )
    add(
        "--budget",
        metavar="TIME",
        type=_named,
        default=None,
        help="wall time for the whole run, such as 90s or 10m (default: about one second of slices per case; "
        "5m with --against, and with --detect what the pilot's scatter asks for)",
    )
    add(
        "--launches",
        metavar="N",
        type=_named,
        default=None,
        help=f"fresh processes per case, each one replicate (default: {Settings().launches}; under 6 there is no "
        f"interval); with --against the most blocks (default: {MOST_BLOCKS})",
    )
    add("--seed", metavar="N", default="0", help="of weights, random inputs and order (default: %(default)s)")
    add(
        "--case-timeout",
        metavar="TIME",
        default="5m",
        help="limit for preparing a case, and for one slice of it (default: %(default)s)",
    )
    add(
        "--reports",
        metavar="DIR",
        type=_path,
        default=None,
        help="the folder that holds one folder of tables and plots for each result (default: reports/out)",
    )
    add(
        "--unsteady",
        metavar="NAMES",
        type=_named,
        default=None,
        help=f"leave out measures of steadiness: {', '.join(MEASURES)}",
    )
    add(
        "--resume",
        action="store_true",
        help="go on with the journal of a run that was cut off, which knows what was asked for",
    )
    add("--retry", action="store_true", help="with --resume: try again what crashed, timed out or failed")
    add(
        "--operators",
        action="store_true",
        help="when all is timed, have a profiler say where the time of each case goes, operator by operator",
    )
    add(
        "--layers",
        action="store_true",
        help="when all is timed, time each network layer by layer, forward and backward, beside the whole of it",
    )
    add(
        "--compile-account",
        action="store_true",
        help="when all is timed, compile each case from empty and from full caches: phases, graphs, when it pays off",
    )
    add(
        "--trace-dir",
        metavar="DIR",
        type=Path,
        default=None,
        help="keep there what the profiler saw, as traces for ui.perfetto.dev; includes --operators",
    )
    add_gate_options(parser)
    add_fleet_options(parser)
    data = parser.getgroup("accelbench-data", "accelbench: what the network is fed")
    add = data.addoption
    add(
        "--data",
        choices=("auto", "fashion-mnist", "random"),
        default="auto",
        help="of images; auto: real ones where --data-root has them, else random ones (default: %(default)s)",
    )
    add(
        "--data-root",
        metavar="DIR",
        type=_path,
        default=Path("data"),
        help="where FashionMNIST's files are (default: %(default)s)",
    )
    add("--download", action="store_true", help="fetch FashionMNIST into --data-root first")


def _named(text: str) -> str:
    """Return what an option without a value of its own was given: nothing in a variable of a script is no default.

    Raises:
        ArgumentTypeError: if that is empty.
    """
    if not text.strip():
        raise ArgumentTypeError("it is empty; leave it out for the default")
    return text


def _path(text: str) -> Path:
    return Path(_named(text))  # Path("") would be the current folder


def read_request(config: pytest.Config) -> Request:
    """Return the command line, checked.

    Raises:
        pytest.UsageError: if something is unknown, contradictory or refused; the message says what to do.
    """
    refuse_foreign(config)
    get = config.getoption
    gate = read_gate_question(config)
    compiles = get("compile") or ("off" if gate else ",".join(DEFAULT_COMPILES))
    launches = get("launches") or str(default_blocks(gate) if gate else Settings().launches)
    budget = get("budget") or (f"{default_budget(gate):g}s" if gate else None)
    quick = bool(get("quick") or (get("benchmark_disable") and not get("benchmark_enable")))
    question = _choose_question(config, gate, quick=quick)
    project = read_project(get("project"), get("src"))
    steps, own_steps = _steps("--step", get("step"), relative_to=config.invocation_params.dir)
    models = read_models(
        _list("--model", get("model")), MODELS, project, relative_to=config.invocation_params.dir, gated=bool(gate)
    )
    request = Request(
        models=models,
        fed_images=any(spec.kind is Kind.BUILT_IN and MODELS[spec.place].inputs is images for spec in models),
        project=project,
        shape=_shape(get("shape")),
        steps=steps,
        own_steps=own_steps,
        batches=tuple(dict.fromkeys(_whole("--batch", entry, least=1) for entry in _list("--batch", get("batch")))),
        devices=_devices("--device", get("device")),
        dtypes=_of_arms(gate, "dtype", get("dtype"))
        or (None if get("dtype") is None else _names("--dtype", get("dtype"), DTYPES)),
        compiles=_of_arms(gate, "compile", get("compile"))
        or tuple(_checked("--compile", check_compile, entry) for entry in _list("--compile", compiles)),
        compile_named=get("compile") is not None,
        layouts=_of_arms(gate, "layout", get("layout")) or _names("--layout", get("layout") or DEFAULT_LAYOUT, LAYOUTS),
        threads=_of_arms(gate, "threads", get("threads")) or _threads(get("threads")),
        ranks=_of_arms(gate, "ranks", get("ranks"))
        or tuple(_checked("--ranks", check_ranks, entry) for entry in _list("--ranks", get("ranks") or DEFAULT_RANKS)),
        required=_devices("--require-device", get("require_device")) if get("require_device") else (),
        settings=Settings(
            launches=_whole("--launches", launches, least=1, most=MOST_LAUNCHES),
            seed=_whole("--seed", get("seed"), least=0),
            slice_seconds=GATE_SLICE_SECONDS if gate else Settings().slice_seconds,
            quick=quick,
            case_seconds=_duration("--benchmark-max-time", str(get("benchmark_max_time"))),
            min_slices=int(get("benchmark_min_rounds")),
            budget_seconds=None if budget is None else _duration("--budget", budget),
            timeout_seconds=_duration("--case-timeout", get("case_timeout")),
        ),
        data=str(get("data")),
        data_root=get("data_root"),
        download=bool(get("download")),
        unsteady=_names("--unsteady", get("unsteady"), MEASURES) if get("unsteady") else (),
        question=question,
    )
    if request.data == "fashion-mnist" and not request.download and dataset.find(request.data_root) is None:
        raise pytest.UsageError(dataset.missing(request.data_root))
    if request.data == "random" and request.download:
        raise pytest.UsageError("--download with --data random: the images would not be used; leave one of them out")
    if request.threads and not any(device in ("auto", "all") or on_cpu(device) for device in request.devices):
        raise pytest.UsageError("--threads: no CPU is measured, and no other device has them; leave it out")
    if {"auto", "all"} & set(request.devices) and len(request.devices) > 1:
        raise pytest.UsageError("--device auto and all stand alone; name the devices, or use one of the two words")
    return request


def _of_arms(gate: GateQuestion | None, axis: str, given: str | None) -> tuple[Any, ...] | None:
    """Return base's value of an axis as the only one, where both arms of a gate name theirs; None where not.

    Every value of the axis would be the same comparison again.

    Raises:
        pytest.UsageError: if values of the axis are given all the same.
    """
    if gate is None:
        return None
    base, head = (getattr(gate.arms[side], axis) for side in Side)
    if base is None or head is None:
        return None
    if given is not None:
        raise pytest.UsageError(f"--{axis} {given}: both arms name theirs, {base} and {head}; leave it out")
    return (base,)


def _choose_question(config: pytest.Config, gate: GateQuestion | None, *, quick: bool) -> Question:
    """Return what is asked."""
    resume, retry = bool(config.getoption("resume")), bool(config.getoption("retry"))
    if retry and not resume:
        raise pytest.UsageError("--retry goes with --resume: it tries again what an earlier part of the run saw fail")
    if resume and not config.getoption("benchmark_json"):
        raise pytest.UsageError("--resume: name the run with --benchmark-json; its journal lies beside it as .jsonl")
    if resume and quick:
        raise pytest.UsageError("--resume with --quick: a quick pass has nothing to go on with")
    traces = config.getoption("trace_dir")
    operators, layers = bool(config.getoption("operators")) or traces is not None, bool(config.getoption("layers"))
    compiling = bool(config.getoption("compile_account"))
    for wanted, option in ((operators, "--operators"), (layers, "--layers"), (compiling, "--compile-account")):
        if wanted and quick:
            raise pytest.UsageError(f"{option} with --quick: a quick pass is not about time; leave one of them out")
    run = RunQuestion(
        resume=resume, retry=retry, operators=operators, layers=layers, compiling=compiling, traces=traces
    )
    asked = gate or run
    if (fleet := read_fleet_question(config, asked)) is not None:
        return fleet
    return PlanQuestion(gate=gate) if config.getoption("plan") else asked


def _list(option: str, text: str) -> tuple[str, ...]:
    """Return a comma list's entries, each once, in the order given."""
    entries = tuple(dict.fromkeys(entry.strip() for entry in text.split(",") if entry.strip()))
    if not entries:
        raise pytest.UsageError(f"{option} is empty; leave it out for the default")
    return entries


def _names(option: str, text: str, known: Collection[str]) -> tuple[str, ...]:
    entries = _list(option, text)
    for entry in entries:
        if entry not in known:
            raise pytest.UsageError(f"{option}: {unknown(option.removeprefix('--'), entry, known)}")
    return entries


def _shape(text: str | None) -> tuple[int, ...] | None:
    return None if text is None else tuple(_whole("--shape", size.strip(), least=1) for size in text.split(","))


def _steps(option: str, text: str, *, relative_to: Path) -> tuple[tuple[str, ...], tuple[StepSpec, ...]]:
    try:
        ids, specs = parse_steps(_list(option, text), relative_to)
    except ValueError as error:
        raise pytest.UsageError(f"{option}: {error}") from error
    for spec in specs:
        if not spec.file.is_file():
            raise pytest.UsageError(f"{option} {spec.text}: there is no file {spec.file}")
    return ids, specs


def _devices(option: str, text: str) -> tuple[str, ...]:
    entries = _list(option, text)
    for entry in entries:
        if not re.fullmatch(r"[a-z][a-z0-9_]*(:\d{1,3})?", entry):
            raise pytest.UsageError(f"{option}: {unknown('device', entry, (*KNOWN_DEVICES, 'auto', 'all'))}")
    return tuple(dict.fromkeys("cpu" if on_cpu(entry) else entry for entry in entries))  # there is one CPU


def _threads(text: str | None) -> tuple[int, ...] | None:
    if text is None:
        return None
    return tuple(dict.fromkeys(_checked("--threads", read_threads, entry) for entry in _list("--threads", text)))


def _checked(option: str, check: Callable[[str], T], text: str) -> T:
    try:
        return check(text)
    except ValueError as error:
        raise pytest.UsageError(f"{option}: {error}") from error


def _whole(option: str, text: str, *, least: int, most: int = 10**9) -> int:
    if not re.fullmatch(r"\d{1,9}", text) or not least <= int(text) <= most:
        above = f" and at most {most}" if most < 10**9 else ""
        raise pytest.UsageError(f"{option}: {text!r} is not a whole number of at least {least}{above}")
    return int(text)


def _duration(option: str, text: str) -> float:
    matched = DURATION.fullmatch(text.strip())
    seconds = float(matched[1]) * UNIT_SECONDS[matched[2]] if matched else 0.0
    if not 0 < seconds <= MOST_SECONDS:
        raise pytest.UsageError(f"{option}: {text!r} is not a length of time such as 90s, 10m or 1h, at most 30 days")
    return seconds
