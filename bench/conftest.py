"""The entry of ``pytest bench``: its options, its tests' parameters, and which plugin measures them.

The plugins are imported where they are needed: a collection, which measures nothing, is there sooner.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import pytest

from bench.plugin import early
from bench.plugin.continuation import fill_in, keep_planned
from bench.plugin.device_names import named_devices
from bench.plugin.file_batches import batches_of
from bench.plugin.options import read_request
from bench.plugin.output import Output
from bench.plugin.project_defaults import fill_from_project, name_files
from bench.plugin.publication import Publication
from bench.plugin.replay import TAPE, Tape, tape_of
from bench.plugin.selection import FLOOR_MARKER
from bench.plugin.usage import usage_errors
from bench.record.case import AXES, Case, Variant, select
from bench.request import FleetQuestion, GateQuestion, PlanQuestion, Request, RunQuestion

if TYPE_CHECKING:
    from bench.plugin.fleet import FleetPlugin
    from bench.plugin.gate import GatePlugin
    from bench.plugin.run import RunPlugin

REQUEST = pytest.StashKey[Request]()
PLANNED = pytest.StashKey[Sequence[Case]]()
"""The cases of a run that goes on; none for any other."""

BATCHES = pytest.StashKey[Callable[[str], Sequence[int]]]()
DEVICES = pytest.StashKey[Sequence[str]]()
NODES = pytest.StashKey[Mapping[str, Sequence[str]]]()
"""The devices of each node of a fleet, by its name; without a fleet there is none."""

MEASURING: pytest.StashKey[RunPlugin | GatePlugin | FleetPlugin] = pytest.StashKey()
"""The plugin that is at work; none with ``--plan`` or ``--collect-only``, where no test is run."""


NARROW = ["median", "iqr", "rounds"]
"""The columns of pytest-benchmark's own table, which otherwise has twice as many as a terminal has room for."""


def pytest_addoption(pluginmanager: pytest.PytestPluginManager) -> None:
    """Register our options, unless an installation has done so before any ``conftest.py`` was looked for."""
    if not pluginmanager.hasplugin(early.NAME):
        pluginmanager.register(early, early.NAME)


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    """Check the command line before pytest-benchmark reads its own part of it, and choose the plugin that answers."""
    if config.option.help or config.option.version:
        return
    config.addinivalue_line("markers", f"{FLOOR_MARKER}(share): the smallest change of this case that counts")
    planned = config.stash[PLANNED] = fill_in(config)  # which also says whose project an earlier part was of
    settings = fill_from_project(config, fill=not planned)
    request = config.stash[REQUEST] = name_files(read_request(config), settings)
    spread = isinstance(request.question, FleetQuestion) and not config.option.collectonly
    config.stash[DEVICES] = () if spread else named_devices(request)  # otherwise every node says what it has
    config.stash[BATCHES] = batches_of(request)
    if config.option.collectonly:
        return
    config.option.benchmark_columns = config.option.benchmark_columns or NARROW
    if request.settings.quick:
        config.option.benchmark_disable, config.option.benchmark_enable = True, False
    match request.question:
        case PlanQuestion(gate=planned_gate):
            from bench.plugin.plan import make_plan_plugin

            places = config.option.benchmark_json, config.option.reports
            plan = make_plan_plugin(request, planned_gate, settings, *places)
            config.pluginmanager.register(plan, "accelbench-plan")
        case RunQuestion() as question:
            from bench.plugin.run import RunPlugin

            run = config.stash[MEASURING] = RunPlugin(request, question, publication_of(config))
            config.pluginmanager.register(run, "accelbench-run")
        case FleetQuestion() as question:
            from bench.plugin.fleet import make_fleet_plugin

            fleet = config.stash[MEASURING] = make_fleet_plugin(request, question, publication_of(config), settings)
            config.pluginmanager.register(fleet, "accelbench-fleet")
            config.stash[NODES] = fleet.list_devices(request.devices)
        case GateQuestion() as question:
            from bench.plugin.gate import make_gate_plugin

            gate = config.stash[MEASURING] = make_gate_plugin(request, question, publication_of(config), settings)
            config.pluginmanager.register(gate, "accelbench-gate")


