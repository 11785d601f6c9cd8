"""A fleet inside pytest: at work if ``--nodes`` is given."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Generator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from bench.files.fleet import FLEET_FORMAT, FleetLog, make_fleet_section, write_node_line
from bench.files.journal import Journal, whole_lines
from bench.files.log import JournalError, keep_aside, read_log
from bench.files.parse_json import FLEET_SECTION, UnreadableError
from bench.files.project_settings import ProjectSettings
from bench.gate.scope import Scope
from bench.gate.tree import Folder, Source, TreeError, include_generated, make_tree
from bench.host.facts import commit
from bench.host.folders import ROOT
from bench.host.stopping import StopSwitch, stoppable
from bench.plugin.benchmark_storage import check_storage
from bench.plugin.node_command import CHECKOUT, PROJECT
from bench.plugin.node_gates import NodeGates
from bench.plugin.node_runs import NodeRuns
from bench.plugin.publication import Publication
from bench.plugin.replay import Tape
from bench.plugin.selection import case_of, only_shows
from bench.plugin.terminal import Terminal, reporter_of, while_it_can_be_seen, width_of
from bench.plugin.usage import usage_errors
from bench.processes.engines import open_engine
from bench.processes.fleet import Waiting, carry_out
from bench.processes.node import PYTHON
from bench.processes.remote import Engine, EngineError, NodeLostError, Task, pack_tree
from bench.record.case import Case
from bench.record.fleet import Fleet, FleetEvent, Node, NodeBegan, NodeEnded, NodeRun, NodeTold, NodeUndone
from bench.record.gate import Block, Looked
from bench.record.how_many import how_many
from bench.record.run import Started
from bench.request import FleetQuestion, Request, RunQuestion, SetupError

NODE = "node"
"""The parameter of a test that names its node."""


class FleetPlugin:
    """Has every node measure its cases, hands them to their tests, and publishes what came of them.

    Args:
        request: what was asked for.
        question: of which machines.
        publication: where results go.
        engine: what reaches the machines.
        settings: the project's.

    Attributes:
        nodes: which there are.
        fleet: what was measured; None before that, and if nothing was selected.
    """

    def __init__(
        self,
        request: Request,
        question: FleetQuestion,
        publication: Publication,
        engine: Engine,
        settings: ProjectSettings,
    ) -> None:
        self.nodes: Sequence[Node] = engine.list_nodes()
        self.fleet: Fleet | None = None
        self._work = (
            NodeRuns(request, question.asked)
            if isinstance(question.asked, RunQuestion)
            else NodeGates(request, question.asked, settings, publication.output.own)
        )
        self._log: FleetLog | None = None
        self._request = request
        self._question = question
        self._publication = publication
        self._engine = engine

    def list_devices(self, named: Sequence[str]) -> dict[str, Sequence[str]]:
        """Return the devices of each node: those that were named, or what it says that it has.

        Raises:
            pytest.UsageError: if a node does not say.
        """
        if named not in (("auto",), ("all",)):
            return {place.name: named for place in self.nodes}
        with usage_errors():
            tree = self._pack({})
        found = {place.name: ask_devices(self._engine, place, tree) for place in self.nodes}
        return {name: devices[:2] if named == ("auto",) else devices for name, devices in found.items()}

    @pytest.hookimpl(wrapper=True)
    def pytest_runtestloop(self, session: pytest.Session) -> Generator[None, object, object]:
        """Have the nodes measure what was selected, then let the tests replay it."""
        planned = list_planned(session.items)
        if not planned or session.testsfailed or only_shows(session.config):
            return (yield)
        check_storage(session.config)
        with usage_errors(), stoppable() as stop:
            self._publication.output.lock()
            self.fleet = self._measure(reporter_of(session.config), planned, stop)
            result = yield
            if stop.reason is not None:
                raise session.Interrupted(stop.reason)
        return result

    def _measure(self, reporter: Terminal, planned: Mapping[str, Sequence[Case]], stop: StopSwitch) -> Fleet:
        """Drive all nodes, with every event in the journal before it is shown."""
        path, resume = self._publication.output.journal_path, self._work.resumes
        earlier: tuple[FleetEvent, ...] = ()
        travelling = self._work.find_travelling(len(planned))
        for remark in travelling.remarks:
            self._publication.say(remark)
        begun = Fleet(
            engine=self._question.engine,
            nodes=tuple(
                NodeRun(node=place, cases=tuple(planned[place.name])) for place in self.nodes if place.name in planned
            ),
            facts={**commit(ROOT), **travelling.facts},
        )
        if resume:
            begun, earlier = go_on(path, begun)
        elif aside := keep_aside(FLEET_FORMAT, path):
            self._publication.say(f"a run that was cut off was there: its journal is kept as {aside}")
        progress = FleetProgress(reporter, begun)
        with Journal(path, resume_at=whole_lines(path) if resume else 0) as journal:
            log = self._log = FleetLog(FLEET_FORMAT, begun, journal, earlier=earlier, stands=resume)
            try:
                carry_out(
                    self._engine,
                    self._make_tasks(log.record(), earlier, self._pack(travelling.trees)),
                    add=log.add,
                    show=while_it_can_be_seen(progress.show),
                    stop=stop,
                )
            except JournalError as error:
                self._publication.say(f"every node was stopped: {error}")
            return log.record()

    def _make_tasks(self, fleet: Fleet, earlier: Sequence[FleetEvent], tree: bytes) -> dict[str, tuple[Node, Task]]:
        """Return the task of every node that is there and has something to do."""
        here = {place.name: place for place in self.nodes}
        tasks = {}
        for one in fleet.nodes:
            if one.whole or one.node.name not in here:
                continue
            lines = [
                json.dumps(write_node_line(event)) + "\n"
                for event in earlier
                if isinstance(event, NodeBegan | NodeTold) and event.node == one.node.name
            ]
            command = self._work.make_command(one.cases, len(fleet.nodes), resume=bool(lines))
            task = Task(tree=tree, command=command, folder=CHECKOUT, earlier="".join(lines).encode())
            tasks[one.node.name] = (here[one.node.name], task)
        return tasks

    def _pack(self, trees: Mapping[str, Source]) -> bytes:
        """Return what travels: this program, and the project if it is another one, as committed and changed.

        Args:
            trees: what travels besides, by its folder.

        Raises:
            SetupError: if it cannot be packed.
        """
        project = self._request.project
        with tempfile.TemporaryDirectory(prefix="accelbench-travels-") as name:
            folder = Path(name)
            try:
                whole = Scope(whole=True, own=True)
                make_tree(Folder(path=ROOT), folder / CHECKOUT, self._publication.output.own, scope=whole)
                if not project.own:
                    other = Scope(whole=True, own=False, include=project.include, data=project.data)
                    make_tree(Folder(path=project.folder), folder / PROJECT, scope=other)
                    include_generated(project.folder, project.include, [folder / PROJECT])
                for name_, source in trees.items():
                    make_tree(source, folder / name_, scope=whole)
            except TreeError as error:
                raise SetupError(f"--nodes: what is to travel cannot be packed: {error}") from error
            return pack_tree(folder)

    def replay(self, case: Case, benchmark: Any, node: pytest.Item, tape: Tape) -> None:
        """End the test of a case on a node the way it ended there."""
        if self.fleet is None:
            pytest.fail("nothing was measured, since the collection failed", pytrace=False)
        self._work.replay(self.fleet.find(node_of(node)), case, benchmark, node, tape)

    def pytest_benchmark_update_json(self, output_json: dict[str, Any]) -> None:
        """Add our section to everything that pytest-benchmark stores."""
        if self._log is not None:
            output_json[FLEET_SECTION] = make_fleet_section(self._log)

    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """Publish the JSON and write the reports; pytest-benchmark has written its part by now."""
        if self.fleet is None:
            if session.exitstatus == pytest.ExitCode.OK:
                session.exitstatus, _ = self._work.exit_code(None)
            return
        if not self._publication.publish(session.config, partial(self._work.write_reports, self.fleet)):
            session.exitstatus = pytest.ExitCode.INTERRUPTED
        if session.exitstatus == pytest.ExitCode.OK:
            session.exitstatus, said = self._work.exit_code(self.fleet)
            if said is not None:
                self._publication.say(said)

    def pytest_unconfigure(self, config: pytest.Config) -> None:
        """Publish what was measured even if another plugin broke the end of the session; leave the cluster."""
        if self.fleet is not None:
            self._publication.rescue(config, partial(self._work.write_reports, self.fleet))
        self._engine.close()

    @pytest.hookimpl(trylast=True)
    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Say how each node ended, and what they show side by side."""
        lines = [] if self.fleet is None else self._work.summarize(self.fleet, width_of(terminalreporter))
        self._publication.show(terminalreporter, lines)


