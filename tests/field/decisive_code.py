"""A fingerprint of the code that a gate's answer depends on, whatever is written about it.

Every file of `bench` counts but `AFTERWARDS`, and those of `reports` that an answer is computed by. Comments,
docstrings and layout do not, nor do tables, plots, pages and documents: jobs that were measured before such a change
and after it are alike.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

ANSWER = "reports.gate.answer"
"""What turns a gate's slices into its answer."""

AFTERWARDS = (
    "bench/run/",
    *(f"bench/record/{name}.py" for name in ("compiling", "layers", "profile")),
    *(f"bench/steps/{name}.py" for name in ("compile_account", "layers", "module_times", "profile", "profiler_events")),
    "bench/gate/profiles.py",
    "bench/processes/profiling.py",
)
"""What no gate carries out, or only when its verdicts stand."""


def fingerprint(root: Path) -> str:
    """Return the fingerprint of a checkout."""
    content = sha256()
    for path in (*sorted((root / "bench").rglob("*.py")), *_list_needed(root, ANSWER)):
        if path.relative_to(root).as_posix().startswith(AFTERWARDS):
            continue
        content.update(f"{path.relative_to(root).as_posix()}\0{_strip(ast.parse(path.read_bytes()))}\0".encode())
    return content.hexdigest()[:12]


def _list_needed(root: Path, module: str) -> list[Path]:
    """Return the files of `reports` that a module imports, itself among them, in the order of their names."""
    found: set[Path] = set()
    waiting = [module]
    while waiting:
        path = root.joinpath(*waiting.pop().split(".")).with_suffix(".py")
        if path.is_file() and path not in found:
            found.add(path)
            waiting += _list_imports(ast.parse(path.read_bytes()))
    return sorted(found)


def _list_imports(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            names = [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
        else:
            continue
        yield from (name for name in names if name.startswith("reports."))


def _strip(node: object) -> object:
    """Return a tree as plain values, without what is no code; an absent field counts as an empty one.

    So the fingerprint is the same for every Python that can read the file: later ones add fields.
    """
    if isinstance(node, list):
        return [_strip(one) for one in node if not _is_text(one)]
    if not isinstance(node, ast.AST):
        return repr(node)
    fields = {name: _strip(value) for name, value in ast.iter_fields(node) if value is not None and value != []}
    return type(node).__name__, fields


def _is_text(node: object) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)
