"""pytest wiring, which sees models, bench and reports: the main() of ``pytest bench``; `gate` is its other half."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable, Generator, Sequence
from typing import Any

import pytest

from bench.files.parse import SECTION
from bench.files.run import keep_aside, section
from bench.host.stopping import StopSwitch, stoppable
from bench.plugin.device_names import named_devices
from bench.plugin.document import JsonTarget, empty_document
from bench.plugin.gate import FLOOR_MARKER, Gate
from bench.plugin.options import add_options, read_options
from bench.plugin.output import Output
from bench.plugin.plan import plan_only
from bench.plugin.replay import Tape, replay
from bench.plugin.run_progress import Progress
from bench.plugin.selection import selected
from bench.processes.local import LaunchError
from bench.record.case import AXES, Case, select
from bench.record.run import Run
from bench.request import Options, SetupError
from bench.run.measure import Session

OPTIONS = pytest.StashKey[Options]()
DEVICES = pytest.StashKey[Sequence[str]]()
OUTPUT = pytest.StashKey[Output]()
TARGET = pytest.StashKey[JsonTarget]()
RUN = pytest.StashKey[Run]()
GATE = pytest.StashKey[Gate]()
MESSAGES = pytest.StashKey[list[str]]()
TAPE = "timer"
"""The keyword of pytest-benchmark's marker under which a test's tape is its clock."""


def pytest_addoption(parser: pytest.Parser) -> None:
    """Register our options."""
    add_options(parser)


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    """Check the command line before pytest-benchmark reads its own part of it, and take over where its JSON goes."""
    if config.option.help or config.option.version:
        return
    config.addinivalue_line("markers", f"{FLOOR_MARKER}(share): the smallest change of this case that counts")
    options = read_options(config)
    config.stash[OPTIONS] = options
    config.stash[MESSAGES] = []
    config.stash[DEVICES] = named_devices(options)
    output = Output(config.option.benchmark_json)
    config.stash[OUTPUT] = output
    if config.option.collectonly:
        return
    if options.settings.quick:
        config.option.benchmark_disable, config.option.benchmark_enable = True, False
    if options.plan:
        return
    config.add_cleanup(output.close)
    output.prepare()
    config.option.benchmark_json = config.stash[TARGET] = output.target()
    if options.gate is not None:
        config.stash[GATE] = Gate(config, options, output, config.stash[TARGET])
        config.pluginmanager.register(config.stash[GATE], "accelbench-gate")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Parametrise the suite with six scalars, so that a stored result explains itself."""
    if not set(AXES) <= set(metafunc.fixturenames):
        return
    options = metafunc.config.stash[OPTIONS]
    cases = select(
        models=options.models,
        steps=options.steps,
        batches=options.batches,
        devices=metafunc.config.stash[DEVICES],
        dtypes=options.dtypes_for,
        compiles=options.compiles,
    )
    metafunc.parametrize(
        AXES,
        [
            pytest.param(
                *(getattr(case, axis) for axis in AXES),
                id=case.id,
                marks=pytest.mark.benchmark(timer=Tape(), group=" ".join(map(str, case.group))),
            )
            for case in cases
        ],
    )


@pytest.fixture
def case(model: str, step: str, batch: int, device: str, dtype: str, compile: str) -> Case:  # noqa: A002
    """The test's six scalars as a Case."""
    return Case(model=model, step=step, batch=batch, device=device, dtype=dtype, compile=compile)


@pytest.fixture
def replay_case(request: pytest.FixtureRequest, case: Case) -> Callable[[Any], None]:
    """Hands the case's slices to pytest-benchmark, or ends the test the way the case ended."""
    stash = request.config.stash

    def hand_over(benchmark: Any) -> None:
        if GATE in stash:
            stash[GATE].replay(case, benchmark, request.node, _tape(request.node))
            return
        run, options = stash[RUN], stash[OPTIONS]
        replay(run, case, benchmark, _tape(request.node), required=options.required)

    return hand_over


def _tape(item: pytest.Item) -> Tape:
    marker = item.get_closest_marker("benchmark")
    tape = marker.kwargs[TAPE] if marker else None
    assert isinstance(tape, Tape), "another benchmark marker hides the suite's own"
    return tape


