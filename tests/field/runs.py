"""Starting the suite as a user would, and seeing which of its processes live: shared by the field programs."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from time import monotonic, sleep

import psutil

ROOT = Path(__file__).resolve().parents[2]

MARK = "ACCELBENCH_FIELD"
"""Environment variable by which every process of one run is recognised, whoever its parent is by then."""

SMALL = (
    *("bench", "-q", "--device", "cpu", "--batch", "1,2", "--step", "forward", "--compile", "off"),
    *("--data", "random", "--benchmark-max-time", "0.05"),
)
"""Two groups of two variants: everything that a run can do, in seconds."""

CASES = ("--device", "cpu", "--batch", "1,64,1024", "--dtype", "float32,bfloat16")
"""The twelve eager cases that a gate is measured on: forward and backward."""


@dataclass(slots=True)
class Started:
    """A run in a process group of its own.

    Attributes:
        process: pytest.
        mark: what its processes carry in their environment.
        log: what it printed.
    """

    process: subprocess.Popen[bytes]
    mark: str
    log: Path

    def wait(self, seconds: float = 300.0) -> int:
        """Return its exit code."""
        return self.process.wait(seconds)

    def kill_group(self) -> None:
        """Kill the whole process group with SIGKILL."""
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()

    def living(self) -> list[psutil.Process]:
        """Return every living process of the run, pytest itself included."""
        found = []
        for process in psutil.process_iter():
            try:
                if process.environ().get(MARK) == self.mark and process.status() != psutil.STATUS_ZOMBIE:
                    found.append(process)
            except (psutil.NoSuchProcess, psutil.AccessDenied):
                continue
        return found

    def workers(self) -> list[psutil.Process]:
        """Return the processes that prepare and time cases: children of the launcher."""
        found = []
        for process in psutil.Process(self.process.pid).children():
            found += process.children()
        return found

    def left_over(self, seconds: float = 5.0) -> list[psutil.Process]:
        """Return the processes that still live so long after the run ended."""
        deadline = monotonic() + seconds
        while (left := self.living()) and monotonic() < deadline:
            sleep(0.05)
        return left


def start(
    arguments: Sequence[str],
    log: Path,
    *,
    root: Path = ROOT,
    cwd: Path | None = None,
    environment: Mapping[str, str] | None = None,
) -> Started:
    """Start ``pytest`` with `arguments` in the checkout `root`, and with more variables in its environment."""
    mark = uuid.uuid4().hex
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "pytest", "--rootdir", str(root), *arguments],
            cwd=cwd or root,
            env={**os.environ, **(environment or {}), MARK: mark},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    return Started(process, mark, log)


def gate(path: Path, *arguments: str, root: Path = ROOT) -> int:
    """Carry out one gate of a checkout's `CASES`, of itself with itself unless arms are given, unless it is there.

    Args:
        path: of its JSON; what it prints is beside it.
        arguments: further ones of pytest.
        root: the checkout, whose bench compares.

    Returns:
        Pytest's exit code.
    """
    if path.exists():
        return 0
    command = [sys.executable, "-m", "pytest", "bench", "-q", *CASES, *arguments]
    if not any("base=" in argument for argument in arguments):
        command += ["--against", str(root)]
    with path.with_suffix(".log").open("wb") as log:
        done = subprocess.run(
            [*command, "--benchmark-json", str(path)], cwd=root, stdout=log, stderr=subprocess.STDOUT, check=False
        )
    return done.returncode


FLATTEN = "        x = self.flatten(x)"
"""The first line of the network's forward begins so; changes are made before it."""


def changed_checkout(target: Path, body: str) -> Path:
    """Return a copy of the checkout in which other lines, with torch and perf_counter at hand, stand for `FLATTEN`."""
    tree = copy_of_checkout(target)
    source = tree / "models" / "mlp.py"
    text, future = source.read_text(), "from __future__ import annotations\n"
    assert (text.count(FLATTEN), text.count(future)) == (1, 1)
    imports = f"{future}\nfrom time import perf_counter\n\nimport torch\n"
    source.write_text(text.replace(FLATTEN, body).replace(future, imports))
    return tree


def copy_of_checkout(target: Path) -> Path:
    """Return a copy of what a run needs, so that it can be changed."""
    for folder in ("models", "bench", "reports"):
        shutil.copytree(ROOT / folder, target / folder, ignore=shutil.ignore_patterns("out", "__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", target)
    return target