class FleetProgress:
    """One line for each thing that happens on a node."""

    def __init__(self, terminal: Terminal, fleet: Fleet) -> None:
        self._terminal = terminal
        self._width = max((len(one.node.name) for one in fleet.nodes), default=0)
        self._launch: dict[str, int] = {}
        for one in fleet.nodes:
            self._say(one.node.name, how_many(len(one.cases), "case"))

    def show(self, event: FleetEvent | Waiting) -> None:
        """Show an event."""
        match event:
            case Waiting():
                self._say(event.node, f"waits for another measurement on its host, {event.seconds} s")
            case NodeUndone():
                told = "".join(f"; {name}={value} is undone" for name, value in event.undone.items())
                self._say(event.node, f"begins{told}")
            case NodeTold(event=Started() as started) if self._launch.get(event.node) != started.launch:
                self._launch[event.node] = started.launch
                self._say(event.node, f"launch {started.launch}" if started.launch else "pilot")
            case NodeTold(event=Block() as block):
                self._say(event.node, f"block {block.index}")
            case NodeTold(event=Looked() as look):
                self._say(event.node, f"look after {how_many(look.blocks, 'block')}")
            case NodeEnded():
                self._say(event.node, "done" if event.reason is None else f"ended: {event.reason}")
            case _:
                pass

    def _say(self, name: str, text: str) -> None:
        self._terminal.write_line(f"{name:<{self._width}}  {text}")


