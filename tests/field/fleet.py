"""``python -m tests.field.fleet [--kills N] [--cases ...]``: a real Ray cluster of three nodes on this machine.

One run over all of them, in the middle of which a node is killed: its cases have a reason, the others are whole; then
the node is there again and the same command with ``--resume`` measures what is missing. With ``--kills`` the driver or
a node is killed at random moments, over and over: no finished measurement is lost, no process and no lock is left.
Prints a table; returns 1 if a count that must be 0 is not.
"""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from random import Random
from typing import Any

import psutil

from bench.files.fleet import read_fleet
from bench.files.parse_json import UnreadableError
from bench.record.case import Case
from bench.record.fleet import Fleet
from tests.field.program import end_with
from tests.field.runs import ROOT

NODES = ("alpha", "beta", "gamma")
SHORTEST = (
    *("--device", "cpu", "--step", "forward", "--batch", "1", "--dtype", "float32", "--compile", "off"),
    *("--data", "random", "--benchmark-max-time", "0.02"),
)
"""One case, as short as can be; a node measures it in so many launches as are asked for."""

MINUTES = 5.0
"""A run of three nodes that takes longer hangs."""


@dataclass(slots=True)
class Tally:
    """What was seen; everything after `finished` must be 0."""

    runs: int = 0
    nodes_killed: int = 0
    drivers_killed: int = 0
    finished: int = 0
    finished_measurements_lost: int = 0
    lost_nodes_without_a_reason: int = 0
    other_nodes_not_whole: int = 0
    not_whole_when_resumed: int = 0
    processes_left: int = 0
    locks_left: int = 0
    examples: list[str] = field(default_factory=list)

    def faults(self) -> int:
        """Return the sum of what must be 0."""
        return sum(getattr(self, one.name) for one in fields(self)[4:-1])


class Machine:
    """Three nodes of Ray that are this machine, any of which can be killed and come again."""

    def __init__(self) -> None:
        from ray.cluster_utils import Cluster

        self._cluster: Any = Cluster(initialize_head=True, head_node_args={"num_cpus": 1, "labels": {"role": "head"}})
        self._nodes: dict[str, Any] = {}
        for name in NODES:
            self.start(name)
        self.address: str = self._cluster.address

    def start(self, name: str) -> None:
        """Have a node in the cluster."""
        self._nodes[name] = self._cluster.add_node(num_cpus=1, labels={"name": name, "role": "measures"})
        self._cluster.wait_for_nodes()

    def kill(self, name: str) -> None:
        """Take a node out of the cluster, as a power cut does."""
        self._cluster.remove_node(self._nodes.pop(name), allow_graceful=False)

    def close(self) -> None:
        """End the cluster."""
        self._cluster.shutdown()


