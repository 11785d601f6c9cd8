"""The folders are the architecture: what a file may import follows from where it lies, and from nothing else.

Every import counts: at the beginning of a file, inside a function, and for the type checker alone.
"""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PROGRAM = ("models", "bench", "reports")

RECORDS = ("bench.record", "bench.files")
SHOWN = ("reports.show", "reports.figures", "reports.stats", *RECORDS)
MEASURING = ("bench.request", "bench.session", "bench.protocol", "bench.processes", "bench.host", *RECORDS)

ARROWS: Mapping[str, Sequence[str]] = {
    "models": (),
    "bench": (),
    "bench.record": (),
    "bench.files": ("bench.record",),
    "bench.protocol": ("bench.record",),
    "bench.host": ("bench.record",),
    "bench.devices": ("bench.host", "bench.record"),
    "bench.steps": ("bench.devices", "bench.record", "bench.files.whole", "models"),
    "bench.worker": ("bench.steps", "bench.devices", "bench.host", "bench.record", "bench.protocol", "models"),
    "bench.processes": ("bench.protocol", "bench.record", "bench.files", "bench.host"),
    "bench.request": ("bench.record",),
    "bench.session": ("bench.request", "bench.protocol", "bench.processes", "bench.host", *RECORDS, "models.dataset"),
    "bench.run": MEASURING,
    "bench.gate": MEASURING,
    "bench.plugin": ("bench.run", "bench.gate", *MEASURING, "models", "reports"),
    "bench.conftest": ("bench.plugin", "bench.request", "bench.record"),
    "bench.test_steps": ("bench.plugin",),
    "reports": ("reports.show.notebook",),
    "reports.stats": ("bench.record.looks",),
    "reports.figures": ("reports.stats", "reports.show.units", "reports.show.escape", "bench.record"),
    "reports.show": ("bench.files.whole",),
    "reports.run": SHOWN,
    "reports.gate": SHOWN,
    "reports.compare": SHOWN,
    "reports.export": SHOWN,
    "reports.history": SHOWN,
    "reports.__main__": ("reports", *RECORDS),
}
"""Folder, or a file that is a floor of its own -> what it may import of ours beside itself."""

ROOMS: Mapping[str, Sequence[str]] = {
    "torch": ("models", "bench.devices", "bench.steps", "bench.worker"),
    "torchvision": ("models", "bench.steps"),
    "torchvulkan": ("bench.devices",),
    "pytest": ("bench.plugin", "bench.conftest", "bench.test_steps"),
    "psutil": ("bench.host",),
    "numpy": ("reports.stats", "reports.show", "reports.run", "reports.gate", "reports.compare", "reports.history"),
    "pandas": (
        *("reports.figures", "reports.show", "reports.run", "reports.gate", "reports.compare", "reports.history"),
        "reports",
    ),
    "pyarrow": ("reports.history",),
    "fsspec": ("reports.history",),
    "ruptures": ("reports.history",),
    "matplotlib": ("reports.show", "reports.run", "reports.gate", "reports.compare"),
    "tabulate": ("reports.show",),
    "jinja2": ("reports.show",),
    "msgspec": ("bench.files",),
    "ray": ("bench.processes",),
    "submitit": ("bench.processes",),
    "markupsafe": ("reports.show",),
}
"""Library -> the folders that may import it; a library without a room may be imported nowhere."""

DOORS = {
    ("bench.processes.launcher", "bench.worker"): "a fork of the launcher becomes the worker",
    ("bench.processes.launcher", "torch"): "the launcher imports what every worker needs, so that a fork is ready",
    ("bench.processes.launcher", "torchvision"): "likewise",
    ("models.__main__", "bench.steps"): "python -m models shows any network, and this is what finds one by its spec",
    ("reports", "reports.figures"): "reports.load is what a notebook calls",
    ("reports", "bench.files"): "likewise",
    ("reports", "reports.show"): "reports.table, reports.picture and reports.answer are what a notebook calls",
    ("reports", "reports.run"): "likewise, of a run",
    ("reports", "reports.gate"): "likewise, of a gate",
}
"""Imports that no arrow allows and that stand inside a function, each with its reason."""

CONTENTFUL = ("models", "reports")
"""Packages whose ``__init__`` holds more than a docstring: ``models.MODELS``, which old commits have there too, and
``reports.load``, which notebooks call."""


def read_program() -> dict[str, str]:
    """Return the source of every module of the program, by its name; a package's is under its own name."""
    paths = [path for folder in PROGRAM for path in sorted((ROOT / folder).rglob("*.py"))]
    return {name_of(path): path.read_text() for path in paths}


def name_of(path: Path) -> str:
    """Return a file's module name."""
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


def floor_of(module: str) -> str:
    """Return the longest name in ARROWS that a module is, or lies in."""
    return max((floor for floor in ARROWS if is_in(module, floor)), key=len)