def make_fleet_plugin(
    request: Request, question: FleetQuestion, publication: Publication, settings: ProjectSettings
) -> FleetPlugin:
    """Return a fleet of the nodes that an engine reaches.

    Raises:
        pytest.UsageError: if there is no such engine, no cluster, or no node that fits.
    """
    engine = None
    try:
        engine = open_engine(question.engine, question.labels, question.count)
        return FleetPlugin(request, question, publication, engine, settings)
    except EngineError as error:
        if engine is not None:
            engine.close()
        raise pytest.UsageError(f"--nodes {question.engine}: {error}") from error


def ask_devices(engine: Engine, place: Node, tree: bytes) -> Sequence[str]:
    """Return which devices a node has.

    Raises:
        pytest.UsageError: if it does not say.
    """
    task = Task(tree=tree, command=[PYTHON, "-m", "bench.devices"], folder=CHECKOUT)
    said: list[str] = []
    try:
        running = engine.start(place, task)
        while (message := running.ask()) is not None:
            said = json.loads(message).get("said", said)
        found: Sequence[str] = json.loads(said[-1])["found"]
    except (NodeLostError, ValueError, IndexError, KeyError) as error:
        last = said[-1] if said else str(error)
        raise pytest.UsageError(
            f"--nodes: {place.name} does not say which devices it has ({last}); name them with --device"
        ) from error
    return found


def node_of(item: pytest.Item) -> str:
    """Return the node of a test."""
    return str(getattr(item, "callspec").params[NODE])  # noqa: B009  pytest declares it for functions alone


def list_planned(items: Sequence[pytest.Item]) -> dict[str, list[Case]]:
    """Return the cases of the tests that will run, by node, in order."""
    planned: dict[str, list[Case]] = {}
    for item in items:
        if (case := case_of(item)) is not None:
            planned.setdefault(node_of(item), []).append(case)
    return planned


def go_on(path: Path, begun: Fleet) -> tuple[Fleet, tuple[FleetEvent, ...]]:
    """Return the fleet that is gone on with, and what happened so far.

    Raises:
        SetupError: if its journal cannot be read, or it was of other nodes or cases.
    """
    try:
        fleet, events = read_log(FLEET_FORMAT, path)
    except UnreadableError as error:
        raise SetupError(f"--resume: {error}") from error
    before = {one.node.name: one.cases for one in fleet.nodes}
    now = {one.node.name: one.cases for one in begun.nodes}
    for name in now.keys() & before.keys():
        if set(now[name]) != set(before[name]):
            raise SetupError(f"--resume: other cases than before are asked of {name}; give the same options")
    if not now.keys() & before.keys():
        raise SetupError(f"--resume: of its nodes ({', '.join(before)}) none is there now: {', '.join(now)}")
    plain = tuple(NodeRun(node=one.node, cases=one.cases) for one in fleet.nodes)
    return Fleet(engine=fleet.engine, nodes=plain, facts=fleet.facts), events
