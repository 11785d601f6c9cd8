"""The folders are the architecture: the arrows between them are facts."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
OURS = ("models", "bench", "reports", "tests")
PROGRAM = [path for folder in OURS[:3] for path in sorted((ROOT / folder).rglob("*.py"))]
MAX_LINES = 300
CONTRACT = ("bench.record.", "bench.files.")
"""What reports may know of bench, of a run and of a comparison: nothing that needs torch."""

MAIN = ("conftest.py", "gate.py", "run.py")
"""The two halves of the main(): pytest's wiring of a run, and of a comparison."""

WITH_TORCH: set[str] = set()
"""Modules of bench that run in workers and probe processes only; every other one stays free of torch."""

LATE_TORCH: set[str] = set()
"""Modules that import torch inside a function, which the pytest process never calls."""

TORCH_FREE = sorted(
    path.stem
    for path in (ROOT / "bench").glob("[!_]*.py")
    if path.stem not in WITH_TORCH | LATE_TORCH and not path.stem.startswith("test_")
)
STANDARD_ONLY = ()
"""Modules that need nothing but Python, so that they are proved without a device."""


def name_of(path: Path) -> str:
    """Return a file's module name."""
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


def imports(path: Path, *, only_at_start: bool = False) -> Iterator[str]:
    """Yield the modules that a file imports, as written; a type checker's own imports are left out."""
    for node in _nodes(ast.parse(path.read_text()), only_at_start=only_at_start):
        match node:
            case ast.Import():
                yield from (alias.name for alias in node.names)
            case ast.ImportFrom():
                assert node.level == 0, f"{path}: relative imports hide where an arrow points"
                assert node.module is not None
                if (ROOT / Path(*node.module.split("."))).is_dir():
                    yield from (f"{node.module}.{alias.name}" for alias in node.names)
                else:
                    yield node.module


def _nodes(tree: ast.AST, *, only_at_start: bool) -> Iterator[ast.AST]:
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            continue
        yield node
        if not (only_at_start and isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)):
            yield from _nodes(node, only_at_start=only_at_start)


def tops(path: Path, *, only_at_start: bool = False) -> set[str]:
    """Return the top-level packages that a file imports."""
    return {name.partition(".")[0] for name in imports(path, only_at_start=only_at_start)}


def files(folder: str) -> list[Path]:
    """Return the program's files in a folder."""
    return [path for path in PROGRAM if path.relative_to(ROOT).parts[0] == folder]


@pytest.mark.parametrize("path", files("models"), ids=name_of)
def test_models_import_nothing_of_ours(path: Path) -> None:
    """What is timed does not know that it is."""
    assert {name for name in imports(path) if name.partition(".")[0] in OURS and not name.startswith("models")} == set()


@pytest.mark.parametrize("path", files("bench"), ids=name_of)
def test_bench_knows_reports_only_in_its_main(path: Path) -> None:
    """Only the wiring may see all three."""
    assert path.name in MAIN or not tops(path) & {"reports", "tests"}


@pytest.mark.parametrize("path", files("reports"), ids=name_of)
def test_reports_know_only_the_contract_of_bench(path: Path) -> None:
    """Tables are made on a laptop without torch."""
    assert all(name.startswith(CONTRACT) for name in imports(path) if name.startswith("bench"))
    assert not tops(path) & {"models", "tests", "torch", "torchvision"}


@pytest.mark.parametrize("name", TORCH_FREE)
def test_torch_stays_out_of_the_pytest_process(name: str) -> None:
    """Collecting takes half a second instead of three."""
    found = tops(ROOT / "bench" / f"{name}.py")
    assert not found & {"torch", "torchvision", "torchvulkan"}


@pytest.mark.parametrize("name", STANDARD_ONLY)
def test_plan_and_record_need_nothing_but_python(name: str) -> None:
    """They import the standard library, and nothing of ours that imports torch."""
    found = set(imports(ROOT / "bench" / f"{name}.py"))
    ours = {one for one in found if one.startswith("bench.")}
    assert {one.partition(".")[0] for one in found - ours} <= sys.stdlib_module_names
    assert not {one.removeprefix("bench.") for one in ours} & (WITH_TORCH | {"conftest"})


def test_launcher_imports_neither_what_is_timed_nor_how() -> None:
    """It must run no parallel region and no backward, and what it never imported it cannot run."""
    found = set(imports(ROOT / "bench" / "processes" / "launcher.py", only_at_start=True))
    assert {name for name in found if name.partition(".")[0] in OURS} == {"bench.host.lifetime", "bench.protocol"}
    assert "torch" not in found


def test_importing_what_the_pytest_process_needs_does_not_import_torch() -> None:
    """The arrows above are of the text; this is what happens."""
    modules = [f"bench.{name}" for name in TORCH_FREE] + ["models", "models.dataset"]
    code = f"import sys, {', '.join(modules)}; print(sorted({{'torch', 'torchvision', 'numpy'}} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def modules_of(folder: str) -> dict[str, set[str]]:
    """Return which modules of a folder each module of it imports when it is itself imported."""
    found = {name_of(path): set(imports(path, only_at_start=True)) for path in files(folder)}
    return {name: {one for one in imported if one in found} for name, imported in found.items()}


@pytest.mark.parametrize("folder", OURS[:3])
def test_no_module_imports_itself_in_a_circle(folder: str) -> None:
    """One-way arrows inside a folder, too."""
    arrows = modules_of(folder)
    while ends := [name for name, targets in arrows.items() if not targets & arrows.keys()]:
        for name in ends:
            del arrows[name]
    assert arrows == {}


@pytest.mark.parametrize("path", PROGRAM, ids=name_of)
def test_file_is_short_enough_to_be_read_at_once(path: Path) -> None:
    """A longer one has two purposes."""
    assert len(path.read_text().splitlines()) < MAX_LINES


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