def is_in(module: str, folder: str) -> bool:
    """Whether a module is a folder's, or is it."""
    return module == folder or module.startswith(f"{folder}.")


def find_imports(source: str, known: Mapping[str, str]) -> Iterator[tuple[str, bool]]:
    """Yield every module that a source imports, and whether it does so inside a function.

    ``from bench.host import clocks`` imports ``bench.host.clocks``, and not only the package.
    """
    for node, late in _nodes(ast.parse(source), late=False):
        match node:
            case ast.Import():
                yield from ((alias.name, late) for alias in node.names)
            case ast.ImportFrom(module=str(module), level=0):
                for alias in node.names:
                    submodule = f"{module}.{alias.name}"
                    yield (submodule if submodule in known else module), late
            case ast.ImportFrom():
                yield "a relative import, which hides where its arrow points", late


def _nodes(tree: ast.AST, *, late: bool) -> Iterator[tuple[ast.AST, bool]]:
    for node in ast.iter_child_nodes(tree):
        yield node, late
        yield from _nodes(node, late=late or isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))


def find_violations(program: Mapping[str, str], modules: Iterable[str] | None = None) -> list[str]:
    """Return a sentence for every import that no arrow, room or door allows, in a whole program or some modules."""
    return [
        f"{module} imports {imported}"
        for module, source in program.items()
        if modules is None or module in modules
        for imported, late in find_imports(source, program)
        if not is_allowed(module, imported, late=late, package=is_package(module, program))
    ]


def is_package(module: str, program: Mapping[str, str]) -> bool:
    """Whether a module is a package's ``__init__``."""
    return any(other.startswith(f"{module}.") for other in program)


def is_allowed(module: str, imported: str, *, late: bool, package: bool) -> bool:
    """Whether a module may import another one."""
    top = imported.partition(".")[0]
    if top in sys.stdlib_module_names:
        return True
    if late and any(module == owner and is_in(imported, target) for owner, target in DOORS):
        return True
    if package and module not in CONTENTFUL:
        return False
    if top in PROGRAM:
        own = floor_of(module)
        within = is_in(imported, own) and floor_of(imported) == own
        return within or any(is_in(imported, target) for target in ARROWS[own])
    return any(is_in(module, room) for room in ROOMS.get(top, ()) if room not in PROGRAM or floor_of(module) == room)


def find_circle(program: Mapping[str, str]) -> list[str]:
    """Return modules that import each other in a circle, at the beginning or late; empty if there are none."""
    arrows = {
        module: {imported for imported, _ in find_imports(source, program) if imported in program} - {module}
        for module, source in program.items()
    }
    try:
        TopologicalSorter(arrows).prepare()
    except CycleError as error:
        return list(error.args[1])
    return []


def test_every_import_follows_an_arrow() -> None:
    """A stranger who knows the folder knows what the file can reach."""
    assert find_violations(read_program()) == []


def test_no_file_imports_itself_in_a_circle() -> None:
    """Data flows one way between files, too."""
    assert find_circle(read_program()) == []


@pytest.mark.parametrize(
    ("module", "line"),
    [
        pytest.param("models.mlp", "from bench.record.case import Case", id="1-models-import-ours"),
        pytest.param("bench.record.case", "from bench.files.decode_fields import decode", id="2-record-imports-files"),
        pytest.param("bench.record.case", "import numpy", id="2-record-imports-a-library"),
        pytest.param("bench.protocol", "from bench.host import facts", id="2-protocol-imports-host"),
        pytest.param("bench.protocol", "import msgspec", id="2-protocol-imports-a-library"),
        pytest.param("bench.files.decode_fields", "from bench.host import facts", id="2-files-import-host"),
        pytest.param("bench.host.facts", "import torch", id="3-torch-in-host"),
        pytest.param("bench.session", "def ask():\n    import torch", id="3-torch-late"),
        pytest.param("bench.processes.local", "def warm():\n    import torch", id="3-torch-beside-the-launcher"),
        pytest.param("bench.run.measure", "from bench.devices import clock", id="4-run-imports-devices"),
        pytest.param("bench.plugin.plan", "from bench.steps import step", id="4-plugin-imports-steps"),
        pytest.param("bench.processes.pool", "def fork():\n    from bench.worker import serve", id="4-second-door"),
        pytest.param("bench.processes.launcher", "from bench.worker import serve", id="4-door-at-the-start"),
        pytest.param("bench.devices.clock", "from bench.steps import step", id="4-devices-import-upwards"),
        pytest.param("bench.run.measure", "import pytest", id="5-pytest-in-run"),
        pytest.param("bench.gate.measure", "if TYPE_CHECKING:\n    import pytest", id="5-pytest-for-types"),
        pytest.param("reports.run.text", "from bench.run import measure", id="6-reports-import-run"),
        pytest.param("reports.figures.frame", "import torch", id="6-torch-in-reports"),
        pytest.param("reports.figures.frame", "from models import MODELS", id="6-models-in-reports"),
        pytest.param("bench.run.measure", "from reports.show import units", id="7-run-imports-reports"),
        pytest.param(
            "bench.conftest", "def show():\n    from reports.show import units", id="7-conftest-imports-reports"
        ),
        pytest.param("bench.run.measure", "from bench.gate import block", id="8-run-imports-gate"),
        pytest.param("bench.gate.measure", "from bench.run import schedule", id="8-gate-imports-run"),
        pytest.param("reports.compare.page", "from reports.gate import answer", id="8-compare-imports-gate"),
        pytest.param("reports.gate.answer_text", "from reports.run import tables", id="8-gate-reports-import-run"),
        pytest.param("reports.stats.verdict", "import pandas", id="9-pandas-in-stats"),
        pytest.param("reports.stats.verdict", "from reports.show import units", id="9-show-in-stats"),
        pytest.param("reports.stats.verdict", "from bench.files import whole", id="9-files-in-stats"),
        pytest.param("bench.record", "from bench.record.case import Case", id="10-package-imports"),
        pytest.param("reports.run", "def load():\n    from reports.run import text", id="10-package-imports-late"),
        pytest.param("bench.host.facts", "import requests", id="a-library-without-a-room"),
        pytest.param("bench.host.facts", "from . import clocks", id="a-relative-import"),
    ],
)
def test_what_must_never_be_is_seen(module: str, line: str) -> None:
    """Each import that must never be, added to the program, makes the test of the arrows fail."""
    program = read_program()
    assert module in program, "the example names a file that is no longer there"
    assert find_violations(program, [module]) == []
    assert len(find_violations({**program, module: f"{program[module]}\n{line}\n"}, [module])) == 1


