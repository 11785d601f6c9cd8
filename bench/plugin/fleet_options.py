"""The options of a fleet: which engine, which of its nodes, and what is refused together with them."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from bench.processes.engines import WAYS
from bench.processes.remote import MOST_NODES
from bench.request import FleetQuestion, GateQuestion, RunQuestion


def add_fleet_options(parser: pytest.Parser) -> None:
    """Register the options of a fleet."""
    fleet = parser.getgroup("accelbench-fleet", "accelbench: several machines at once")
    fleet.addoption(
        "--nodes",
        metavar="ENGINE",
        default=None,
        help=f"measure on every node that {', '.join(WAYS)} reaches, side by side; with --against each "
        "compares by itself",
    )
    fleet.addoption(
        "--node-labels",
        metavar="NAME=VALUE,...",
        default=None,
        help="only on nodes with these labels",
    )
    fleet.addoption(
        "--node-count",
        metavar="N",
        default="1",
        help="how many nodes to ask an engine for that gives as many as it is asked for (default: %(default)s)",
    )


def read_fleet_question(config: pytest.Config, asked: RunQuestion | GateQuestion) -> FleetQuestion | None:
    """Return what is asked of several machines; None if nothing is.

    Raises:
        pytest.UsageError: if something is malformed or refused.
    """
    engine, labels, count = (config.getoption(name) for name in ("nodes", "node_labels", "node_count"))
    if engine is None:
        if labels is not None:
            raise pytest.UsageError("--node-labels goes with --nodes, which names the engine")
        return None
    if not engine.strip():
        raise pytest.UsageError(f"--nodes is empty; name an engine: {', '.join(WAYS)}")
    if asked.traces is not None:
        raise pytest.UsageError("--trace-dir with --nodes: traces stay on their nodes; leave it out")
    if config.getoption("plan"):
        raise pytest.UsageError("--plan with --nodes: what can be measured is found out on each node; leave one out")
    if isinstance(asked, GateQuestion) and (asked.add_blocks or asked.gates > 1):
        option = "--add-blocks" if asked.add_blocks else "--one-of"
        raise pytest.UsageError(f"{option} with --nodes: a fleet begins a gate on each of its nodes; leave it out")
    if not count.isdigit() or not 1 <= int(count) <= MOST_NODES:
        raise pytest.UsageError(f"--node-count: {count!r} is not a whole number of at least 1 and at most {MOST_NODES}")
    return FleetQuestion(engine=engine, labels=_read_labels(labels), count=int(count), asked=asked)


def _read_labels(text: str | None) -> Mapping[str, str]:
    labels = {}
    for entry in (text or "").split(","):
        name, equals, value = entry.strip().partition("=")
        if not entry.strip():
            continue
        if not equals or not name:
            raise pytest.UsageError(f"--node-labels: {entry.strip()!r} is not NAME=VALUE")
        labels[name] = value
    return labels
