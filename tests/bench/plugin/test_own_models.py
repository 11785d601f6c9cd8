"""What is wrong with a network of the user's own is one line and an outcome of its case, and no other case's concern.

All of them go through one ``pytest bench``, side by side in one command line, since a session takes seconds.
"""

from __future__ import annotations

import os
import re
import resource
import subprocess
import sys
from dataclasses import dataclass

import psutil
import pytest

from bench.files.run import read_run
from bench.host.folders import ROOT
from bench.record.run import Outcome, Run

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="only Linux limits what a process may allocate")

MARK = "ACCELBENCH_OWN_MODELS"
"""Environment variable by which the processes of the run are recognised, whoever their parent is by then."""

MEMORY_BYTES = 3 << 30
"""So much fits a process that imports torch, and too little is left for what allocates without end."""

HEAD = "import os, sys, time\nimport torch\nfrom torch import nn\n"
NET = """
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(4, 2)
    def forward(self, x):
        {forward}
        return self.linear(x)

def {name}():
    {factory}
    return Net()

def example_inputs(batch):
    return {inputs}
"""
LINE = 10
"""The line of such a file, `HEAD` included, on which what is wrong with a forward stands."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bad:
    """A file and what must come of it.

    Attributes:
        source: its text.
        outcome: of its case.
        reason: pattern of the whole reason; None where it is measured.
        protocol: whether it is a file of KernelBench's protocol; otherwise its factory has the file's name.
    """

    source: str
    outcome: Outcome = Outcome.FAILED
    reason: str | None
    protocol: bool = False


def net(name: str, *, forward: str = "pass", factory: str = "pass", inputs: str = "torch.randn(batch, 4)") -> str:
    """Return a file that holds a network, which is sound where nothing is said."""
    return HEAD + NET.format(name=name, forward=forward, factory=factory, inputs=inputs)


def protocol(*, model: str = "nn.Linear", inputs: str = "[torch.rand(6, 4)]", initial: str = "[4, 2]") -> str:
    """Return a file of KernelBench's protocol, which is sound where nothing is said."""
    return (
        f"{HEAD}Model = {model}\ndef get_inputs():\n    return {inputs}\ndef get_init_inputs():\n    return {initial}\n"
    )