@pytest.hookimpl(wrapper=True)
def pytest_runtestloop(session: pytest.Session) -> Generator[None, object, object]:
    """Measure what was selected, then let the tests replay it."""
    config = session.config
    cases = selected(session.items)
    if not cases or config.option.collectonly or session.testsfailed:
        return (yield)
    options = config.stash[OPTIONS]
    try:
        if options.plan:
            plan_only(config.stash[OPTIONS], cases, _terminal(config))
            session.items.clear()  # nothing is left to run
            return (yield)
        with stoppable() as switch:
            config.stash[OUTPUT].lock()
            if GATE in config.stash:
                config.stash[GATE].measure(session.items, cases, switch)
                return (yield)
            config.stash[RUN] = measure(config, cases, switch)
            result = yield
    except (SetupError, LaunchError, OSError) as error:
        raise pytest.UsageError(str(error)) from error
    finish = config.stash[RUN].finish
    if finish is not None and finish.stopped:
        raise session.Interrupted(finish.reason)
    return result


def measure(config: pytest.Config, cases: list[Case], stop: StopSwitch) -> Run:
    """Measure the cases with progress on the terminal and every event in the journal."""
    from reports.show import units
    from reports.stats import intervals as stats

    options, output = config.stash[OPTIONS], config.stash[OUTPUT]

    def describe(medians: Any) -> str:
        summary = stats.summarize(medians)
        return units.text(units.Unit.SECONDS, summary.centre, summary.low, summary.high)

    progress = Progress(_terminal(config), options.settings, cases, describe)
    if not options.resume and (aside := keep_aside(output.journal_path)):
        _say(config, f"a run that was cut off was there: its journal is kept as {aside}; --resume goes on with one")
    compiled = any(case.compiled for case in cases)
    with Session(options, compiled=compiled, wake=stop.wake) as session:
        return session.measure(cases, output.journal_path, progress.show, stop)


def pytest_benchmark_update_json(config: pytest.Config, output_json: dict[str, Any]) -> None:
    """Add our section to everything that pytest-benchmark stores."""
    if RUN in config.stash:
        output_json[SECTION] = section(config.stash[RUN])


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Publish the JSON and write the reports; pytest-benchmark has written its part by now."""
    if RUN in session.config.stash and not publish(session.config):
        session.exitstatus = pytest.ExitCode.INTERRUPTED


def pytest_unconfigure(config: pytest.Config) -> None:
    """Publish what was measured even if another plugin broke the end of the session."""
    if RUN in config.stash and not config.stash[MESSAGES]:
        publish(config)
        print(*config.stash[MESSAGES], sep="\n", file=sys.stderr)


def publish(config: pytest.Config) -> bool:
    """Write the JSON and the reports, and note where they are; return whether all is where it was asked for."""
    from reports.run import write

    run, output = config.stash[RUN], config.stash[OUTPUT]
    try:
        written = config.stash[TARGET].publish(lambda: empty_document(config))
        journal = f"  (journal: {output.journal_path})" if output.journal_path.exists() else ""
        _say(config, f"results: {written}{journal}")
        write.write_reports(run, output.folder)
        _say(config, f"tables and plots: {output.folder}")
    except OSError as error:
        _say(config, f"{error.filename}: {error.strerror}; what is on disk is in {output.journal_path}")
        return False
    if written != output.json_path:
        _say(config, f"they could not be written to {output.json_path}")
    return written == output.json_path


@pytest.hookimpl(trylast=True)
def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Say what came of the run and where it lies."""
    messages = config.stash.get(MESSAGES, [])
    if RUN in config.stash:
        messages = [*summary(config.stash[RUN]), *messages]
    if messages:
        terminalreporter.section("accelbench")
        for message in messages:
            terminalreporter.write_line(message)


def summary(run: Run) -> list[str]:
    """Return how the cases ended and the table that answers what was asked, as lines of text."""
    from reports.figures.reference import Reference
    from reports.run.text import render
    from reports.show.table import Format

    counts = Counter(outcome for outcome, _ in run.outcomes().values())
    table = render(run, ["summary"], Format.TEXT, Reference())
    return [", ".join(f"{count} {outcome}" for outcome, count in counts.items()), "", *table.splitlines(), ""]


def _terminal(config: pytest.Config) -> pytest.TerminalReporter:
    terminal = config.pluginmanager.get_plugin("terminalreporter")
    assert isinstance(terminal, pytest.TerminalReporter)
    return terminal


def _say(config: pytest.Config, message: str) -> None:
    config.stash[MESSAGES].append(message)
