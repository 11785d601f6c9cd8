"""Every command of README.md is carried out in a short form, or parsed where it needs what is not here.

They run one after the other in a copy of the checkout, exactly as they stand there, with what makes them short added
at the end, so that each finds the files that the one before it wrote.
"""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
import tomllib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from bench.files.project_settings import read_project_settings
from bench.gate.tolerance import read_tolerance
from bench.host.folders import ROOT
from bench.record.conditions import Environment
from bench.record.run import Run
from tests.field.runs import copy_of_checkout
from tests.makers.contenders import on_card, on_cpu, run_on, stored
from tests.makers.gates import made_gate, stored_gate

README = (ROOT / "README.md").read_text(encoding="utf-8")
FENCED = re.compile(r"^```sh\n(.*?)^```$", re.DOTALL | re.MULTILINE)
INLINE = re.compile(r"`((?:python -m |pip install |pytest bench|reports\.load\()[^`]*)`")
"""Spans that begin so are commands; other spans are names, options and files."""

TOML = re.findall(r"^```toml\n(.*?)^```$", README, re.DOTALL | re.MULTILINE)
SETTINGS_OF_A_PROJECT, SETTINGS_OF_A_GATE = TOML
"""What a reader pastes into a pyproject.toml, in the order of the page."""

SMALLEST = ("--batch", "1", "--step", "forward", "--dtype", "float32", "--compile", "off", "--data", "random")
"""This leaves one case of the matrix."""


def on_both() -> Run:
    """Return a run on a card and on a processor."""
    card, processor = run_on("cuda", on_card), run_on("cpu", on_cpu)
    return replace(
        card,
        environment=Environment(facts={**card.environment.facts, **processor.environment.facts}),
        cases=(*processor.cases, *card.cases),
        measurements=(*processor.measurements, *card.measurements),
        ceilings=(*processor.ceilings, *card.ceilings),
    )


Maker = Callable[[Path], object]

NETWORK = """import torch
from torch import nn

def example_inputs(batch):
    return torch.randn(batch, 3, 32, 32)

def loss(output, images):
    return output.logsumexp(1).mean()

def make():
    return nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(4 * 30 * 30, 10))
"""


def repository_with_a_network(path: Path) -> None:
    """Make a reader's own repository around a network, with a branch main and a change since."""
    path.parent.mkdir(exist_ok=True)
    path.write_text(NETWORK, encoding="utf-8")
    (path.parent / "pyproject.toml").write_text(SETTINGS_OF_A_PROJECT, encoding="utf-8")
    commit_all(path.parent)
    path.write_text(NETWORK + "\n# changed\n", encoding="utf-8")


