"""``python -m tests.field.fleet_driver [--nodes N] [--lines N] [--every SECONDS]``: what a large fleet costs.

So many nodes that are none each say a line of a run at a steady pace; the driver writes every line to a real journal.
Prints the driver's CPU time in all and per line, and how long after its moment a line was on disk.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections.abc import Sequence
from pathlib import Path
from statistics import median, quantiles
from time import monotonic, process_time, sleep

from bench.files.fleet import FLEET_FORMAT, FleetLog, write_node_line
from bench.files.journal import Journal
from bench.processes.fleet import carry_out
from bench.processes.remote import Task
from bench.record.fleet import Fleet, FleetEvent, Node, NodeBegan, NodeRun, NodeTold
from bench.record.run import Measured, Started
from tests.field.program import end_with
from tests.makers.runs import FINISH, TWO, made_run, measured, slices

SLICES = 12
"""Of each case in a launch, as in an ordinary run."""


class SteadyEngine:
    """Nodes that each say a line every so many seconds.

    Args:
        nodes: how many.
        lines: of each.
        every: seconds between them.

    Attributes:
        due: when each line of a node was to be said.
    """

    def __init__(self, nodes: int, lines: int, every: float) -> None:
        self.due: dict[str, list[float]] = {f"node-{number}": [] for number in range(nodes)}
        self._every = every
        begun = NodeBegan(node="", begun=made_run(TWO, [], finish=None, launches=lines))
        told: list[NodeBegan | NodeTold] = [begun, NodeTold(node="", event=Started(launch=1, cases=TWO))]
        for launch in range(1, lines - 2):
            measurements = tuple(measured(case, launch, slices([1e-3] * SLICES)) for case in TWO)
            told.append(NodeTold(node="", event=Measured(measurements=measurements)))
        told.append(NodeTold(node="", event=FINISH))
        self._messages = [json.dumps({"line": json.dumps(write_node_line(event))}) for event in told]
        self._begin = monotonic() + 1.0

    def list_nodes(self) -> Sequence[Node]:
        """Return all of them."""
        return [Node(name=name, labels={}) for name in self.due]

    def start(self, place: Node, task: Task) -> SteadyRunning:  # noqa: ARG002  what it does is known
        """Begin to say lines, each node a little later than the one before."""
        shift = self._every * int(place.name.rpartition("-")[2]) / len(self.due)
        return SteadyRunning(self.due[place.name], self._messages, self._begin + shift, self._every)

    def close(self) -> None:
        """There is nothing to let go of."""


class SteadyRunning:
    """A node that says its lines at their moments."""

    def __init__(self, due: list[float], messages: Sequence[str], begin: float, every: float) -> None:
        self._due, self._messages, self._begin, self._every = due, messages, begin, every

    def ask(self) -> str | None:
        """Return the next line when its moment has come; None when all were said."""
        number = len(self._due)
        if number == len(self._messages):
            return None
        moment = self._begin + number * self._every
        self._due.append(moment)
        sleep(max(0.0, moment - monotonic()))
        return self._messages[number]

    def stop(self) -> None:
        """It ends by itself."""


def main(argv: Sequence[str]) -> int:
    """Drive them, and print what that cost."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--nodes", type=int, default=100, help="(default: %(default)s)")
    parser.add_argument("--lines", type=int, default=60, help="of each (default: %(default)s)")
    parser.add_argument(
        "--every", type=float, default=1.0, help="seconds between a node's lines (default: %(default)s)"
    )
    options = parser.parse_args(argv)
    engine = SteadyEngine(options.nodes, options.lines, options.every)
    places = engine.list_nodes()
    begun = Fleet(engine="steady", nodes=tuple(NodeRun(node=place, cases=TWO) for place in places))
    written: dict[str, list[float]] = {place.name: [] for place in places}
    task = Task(tree=b"", command=[])
    with tempfile.TemporaryDirectory(prefix="field-driver-") as folder, Journal(Path(folder) / "out.jsonl") as journal:
        log = FleetLog(FLEET_FORMAT, begun, journal)

        def add(event: FleetEvent) -> None:
            log.add(event)
            if isinstance(event, NodeBegan | NodeTold):
                written[event.node].append(monotonic())

        tasks = {place.name: (place, task) for place in places}
        wall, cpu = monotonic(), process_time()
        carry_out(engine, tasks, add=add, show=lambda _: None, stop=lambda: None)
        wall, cpu = monotonic() - wall, process_time() - cpu
        whole = sum(one.whole for one in log.record().nodes)
    lags = [at - due for name in written for at, due in zip(written[name], engine.due[name], strict=True)]
    print("| | |", "|---|--:|", sep="\n")
    print(f"| nodes, all of them whole | {options.nodes}, {'yes' if whole == options.nodes else 'no'} |")
    print(f"| lines, per second | {len(lags)}, {len(lags) / wall:.0f} |")
    print(f"| CPU time of the driver | {cpu:.1f} s of {wall:.1f} s, {1e3 * cpu / len(lags):.2f} ms for a line |")
    print(f"| lag of a line, median | {1e3 * median(lags):.1f} ms |")
    print(f"| lag of a line, 99 of 100 | {1e3 * quantiles(lags, n=100)[98]:.1f} ms |")
    print(f"| lag of a line, largest | {1e3 * max(lags):.1f} ms |")
    return 0 if whole == options.nodes else 1


if __name__ == "__main__":
    end_with(main)