BAD = {
    "syntax": Bad(source="def syntax(:\n    pass\n", reason=r"SyntaxError: invalid syntax \(syntax\.py, line 1\)"),
    "missing": Bad(
        source=f"{HEAD}import not_there\n",
        reason=r"ModuleNotFoundError: No module named 'not_there' \(missing\.py:4\)",
    ),
    "arguments": Bad(
        source=f"{HEAD}def arguments(width):\n    return nn.Linear(width, 2)\n",
        reason=r"ImportedError: \S+arguments\.py:arguments wants arguments \(missing a required argument: 'width'\): "
        r"name a callable without any",
    ),
    "no_module": Bad(
        source=net("no_module", factory="return 3"),
        reason=r"ImportedError: \S+no_module returned int, which is no torch\.nn\.Module",
    ),
    "wrong_batch": Bad(
        source=net("wrong_batch", inputs="torch.randn(7, 4)"),
        reason=r"ImportedError: \S+wrong_batch: example_inputs\(1\) returned \(7, 4\); none has 1 in front",
    ),
    "no_scalar": Bad(
        source=net("no_scalar") + "def loss(output, x):\n    return output\n",
        reason=r"ImportedError: \S+no_scalar: loss\(output, \*inputs\) returned a tensor of shape \(1, 2\); it must "
        r"be a scalar tensor",
    ),
    "prints": Bad(
        source=net("prints", forward="print('line', 'of', 'its', 'own')", factory="sys.stderr.write('half a line')"),
        outcome=Outcome.MEASURED,
        reason=None,
    ),
    "exits": Bad(
        source=net("exits", forward="sys.exit('enough')"), reason=r"the model's code called sys\.exit\('enough'\)"
    ),
    "exits_on_import": Bad(source="raise SystemExit(0)\n", reason=r"the model's code called sys\.exit\(0\)"),
    "vanishes": Bad(
        source=net("vanishes", forward="os._exit(3)"),
        outcome=Outcome.CRASHED,
        reason=r"prepare: the worker's process ended with exit code 3",
    ),
    "forks": Bad(
        source=net(
            "forks", forward="Net.forked = getattr(Net, 'forked', None) or (setattr(Net, 'forked', 1), os.fork())"
        ),
        outcome=Outcome.MEASURED,
        reason=None,
    ),
    "leaves_a_child": Bad(
        source=net("leaves_a_child", factory="os.fork() or time.sleep(3600)"), outcome=Outcome.MEASURED, reason=None
    ),
    "allocates": Bad(
        source=net("allocates", forward="kept = [torch.ones(1 << 24) for _ in iter(int, 1)]"),
        outcome=Outcome.OUT_OF_MEMORY,
        reason=rf"RuntimeError: .*can't allocate memory.* \(allocates\.py:{LINE}\)",
    ),
    "slow": Bad(
        source=net("slow", factory="time.sleep(3600)"),
        outcome=Outcome.TIMEOUT,
        reason=r"prepare: no answer within 10 s",
    ),
    "no_protocol": Bad(
        source=HEAD,
        reason=r"ImportedError: \S+no_protocol\.py has no Model: name its factory \(\S+no_protocol\.py:factory\), or "
        r"define Model, get_inputs, get_init_inputs as KernelBench does",
        protocol=True,
    ),
    "hangs": Bad(
        source=protocol(inputs="time.sleep(3600)"),
        outcome=Outcome.TIMEOUT,
        reason=r"prepare: no answer within 10 s",
        protocol=True,
    ),
    "leaves_a_child_at_once": Bad(
        source=protocol(inputs="(os.fork() or time.sleep(3600)) and [torch.rand(6, 4)]"),
        outcome=Outcome.MEASURED,
        reason=None,
        protocol=True,
    ),
    "sound": Bad(source=protocol(), outcome=Outcome.MEASURED, reason=None, protocol=True),
}
"""By the name of the file."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """A session that is over.

    Attributes:
        run: what it recorded.
        code: its exit code.
        said: what it printed.
        left: processes of it that were still there.
    """

    run: Run
    code: int
    said: str
    left: list[psutil.Process]


@pytest.fixture(scope="module")
def ended(tmp_path_factory: pytest.TempPathFactory) -> Ended:
    """Every file in one session, whose processes are limited as a small container would limit them."""
    folder = tmp_path_factory.mktemp("own")
    for name, bad in BAD.items():
        (folder / f"{name}.py").write_text(bad.source)
    specs = [f"{folder / name}.py" + ("" if bad.protocol else f":{name}") for name, bad in BAD.items()]
    result = folder / "own.json"
    done = subprocess.run(
        [
            *(sys.executable, "-m", "pytest", "bench", "--quick", "-p", "no:cacheprovider", "--model", ",".join(specs)),
            *("--device", "cpu", "--dtype", "float32", "--batch", "1", "--step", "forward", "--compile", "off"),
            *("--case-timeout", "10s", "--benchmark-json", str(result), "--reports", str(folder)),
        ],
        cwd=ROOT,
        env={**os.environ, "PYTEST_ADDOPTS": "", MARK: str(folder), "OMP_NUM_THREADS": "1"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=500,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_DATA, (MEMORY_BYTES, MEMORY_BYTES)),
    )
    left = [process for process in psutil.process_iter() if belongs(process, str(folder))]
    return Ended(run=read_run(result), code=done.returncode, said=done.stdout + done.stderr, left=left)


def belongs(process: psutil.Process, mark: str) -> bool:
    """Whether a process was started by a session."""
    try:
        return process.environ().get(MARK) == mark and process.status() != psutil.STATUS_ZOMBIE
    except psutil.Error:
        return False


@pytest.mark.parametrize("name", BAD)
def test_bad_file_is_one_line_and_an_outcome(name: str, ended: Ended) -> None:
    """The line says what, where and what to do; nobody has to read a traceback of ours."""
    (found,) = [ending for case, ending in ended.run.outcomes().items() if case.model == name]
    outcome, reason = found
    assert outcome is BAD[name].outcome, reason
    expected = BAD[name].reason
    assert (reason is None) if expected is None else re.fullmatch(expected, str(reason)), reason


def test_session_with_bad_files_ends_in_order(ended: Ended) -> None:
    """Exit code 1, as of any failed test; no traceback, and no process that a file left behind."""
    assert ended.code == 1
    assert "Traceback" not in ended.said
    assert "INTERNALERROR" not in ended.said
    assert ended.left == []