def commit_all(tree: Path) -> None:
    """Commit everything in a folder, on a branch named main."""
    author = ("-c", "user.name=n", "-c", "user.email=e")
    for command in (("init", "-q", "-b", "main"), ("add", "."), ("commit", "-q", "-m", "all")):
        subprocess.run(["git", *author, *command], cwd=tree, check=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class Executed:
    """A command that is carried out.

    Attributes:
        adds: arguments that make it short.
        given: files that a longer or another machine's command would have written, and what makes them.
        codes: how it may end, by the table of exit codes.
        shows: a regular expression that its output has.
        writes: files that are there afterwards.
    """

    adds: Sequence[str] = ()
    given: Mapping[str, Maker] = field(default_factory=dict)
    codes: Sequence[int] = (0,)
    shows: str
    writes: Sequence[str] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Parsed:
    """A command that is read by its program and not carried out.

    Attributes:
        adds: the argument that has it read only.
        shows: a regular expression that the program's output has.
        why: what it needs that is not here.
    """

    adds: Sequence[str]
    shows: str
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Elsewhere:
    """A command that changes the environment it runs in; `where` says who carries it out."""

    where: str


CLEAN_CLONE = Elsewhere(where="the first steps of .ci/run, in a clean clone")

ROWS: Mapping[str, Executed | Parsed | Elsewhere] = {
    "python3 -m venv .venv": CLEAN_CLONE,
    "pip install .": CLEAN_CLONE,
    "pip install '.[test]'": CLEAN_CLONE,
    "pip install '.[vulkan]'": Elsewhere(where=".ci/run, before the tests of a real accelerator"),
    "pip install -r reports/requirements.txt": Elsewhere(where="tests/reports/test_main.py, which blocks all else"),
    "pip install torch torchvision --index-url ADDRESS": Elsewhere(where="a machine that reaches that address"),
    "pip install '.[nvidia]'": Elsewhere(where="a machine with such a card"),
    "pytest": Elsewhere(where="it is what runs this test"),
    "pytest bench --benchmark-json out.json": Executed(
        adds=(*SMALLEST, "--launches", "1", "--benchmark-max-time", "0.02"),
        shows=r"mlp-forward-b1-cpu-float32-eager(?s:.*)1 passed",
        writes=(
            *("out.json", "out.jsonl", "reports/out/out/summary.csv", "reports/out/out/throughput.png"),
            "reports/out/out/report.html",
        ),
    ),
    "pytest bench --batch 1,1024 --operators --benchmark-json why.json": Executed(
        adds=(*SMALLEST, "--launches", "1", "--benchmark-max-time", "0.02"),
        shows=r"Bound by (?s:.*)\(in no operator\)",
        writes=("why.json", "reports/out/why/operators.csv"),
    ),
    "python -m reports table why.json --table operators": Executed(shows=r"aten::addmm +3"),
    "python -m reports page out.json": Executed(
        shows=r"reports/out/out/report\.html$", writes=("reports/out/out/report.html",)
    ),
    "python -m reports export --to github-action-benchmark out.json": Executed(shows=r'"unit": "s/iteration"'),
    "python -m reports table out.json --table summary": Executed(shows=r"forward +1 +cpu +float32"),
    "python -m reports plot out.jsonl --out pictures": Executed(
        shows=r"pictures/throughput\.svg", writes=("pictures/throughput.svg", "pictures/throughput.png")
    ),
    'reports.load("out.json")': Executed(shows=r"mlp +forward +1 +cpu +float32 +off +contiguous +<NA> +1 +measured"),
    "python -m models": Executed(shows=r"669,706"),
    "pytest bench --model=../mine/net.py:make --benchmark-json mine.json": Executed(
        adds=(*SMALLEST, "--quick"),
        given={"../mine/net.py": repository_with_a_network},
        shows=r"make-forward-b1-cpu-float32-eager(?s:.*)1 passed",
        writes=("mine.json",),
    ),
    "pytest bench --project=../mine --model=net.py:make --against=main": Executed(
        adds=(*SMALLEST, "--launches", "8", "--budget", "1m"), codes=(0, 6), shows=r"control: base again"
    ),
    "pytest bench --project=../mine --against=origin/main": Parsed(
        adds=("--collect-only", "-q"), shows=r"make-forward-b64-cpu-float32-eager", why="a remote"
    ),
    "pytest bench --device cuda --benchmark-json h100.json": Parsed(
        adds=("--collect-only", "-q"), shows=r"mlp-forward-b1-cuda-float16-eager", why="an NVIDIA card"
    ),
    "pytest bench --device cpu --benchmark-json xeon.json": Executed(
        adds=(*SMALLEST, "--quick"), shows=r"1 passed", writes=("xeon.json", "xeon.jsonl")
    ),
    "python -m reports compare h100.json xeon.json --reference xeon --price h100=2.50 --out page": Executed(
        given={
            "h100.json": lambda path: stored(run_on("cuda", on_card), path),
            "xeon.json": lambda path: stored(run_on("cpu", on_cpu), path),
        },
        shows=r"page/compare\.md",
        writes=("page/compare.md",),
    ),
    "pytest bench --device cpu,vulkan --batch 1,64,1024 --dtype float32 --benchmark-json out.json": Executed(
        adds=(*SMALLEST, "--quick"), shows=r"mlp-forward-b1-vulkan-float32-eager|vulkan is not usable here|1 skipped"
    ),
    "python -m reports compare out.json": Executed(
        given={"out.json": lambda path: stored(on_both(), path)}, shows=r"float32 +cuda +overtakes"
    ),
    "pytest bench --against main --benchmark-json gate.json": Executed(
        adds=(*SMALLEST, "--launches", "8", "--budget", "2m"),
        codes=(0, 6),
        shows=r"control: base again",
        writes=("gate.json", "gate.jsonl"),
    ),
    "pytest bench --plan --against main --benchmark-json gate.json": Executed(
        adds=SMALLEST, shows=r"1 of 1 case, blocks: at most 60 and 5m00s"
    ),
    "pytest bench --against main --detect 2% --benchmark-json gate.json": Parsed(
        adds=("--collect-only", "-q"), shows=r"mlp-forward-b64-cpu-float32-eager", why="half an hour"
    ),
    "pytest bench --nodes ray --device auto --benchmark-json fleet.json": Elsewhere(
        where="tests/bench/plugin/test_fleet.py, which has nodes on this machine"
    ),
    "pytest bench --nodes ray --against main": Elsewhere(
        where="tests/bench/plugin/test_fleet.py, which has nodes on this machine"
    ),
    "python -m reports gate fleet.json": Parsed(
        adds=("--help",), shows="FILE", why="gates of several machines, as tests/bench/plugin/test_fleet.py has them"
    ),
    "pytest bench --step forward,train --batch 64,1024 --ranks 1,ddp:1,ddp:2 --benchmark-json ranks.json": Executed(
        adds=(
            *("--batch", "2", "--step", "train", "--dtype", "float32", "--compile", "off", "--data", "random"),
            *("--launches", "1", "--benchmark-max-time", "0.02"),
        ),
        shows=r"mlp-train-b2-cpu-float32-eager-ddp2",
        writes=("ranks.json", "reports/out/ranks/ranks.csv"),
    ),
    "python -m reports compare fleet.json": Parsed(
        adds=("--help",), shows="FILE", why="a file of several machines, as tests/bench/plugin/test_fleet.py has it"
    ),
    "pip install '.[ray]'": Elsewhere(where="a machine that belongs to a cluster"),
    "pip install '.[slurm]'": Elsewhere(where="a machine that belongs to a cluster"),
    "pip install '.[history]'": Elsewhere(where="the first steps of .ci/run, of which it is a part"),
    "python -m reports history add out.json gate.json": Executed(
        given={
            "out.json": lambda path: stored(run_on("cpu", on_cpu), path),
            "gate.json": lambda path: stored_gate(path.parent, made_gate()),
        },
        shows=r"reports/history\.parquet: 2 added",
    ),
    "python -m reports history show": Executed(shows=r"2 results, from"),
    "python -m reports history page": Executed(
        shows=r"reports/out/history\.html", writes=("reports/out/history.html",)
    ),
    "python -m reports gate gate.json": Executed(codes=(0, 4), shows=r"control: slowed on purpose"),
    "python -m reports gate base.json head.json": Executed(
        given={
            "base.json": lambda path: stored(run_on("cpu", on_cpu), path),
            "head.json": lambda path: stored(run_on("cpu", on_cpu), path),
        },
        shows="INCONCLUSIVE · 0 regressed",
    ),
    "pytest bench --resume --benchmark-json out.json": Parsed(
        adds=("--collect-only", "-q"), shows=r"\d+ tests? collected", why="a run that was cut off"
    ),
    "python -m reports table out.jsonl": Executed(shows="forward"),
    "python -m reports table out.json --table speedup --reference dtype=bfloat16": Parsed(
        adds=("--help",), shows="--reference", why="a run of two dtypes, as tests/reports/test_main.py has it"
    ),
    "python -m reports table out.json --table roofline": Executed(shows="intensity|No case|Nothing was timed"),
    "pytest bench": Parsed(adds=("--collect-only", "-q"), shows=r"\d+ tests collected", why="four minutes"),
    "python -m reports": Parsed(adds=("--help",), shows="usage: python -m reports", why="it is a name only"),
    "python -m tests.field.gallery": Parsed(adds=("--help",), shows=r"--gate GATE", why="results of an hour"),
    "python -m tests.field.attack": Parsed(adds=("--help",), shows=r"--short", why="half an hour"),
    "python -m tests.field.calibrate tape": Parsed(adds=("--help",), shows=r"\{tape,", why="an hour"),
    "python -m tests.field.calibrate aa": Parsed(adds=("--help",), shows=r"--matrix", why="hours"),
    "python -m tests.field.rival_jobs": Parsed(adds=("--help",), shows=r"--old REF", why="three hours"),
    "python -m tests.field.calibrate table": Parsed(adds=("--help",), shows=r",table\}", why="a tape of an hour"),
}


def commands_of(text: str) -> list[str]:
    """Return every command of a page in its order, each once, without comments and the folder `.venv/bin/`."""
    pieces: list[tuple[int, str]] = []
    for block in FENCED.finditer(text):
        for line in block[1].splitlines():
            whole = line.partition(" #")[0]
            pieces += [(block.start(), command) for command in whole.split("&&")]
    pieces += [(span.start(), span[1]) for span in INLINE.finditer(FENCED.sub(_blank, text))]
    ordered = (command.strip().removeprefix(".venv/bin/") for _, command in sorted(pieces, key=lambda piece: piece[0]))
    return list(dict.fromkeys(filter(None, ordered)))


def _blank(block: re.Match[str]) -> str:
    return " " * len(block[0])


def test_commands_are_found_in_blocks_and_in_sentences() -> None:
    """A command that nobody finds is a command that nobody tries."""
    text = """Give `python -m models`, not `models`.

```sh
python3 -m venv .venv && .venv/bin/pytest bench   # a comment
.venv/bin/python -m reports table out.json
```

```text
python -m nothing
```

Then `pip install '.[test]'` and, again, `python -m models`; `--plan` is an option."""
    assert commands_of(text) == [
        "python -m models",
        "python3 -m venv .venv",
        "pytest bench",
        "python -m reports table out.json",
        "pip install '.[test]'",
    ]


def test_every_command_has_its_row_and_every_row_its_command() -> None:
    """Whoever writes a command into the page decides here how it is tried, and whoever removes one removes its row."""
    assert set(commands_of(README)) == set(ROWS)


def arguments_of(command: str) -> list[str]:
    """Return a command of the page as this interpreter carries it out."""
    if command.startswith("reports."):
        return [sys.executable, "-c", f"import reports; print({command}.to_string())"]
    program, *arguments = shlex.split(command)
    assert program in {"python", "pytest"}, f"{command}: nobody knows how to carry it out"
    return [sys.executable, *(["-m", "pytest"] if program == "pytest" else []), *arguments]


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a copy of what a reader has checked out, on a branch named main."""
    tree = copy_of_checkout(tmp_path_factory.mktemp("readme") / "accelbench")
    commit_all(tree)
    with (tree / "models" / "mlp.py").open("a", encoding="utf-8") as network:
        network.write("\n# A reader changes something before asking what it costs.\n")
    return tree


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """How a command ended: its exit code, what it printed, and which of the files that it should write were there."""

    code: int
    printed: str
    wrote: Sequence[str]


@pytest.fixture(scope="module")
def ended(checkout: Path) -> Mapping[str, Ended]:
    """Return how each command ended, carried out or parsed in the order of the page."""
    ends = {}
    # Lines that are run in a copy are no lines of the program under test.
    environment = {name: value for name, value in os.environ.items() if not name.startswith("COVERAGE_")}
    for command in commands_of(README):
        row = ROWS.get(command)
        if not isinstance(row, Executed | Parsed):
            continue
        expected = row.writes if isinstance(row, Executed) else ()
        for name in expected:
            (checkout / name).unlink(missing_ok=True)
        for name, make in row.given.items() if isinstance(row, Executed) else ():
            make(checkout / name)
        done = subprocess.run(
            [*arguments_of(command), *row.adds],
            cwd=ROOT if "tests." in command else checkout,
            env={**environment, "PYTEST_ADDOPTS": "", "OMP_NUM_THREADS": "1"},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=300,
            check=False,
        )
        wrote = [name for name in expected if (checkout / name).is_file()]
        ends[command] = Ended(code=done.returncode, printed=done.stdout, wrote=wrote)
    return ends


@pytest.mark.parametrize("command", [command for command, row in ROWS.items() if isinstance(row, Executed)])
def test_command_does_what_the_page_says(command: str, ended: Mapping[str, Ended]) -> None:
    """It ends well, shows what the page says, and leaves the files that the page names."""
    row, end = ROWS[command], ended[command]
    assert isinstance(row, Executed)
    assert end.code in row.codes, end.printed
    assert "Traceback" not in end.printed
    assert re.search(row.shows, end.printed), end.printed
    assert end.wrote == list(row.writes)


@pytest.mark.parametrize("command", [command for command, row in ROWS.items() if isinstance(row, Parsed)])
def test_command_that_needs_what_is_not_here_is_understood(command: str, ended: Mapping[str, Ended]) -> None:
    """Its program knows every option of it."""
    row, end = ROWS[command], ended[command]
    assert isinstance(row, Parsed)
    assert end.code == 0, end.printed
    assert re.search(row.shows, end.printed), end.printed


def test_extras_that_the_page_installs_exist() -> None:
    """An extra that does not exist is a warning of pip and no error."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    named = set(re.findall(r"pip install '\.\[(\w+)\]'", README))
    assert {"nvidia", "test", "vulkan"} <= named <= project["optional-dependencies"].keys()


def test_configuration_of_the_page_is_read(tmp_path: Path) -> None:
    """What a reader pastes into pyproject.toml is understood."""
    path = tmp_path / "pyproject.toml"
    path.write_text(SETTINGS_OF_A_GATE, encoding="utf-8")
    tolerance = read_tolerance(path)
    assert tolerance.floors == {"mlp-forward-b1-*": 0.05}
    assert [accepted.reason for accepted in tolerance.accepted] == ["the new loss is stabler"]


def test_settings_of_a_project_are_read(tmp_path: Path) -> None:
    """They stand in for options, and name files and floors."""
    path = tmp_path / "pyproject.toml"
    path.write_text(SETTINGS_OF_A_PROJECT, encoding="utf-8")
    settings = read_project_settings(path)
    assert settings.options == {
        "model": "net.py:make",
        "batch": "1,64",
        "dtype": "float32",
        "step": "forward,train",
    }
    assert settings.include == ("mine/_version.py",)
    assert settings.floors == {"make-forward-b1-*": 0.05}