@pytest.mark.parametrize("line", ["from bench.record.run import Run", "def late():\n    from bench.record import run"])
def test_a_circle_is_seen(line: str) -> None:
    """Whether it is closed at the beginning of a file or inside a function."""
    program = read_program()
    circle = find_circle({**program, "bench.record.case": f"{program['bench.record.case']}\n{line}\n"})
    assert {"bench.record.case", "bench.record.run"} <= set(circle)


@pytest.mark.parametrize(("module", "target"), list(DOORS))
def test_every_door_is_used(module: str, target: str) -> None:
    """A door that nobody goes through any longer is a hole in the wall."""
    program = read_program()
    imported = {name for name, late in find_imports(program[module], program) if late}
    assert any(is_in(name, target) for name in imported)


def test_every_floor_and_room_is_there() -> None:
    """The plan has no room that nobody built, and every library in it is used in each of its rooms or none of them."""
    program = read_program()
    assert [floor for floor in ARROWS if floor not in program] == []
    used = {name.partition(".")[0] for source in program.values() for name, _ in find_imports(source, program)}
    assert [library for library in ROOMS if library not in used | {"torchvulkan"}] == []


def test_packages_hold_a_docstring_and_nothing_else() -> None:
    """Whoever opens a folder reads what lives there, what it may import and where to start."""
    program = read_program()
    packages = [module for module in program if is_package(module, program) and module not in CONTENTFUL]
    for package in packages:
        statements = ast.parse(program[package]).body
        assert len(statements) == 1, f"{package}/__init__.py holds more than a docstring"
        assert ast.get_docstring(ast.parse(program[package])), f"{package}/__init__.py has no docstring"


def test_launcher_imports_neither_what_is_timed_nor_how() -> None:
    """It must run no parallel region and no backward, and what it never imported it cannot run."""
    program = read_program()
    found = {name for name, late in find_imports(program["bench.processes.launcher"], program) if not late}
    assert not {name for name in found if name.partition(".")[0] in {"torch", "models"}}
    assert {floor_of(name) for name in found if name.partition(".")[0] in PROGRAM} <= {"bench.host", "bench.protocol"}


def test_importing_what_the_pytest_process_needs_does_not_import_torch() -> None:
    """The arrows above are of the text; this is what happens: collecting takes half a second instead of three."""
    with_torch = ("bench.devices", "bench.steps", "bench.worker")
    modules = [
        module
        for module in read_program()
        if module.startswith("bench.") and floor_of(module) not in (*with_torch, "bench.conftest", "bench.test_steps")
    ]
    named = ", ".join([*modules, "models", "models.dataset"])
    code = f"import sys, {named}; print(sorted({{'torch', 'torchvision', 'numpy', 'pandas'}} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_no_file_names_a_folder_of_the_machine_it_was_written_on() -> None:
    """A clone works anywhere."""
    elsewhere = str(Path("/work")) + "/"
    kept = subprocess.run(
        ["git", "-C", str(ROOT), "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        capture_output=True,
        text=True,
        check=False,
    )
    if kept.returncode:
        pytest.skip("not a git checkout")
    paths = [ROOT / name for name in kept.stdout.split("\0") if name and (ROOT / name).is_file()]
    assert paths
    assert [path for path in paths if elsewhere.encode() in path.read_bytes()] == []
