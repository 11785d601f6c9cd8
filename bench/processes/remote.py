"""Other machines: run this command on that node, bring back its journal line by line.

An engine knows nodes and starts a task on one of them; `bench/processes/node.py` is what runs there. To add an engine
takes one file with one class, and its entry in `engines.ENGINES`.
"""

from __future__ import annotations

import base64
import io
import tarfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from bench.processes import node
from bench.record.fleet import Node

PROGRAM = Path(node.__file__)
"""What runs on a node."""

MOST_NODES = 1000
"""More is a slip of the hand."""


class EngineError(Exception):
    """There is no cluster, or no node of it fits; the message says what to do, in one line."""


class NodeLostError(Exception):
    """A node, or what ran there, is gone; the message says how, in one line."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """What a node is to do.

    Attributes:
        tree: the checkout, as a tar archive.
        command: its words; ``{python}`` stands for the node's interpreter, ``{json}`` and ``{reports}`` for places.
        folder: below the checkout, in which it is executed.
        earlier: the journal of an earlier part, which the command goes on with; empty for none.
    """

    tree: bytes
    command: Sequence[str]
    folder: str = ""
    earlier: bytes = b""

    def pack(self, injected: Sequence[str]) -> dict[str, Any]:
        """Return the task as JSON can hold it, for an engine that injects these variables."""
        return {
            "tree": base64.b64encode(self.tree).decode(),
            "command": list(self.command),
            "folder": self.folder,
            "earlier": base64.b64encode(self.earlier).decode(),
            "injected": list(injected),
        }


class Running(Protocol):
    """A task on a node."""

    def ask(self) -> str | None:
        """Return its next message, and wait for it; None when it has ended.

        Raises:
            NodeLostError: if the node, or what ran there, is gone.
        """

    def stop(self) -> None:
        """End it, from any thread; it may have ended already."""


class Engine(Protocol):
    """Where nodes are."""

    def list_nodes(self) -> Sequence[Node]:
        """Return the nodes that fit, at least one.

        Raises:
            EngineError: if there is none.
        """

    def start(self, place: Node, task: Task) -> Running:
        """Start a task on a node.

        Raises:
            NodeLostError: if it cannot be started.
        """

    def close(self) -> None:
        """Let go of everything."""


def pack_tree(folder: Path) -> bytes:
    """Return a folder as a tar archive; a link stays one."""
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w:gz", compresslevel=1) as packed:
        packed.add(folder, arcname=".")
    return content.getvalue()