def main(argv: Sequence[str]) -> int:
    """Carry out the runs, print the table; return 1 if anything is as it must not be."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--kills", type=int, default=0, help="more runs in which something is killed at a random moment"
    )
    parser.add_argument("--launches", type=int, default=2, help="(default: %(default)s)")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args(argv)
    random, tally, machine = Random(options.seed), Tally(), Machine()
    with tempfile.TemporaryDirectory(prefix="field-fleet-") as name:
        os.environ["TMPDIR"] = name
        try:
            kill_a_node(machine, Path(name) / "first", options.launches, tally, after=None)
            for number in range(options.kills):
                folder, after = Path(name) / str(number), random.uniform(0.0, 30.0)
                if random.random() < 0.5:
                    kill_a_node(machine, folder, options.launches, tally, after=after, which=random.choice(NODES))
                else:
                    kill_the_driver(machine, folder, options.launches, tally, after)
        finally:
            machine.close()
    print("| | |", "|---|--:|", sep="\n")
    for one in fields(tally)[:-1]:
        print(f"| {one.name.replace('_', ' ')} | {getattr(tally, one.name)} |")
    print(*tally.examples[:20], sep="\n")
    return 1 if tally.faults() or not tally.finished else 0


def start_run(machine: Machine, folder: Path, launches: int, *more: str) -> subprocess.Popen[str]:
    """Start a run over the three nodes."""
    folder.mkdir(exist_ok=True)
    command = [
        *(sys.executable, "-m", "pytest", "bench", "-p", "no:cacheprovider", f"--nodes=ray:{machine.address}"),
        *("--node-labels", "role=measures", *SHORTEST, "--launches", str(launches)),
        *("--benchmark-json", str(folder / "out.json"), "--reports", str(folder / "reports"), *more),
    ]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def finish(process: subprocess.Popen[str]) -> str:
    """Return what a run said when it has ended."""
    said, _ = process.communicate(timeout=60 * MINUTES)
    return said


def kill_a_node(
    machine: Machine, folder: Path, launches: int, tally: Tally, *, after: float | None, which: str = "beta"
) -> None:
    """Kill a node in the middle of a run, look at what is left, and go on when it is there again.

    Args:
        machine: the cluster.
        folder: of the run.
        launches: of each case.
        tally: counts.
        after: how many seconds after the beginning; None for the moment at which the node has begun its run.
        which: the node.
    """
    tally.runs += 1
    process = start_run(machine, folder, launches)
    wait_until_begun(folder / "out.jsonl", which, process) if after is None else time.sleep(after)
    over = process.poll() is not None
    machine.kill(which)
    tally.nodes_killed += not over
    said = finish(process)
    fleet = read_fleet(folder / "out.json")
    for one in fleet.nodes:
        if one.node.name == which and not one.whole and not one.reason:
            tally.lost_nodes_without_a_reason += 1
            tally.examples.append(f"{which} has no reason: {said[-300:]}")
        if one.node.name != which and not one.whole:
            tally.other_nodes_not_whole += 1
            tally.examples.append(f"{one.node.name} is not whole: {one.reason}")
    machine.start(which)
    go_on(machine, folder, launches, tally, fleet)


def kill_the_driver(machine: Machine, folder: Path, launches: int, tally: Tally, after: float) -> None:
    """Kill the driver in the middle of a run, see that what it was told is on disk, and go on."""
    tally.runs += 1
    process = start_run(machine, folder, launches)
    time.sleep(after)
    over = process.poll() is not None
    process.send_signal(signal.SIGKILL)
    tally.drivers_killed += not over
    finish(process)
    if not (folder / "out.jsonl").exists() or not (folder / "out.jsonl").read_bytes().count(b"\n"):
        return  # it was killed before it began
    try:
        fleet = read_fleet(folder / "out.jsonl")
    except UnreadableError as error:
        tally.finished_measurements_lost += 1
        tally.examples.append(str(error))
        return
    go_on(machine, folder, launches, tally, fleet)


def go_on(machine: Machine, folder: Path, launches: int, tally: Tally, before: Fleet) -> None:
    """Measure what is missing, and count what was lost on the way and what is left behind."""
    said = finish(start_run(machine, folder, launches, "--resume"))
    fleet = read_fleet(folder / "out.json")
    kept = list_finished(before)
    tally.finished += len(kept)
    tally.finished_measurements_lost += len(kept - list_finished(fleet))
    if missing := [one.node.name for one in fleet.nodes if not one.whole]:
        tally.not_whole_when_resumed += 1
        tally.examples.append(f"{', '.join(missing)} not whole: {said[-300:]}")
    time.sleep(2)
    left = [
        process
        for process in psutil.process_iter(["cmdline"])
        if "test_steps" in " ".join(process.info["cmdline"] or ())
    ]
    tally.processes_left += len(left)
    tally.locks_left += is_host_held()


def list_finished(fleet: Fleet) -> set[tuple[str, int, Case]]:
    """Return every measurement of a fleet that is finished."""
    return {
        (one.node.name, measurement.launch, measurement.case)
        for one in fleet.nodes
        if one.run is not None
        for measurement in one.run.measurements
    }


def is_host_held() -> bool:
    """Whether somebody holds this host although nothing is measured."""
    import fcntl

    path = Path(tempfile.gettempdir()) / "accelbench.host.lock"
    if not path.exists():
        return False
    with path.open("r+b") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


def wait_until_begun(journal: Path, name: str, process: subprocess.Popen[str]) -> None:
    """Wait until a node has told a line of its run."""
    deadline = time.monotonic() + 60 * MINUTES
    while time.monotonic() < deadline and process.poll() is None:
        lines = journal.read_text().splitlines() if journal.exists() else []
        if any('"event": "line"' in line and f'"node": "{name}"' in line for line in lines):
            return
        time.sleep(0.2)


if __name__ == "__main__":
    end_with(main)