def publication_of(config: pytest.Config) -> Publication:
    """Make sure that everything can be written, and take over where pytest-benchmark's JSON goes."""
    json_path, reports = config.option.benchmark_json, config.option.reports
    with usage_errors():
        output = Output(json_path) if reports is None else Output(json_path, reports=reports)
    config.add_cleanup(output.close)
    output.prepare()
    target = config.option.benchmark_json = output.target()
    publication = Publication(output, target)
    if output.remark is not None:
        publication.say(output.remark)
    return publication


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Parametrise the suite with nine scalars, so that a stored result explains itself."""
    if not set(AXES) <= set(metafunc.fixturenames):
        return
    config, request = metafunc.config, metafunc.config.stash[REQUEST]
    nodes = config.stash.get(NODES, None)
    if nodes is None:
        cases = list_cases(config, request, config.stash[DEVICES])
        metafunc.parametrize(AXES, [make_parameter(case) for case in cases])
    else:
        pairs = [(name, case) for name, devices in nodes.items() for case in list_cases(config, request, devices)]
        metafunc.parametrize((*AXES, "node"), [make_parameter(case, name) for name, case in pairs])


def make_parameter(case: Case, *node: str) -> Any:
    """Return the parameters of a case's test, on a node where there are several."""
    return pytest.param(
        *(getattr(case, axis) for axis in AXES),
        *node,
        id="@".join((case.id, *node)),
        marks=pytest.mark.benchmark(**{TAPE: Tape()}, group=" ".join(map(str, (*case.group, *node)))),
    )


def list_cases(config: pytest.Config, request: Request, devices: Sequence[str]) -> Sequence[Case]:
    """Return the cases that were asked for on devices."""
    return select(
        models=[spec.id for spec in request.models],
        steps=request.steps,
        batches=config.stash[BATCHES],
        devices=devices,
        dtypes=request.dtypes_for,
        compiles=request.compiles,
        layouts=request.layouts,
        threads=request.threads_for,
        ranks=request.ranks,
    )


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave a run that goes on the cases that it had."""
    keep_planned(config.stash[PLANNED], config, items)


@pytest.hookimpl(wrapper=True)
def pytest_benchmark_group_stats(
    benchmarks: Sequence[Mapping[str, Any]],
) -> Generator[None, list[tuple[str, list[Any]]], list[tuple[str, list[Any]]]]:
    """Put the groups of pytest-benchmark's own table into the order of the tests: as words, 1024 is before 64."""
    groups = yield
    place = {id(benchmark): index for index, benchmark in enumerate(benchmarks)}
    return sorted(groups, key=lambda group: min(place[id(benchmark)] for benchmark in group[1]))


@pytest.fixture
def case(  # noqa: PLR0913, PLR0917  one for each axis
    model: str,
    step: str,
    batch: int,
    device: str,
    dtype: str,
    compile: str,  # noqa: A002
    layout: str,
    threads: int | None,
    ranks: str,
) -> Case:
    """The test's nine scalars as a Case."""
    variant = Variant(dtype, compile, layout, threads, ranks)
    return Case(model=model, step=step, batch=batch, device=device, **variant._asdict())


@pytest.fixture
def node() -> str | None:
    """The node of a test: a parameter where there are several."""
    return None


@pytest.fixture
def replay_case(
    request: pytest.FixtureRequest,
    case: Case,
    node: str | None,  # noqa: ARG001  so that it can be a parameter of the test
) -> Callable[[Any], None]:
    """Hands the case's slices to pytest-benchmark, or ends the test the way the case ended."""
    measuring, item = request.config.stash[MEASURING], request.node
    return lambda benchmark: measuring.replay(case, benchmark, item, tape_of(item))
