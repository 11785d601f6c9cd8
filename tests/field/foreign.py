"""Is a gate right about repositories of other people? Real ones are made in a temporary folder, and gates run on them.

    python -m tests.field.foreign [--only NAME,...] [--short]

Each situation says what is expected and what was seen, in a line of its own as it ends.
In the short form slowdowns are large and few blocks are timed; otherwise the slowdown that must be found is 5 %.
Exits with 1 if an answer is another than expected.
"""

from __future__ import annotations

import os
import subprocess
import sys
from argparse import ArgumentParser, RawDescriptionHelpFormatter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from bench.files.gate import read_gate
from bench.files.parse_json import UnreadableError
from reports.gate.answer import Answer, State, conclude
from reports.gate.answer_text import list_remarks
from tests.field.program import end_with
from tests.field.runs import ROOT
from tests.makers.repositories import commit, git, write

NET = """
import torch
from torch import nn
{imports}

class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed = nn.Embedding(64, 64)
        self.blocks = nn.ModuleList(
            nn.TransformerEncoderLayer(64, 4, 128, dropout=0.0, batch_first=True) for _ in range({depth})
        )
        self.head = nn.Linear(64, 64)

    def forward(self, tokens):  # (B, 32) -> (B, 32, 64)
        x = self.embed(tokens)
        for block in self.blocks:
            x = block(x)
        return self.head(x)

    def example_inputs(self, batch):
        return torch.randint(0, 64, (batch, 32))


def make():
    return Net()
"""
"""A transformer; its time is nearly that of its blocks."""

DEPTH, SLIGHTLY_DEEPER, MUCH_DEEPER = 20, 21, 40
"""One block more of twenty is a slowdown of 5 %."""

POINTER = "version https://git-lfs.github.com/spec/v1\noid sha256:0123\nsize 1\n"

MEASURED = {State.PASS, State.INCONCLUSIVE, State.REGRESSED}
"""Only an answer that is one of these rests on blocks that may be believed."""

OWN_TOOLS = ("psutil", "pytest", "_pytest", "pluggy", "pandas", "matplotlib", "tabulate", "cpuinfo", "py_cpuinfo")
"""An arm's interpreter has torch and nothing of this: names of packages, and beginnings of such names."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """A gate that has ended.

    Attributes:
        code: its exit code.
        printed: what it printed.
        answer: what it stored; None if it stored nothing.
    """

    code: int
    printed: str
    answer: Answer | None

    @property
    def state(self) -> State | None:
        """What the gate as a whole says; None if it stored nothing."""
        return None if self.answer is None else self.answer.state

    @property
    def differing(self) -> list[str]:
        """The files in which base and head differ, of those that count."""
        trees = None if self.answer is None else self.answer.gate.trees
        return [] if trees is None else [difference.path for difference in trees.differences]

    def says(self, *words: str) -> bool:
        """Whether all of these stand in what was printed, or in what belongs under the answer's first line."""
        said = "\n".join([self.printed, *([] if self.answer is None else list_remarks(self.answer))])
        return all(word in said for word in words)

    def __str__(self) -> str:
        remarks = [] if self.answer is None else list_remarks(self.answer)
        first = (remarks or self.printed.strip().splitlines() or ["nothing"])[0 if remarks else -1]
        return (
            f"exit code {self.code}, {self.state or 'no answer'}, differ: {', '.join(self.differing) or '-'}; {first}"
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Bench:
    """Where situations are made, and how long their gates are.

    Attributes:
        folder: empty.
        short: whether slowdowns are large and blocks few.
    """

    folder: Path
    short: bool

    @property
    def deeper(self) -> int:
        """Blocks of a transformer that is to be found slower."""
        return MUCH_DEEPER if self.short else SLIGHTLY_DEEPER

    def gate(
        self,
        project: Path,
        *options: str,
        python: str | Path = sys.executable,
        environment: Mapping[str, str] | None = None,
        stored: Path | None = None,
    ) -> Ended:
        """Run a gate on a project, as its CI would, and return how it ended."""
        path = stored or self.folder / "gate.json"
        length = ("--launches", "8" if self.short else "32", "--budget", "10m")
        small = ("--device", "cpu", "--batch", "1", "--step", "forward", "--dtype", "float32", "--data", "random")
        command = [str(python), "-m", "pytest", "bench", "-q", f"--project={project}", *small, *length, *options]
        given = {name: value for name, value in os.environ.items() if name != "PYTEST_ADDOPTS"}
        ended = subprocess.run(
            [*command, "--benchmark-json", str(path), "--reports", str(self.folder / "reports")],
            cwd=ROOT,
            env={**given, **(environment or {})},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        try:
            answer = conclude(read_gate(path))
        except UnreadableError:
            answer = None
        return Ended(code=ended.returncode, printed=ended.stdout, answer=answer)


def make_project(root: Path, *versions: Mapping[str, str | bytes]) -> Path:
    """Return a repository with a commit for each version of its files."""
    root.mkdir(parents=True)
    git(root, "init", "-q")
    git(root, "config", "core.autocrlf", "false")
    for number, files in enumerate(versions):
        commit(root, f"version {number}", files)
    return root


def net(depth: int, imports: str = "") -> str:
    """Return the source of a transformer."""
    return NET.format(depth=depth, imports=imports)


def src_project(bench: Bench, *depths: int) -> Path:
    """Return a repository with a package in ``src``, whose transformer has these depths in turn."""
    packed = '[project]\nname = "foreign-pkg"\nversion = "1"\n[tool.setuptools.packages.find]\nwhere = ["src"]\n'
    frame = {"src/foreign_pkg/__init__.py": "", "pyproject.toml": packed, ".gitignore": "*.egg-info\n"}
    return make_project(bench.folder / "mine", *({**frame, "src/foreign_pkg/net.py": net(depth)} for depth in depths))


def make_venv(folder: Path, project: Path) -> Path:
    """Return the interpreter of a venv that sees this one's packages, with a project installed as editable."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(folder)], check=True)
    python = folder / "bin" / "python"
    (packages_of(python) / "beside.pth").write_text(f"{packages_of(sys.executable)}\n")
    command = [sys.executable, "-m", "pip", "--python", str(python), "install", "-q", "--no-build-isolation"]
    subprocess.run([*command, "--no-deps", "-e", str(project)], check=True)
    return python


def make_bare_venv(folder: Path) -> Path:
    """Return the interpreter of a venv that has torch and what torch needs, and none of our other tools."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(folder)], check=True)
    python = folder / "bin" / "python"
    for package in packages_of(sys.executable).iterdir():
        if not package.name.startswith(OWN_TOOLS) and package.suffix != ".pth":
            (packages_of(python) / package.name).symlink_to(package)
    return python


def packages_of(python: str | Path) -> Path:
    """Return where an interpreter's packages lie."""
    code = "import sysconfig; print(sysconfig.get_path('purelib'))"
    return Path(subprocess.run([str(python), "-c", code], check=True, capture_output=True, text=True).stdout.strip())


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What came of a situation.

    Attributes:
        right: whether it is what was expected.
        ended: the gate.
    """

    right: bool
    ended: Ended


def found_slower(ended: Ended, *files: str) -> Seen:
    """Return whether a gate found the slowdown, and names the files that make it and no other.

    Where a control failed nothing is proved, which is honest; a pass is not.
    """
    noisy = ended.state is State.UNPROVEN and ended.says("control")
    right = (ended.state is State.REGRESSED or noisy) and ended.differing == list(files)
    return Seen(right=right, ended=ended)


def found_nothing(ended: Ended) -> Seen:
    """Return whether a gate says nothing against code that did not change, and that no file that counts differs."""
    noisy = ended.state is State.UNPROVEN and ended.says("control")
    quiet = ended.state in {State.PASS, State.INCONCLUSIVE} or noisy
    return Seen(right=quiet and ended.differing == [], ended=ended)


def unproven(ended: Ended, *words: str) -> Seen:
    """Return whether a gate says that nothing is proved, and names why."""
    return Seen(right=ended.state is State.UNPROVEN and ended.code != 0 and ended.says(*words), ended=ended)


def editable(bench: Bench) -> Seen:
    """The tree goes before an editable install where --src names its folder: the slowdown is found."""
    project = src_project(bench, DEPTH, bench.deeper)
    options = ("--src", "src", "--model", "foreign_pkg.net:make", "--against", "HEAD~1")
    ended = bench.gate(project, *options, python=make_venv(bench.folder / "venv", project))
    return found_slower(ended, "src/foreign_pkg/net.py")


def editable_wins(bench: Bench) -> Seen:
    """Without --src the editable install is imported in both arms: UNPROVEN, with the module's name."""
    project = src_project(bench, DEPTH, MUCH_DEEPER)
    options = ("--model", "foreign_pkg.net:make", "--against", "HEAD~1")
    ended = bench.gate(project, *options, python=make_venv(bench.folder / "venv", project))
    return unproven(ended, "foreign_pkg.net", "src/foreign_pkg/net.py", "--src")


def copy_wins(bench: Bench) -> Seen:
    """A copy among the installed packages, or in PYTHONPATH, is the same file for both arms: likewise."""
    project = src_project(bench, DEPTH, MUCH_DEEPER)
    write(bench.folder / "copy", {"foreign_pkg/__init__.py": "", "foreign_pkg/net.py": net(DEPTH)})
    options = ("--model", "foreign_pkg.net:make", "--against", "HEAD~1")
    ended = bench.gate(project, *options, environment={"PYTHONPATH": str(bench.folder / "copy")})
    return unproven(ended, "foreign_pkg.net", str(bench.folder / "copy"))


def src_untold(bench: Bench) -> Seen:
    """A package in src that is neither told nor installed is not found: the reason says to give --src."""
    project = src_project(bench, DEPTH, MUCH_DEEPER)
    ended = bench.gate(project, "--model", "foreign_pkg.net:make", "--against", "HEAD~1")
    return Seen(
        right=ended.code != 0 and ended.state in {None, State.UNPROVEN} and ended.says("--src src"), ended=ended
    )


def identical(bench: Bench) -> Seen:
    """Two commits that differ in a page alone: nothing is said against head."""
    project = make_project(bench.folder / "mine", {"net.py": net(DEPTH), "README.md": "one\n"}, {"README.md": "two\n"})
    ended = bench.gate(project, "--model", "net.py:make", "--against", "HEAD~1")
    seen = found_nothing(ended)
    return Seen(right=seen.right and ended.says("README.md"), ended=ended)


def flat(bench: Bench) -> Seen:
    """A file beside nothing, with what it imports beside it: the slowdown is found."""
    imports = "from depth import DEPTH as depth"
    text = net(DEPTH, imports).replace(f"range({DEPTH})", "range(depth)")
    versions = ({"net.py": text, "depth.py": f"DEPTH = {depth}\n"} for depth in (DEPTH, bench.deeper))
    project = make_project(bench.folder / "mine", *versions)
    return found_slower(bench.gate(project, "--model", "net.py:make", "--against", "HEAD~1"), "depth.py")


def own_names(bench: Bench) -> Seen:
    """Packages that are called as ours are: the slowdown is found in them."""
    text = net(DEPTH, "from bench.depth import DEPTH as depth").replace(f"range({DEPTH})", "range(depth)")
    frame = {"models/__init__.py": "", "bench/__init__.py": "", "models/net.py": text}
    versions = ({**frame, "bench/depth.py": f"DEPTH = {depth}\n"} for depth in (DEPTH, bench.deeper))
    project = make_project(bench.folder / "mine", *versions)
    return found_slower(bench.gate(project, "--model", "models.net:make", "--against", "HEAD~1"), "bench/depth.py")


def line_endings(bench: Bench) -> Seen:
    """A checkout with other line endings than its commits: no file differs."""
    project = make_project(bench.folder / "mine", {"net.py": net(DEPTH)}, {"note.txt": "x\n"})
    git(project, "config", "core.autocrlf", "true")
    (project / "net.py").unlink()
    git(project, "checkout", "-q", "--", "net.py")
    assert b"\r\n" in (project / "net.py").read_bytes(), "the checkout does not show what is tested"
    return found_nothing(bench.gate(project, "--model", "net.py:make", "--against", "HEAD~1"))


def pointer(bench: Bench) -> Seen:
    """Weights that are a pointer of Git LFS cannot be read in a tree: UNPROVEN, with the file's name."""
    reads = 'import pathlib\ntorch.load(pathlib.Path(__file__).with_name("weights.pt"))'
    files = {"net.py": net(DEPTH, reads), "weights.pt": POINTER}
    project = make_project(bench.folder / "mine", files, {"note.txt": "x\n"})
    return unproven(bench.gate(project, "--model", "net.py:make", "--against", "HEAD~1"), "weights.pt", "Git LFS")


def generated(bench: Bench) -> Seen:
    """A generated file that git ignores, named by include: the slowdown is found, and the file's origin is said."""
    imports = "from version import VERSION"
    say = '[tool.accelbench]\nmodels = ["net.py:make"]\ninclude = ["version.py"]\n'
    frame = {".gitignore": "version.py\n", "pyproject.toml": say}
    versions = ({**frame, "net.py": net(depth, imports)} for depth in (DEPTH, bench.deeper))
    project = make_project(bench.folder / "mine", *versions)
    write(project, {"version.py": "VERSION = 1\n"})
    seen = found_slower(bench.gate(project, "--against", "HEAD~1"), "net.py")
    return Seen(right=seen.right and seen.ended.says("version.py is the working tree's in both arms"), ended=seen.ended)


def generated_untold(bench: Bench) -> Seen:
    """The same without include: the import fails in both arms, and the answer names the module."""
    files = {".gitignore": "version.py\n", "net.py": net(DEPTH, "from version import VERSION")}
    project = make_project(bench.folder / "mine", files, {"note.txt": "x\n"})
    write(project, {"version.py": "VERSION = 1\n"})
    return unproven(bench.gate(project, "--model", "net.py:make", "--against", "HEAD~1"), "version")


def results(bench: Bench) -> Seen:
    """Our own results in the tree, and a page that was edited meanwhile, keep no gate from going on."""
    project = make_project(bench.folder / "mine", {"net.py": net(DEPTH)}, {"net.py": net(MUCH_DEEPER)})
    options = ("--model", "net.py:make", "--against", "HEAD~1")
    stored = project / "out.json"
    first = bench.gate(project, *options, stored=stored)
    write(project, {"README.md": "edited\n", "notes/more.md": "x\n"})
    ended = bench.gate(project, *options, "--add-blocks", "--exhaust", stored=stored)
    blocks = [0 if end.answer is None else len(end.answer.gate.blocks) for end in (first, ended)]
    return Seen(right=found_slower(ended, "net.py").right and blocks[1] > blocks[0] > 0, ended=ended)


def bare(bench: Bench) -> Seen:
    """Both arms have an interpreter with torch and nothing of ours: the slowdown is found."""
    project = make_project(bench.folder / "mine", {"net.py": net(DEPTH)}, {"net.py": net(bench.deeper)})
    python = make_bare_venv(bench.folder / "bare")
    arms = [text for side in ("base", "head") for text in ("--arm", f"{side}=python={python}")]
    return found_slower(bench.gate(project, "--model", "net.py:make", "--against", "HEAD~1", *arms), "net.py")


SITUATIONS: Mapping[str, Callable[[Bench], Seen]] = {
    "editable": editable,
    "editable-wins": editable_wins,
    "copy-wins": copy_wins,
    "src-untold": src_untold,
    "identical": identical,
    "flat": flat,
    "own-names": own_names,
    "line-endings": line_endings,
    "pointer": pointer,
    "generated": generated,
    "generated-untold": generated_untold,
    "results": results,
    "bare": bare,
}

QUICK = ("copy-wins", "src-untold", "pointer", "generated-untold")
"""These end before anything is timed, and need nothing to be installed."""


def carry_out(name: str, *, short: bool) -> Seen:
    """Make a situation in a folder of its own, and return what came of it."""
    with TemporaryDirectory(prefix=f"field-foreign-{name}-") as folder:
        return SITUATIONS[name](Bench(folder=Path(folder), short=short))


def main(argv: Sequence[str]) -> int:
    """Carry out situations, a line for each; return 1 if one is not as expected."""
    parser = ArgumentParser(description=__doc__, formatter_class=RawDescriptionHelpFormatter)
    parser.add_argument("--only", metavar="NAME,...", help="comma list of situations")
    parser.add_argument("--short", action="store_true", help="large slowdowns, few blocks")
    options = parser.parse_args(argv)
    names = options.only.split(",") if options.only else list(SITUATIONS)
    if strangers := set(names) - SITUATIONS.keys():
        parser.error(f"unknown situation {min(strangers)!r}; known: {', '.join(SITUATIONS)}")
    wrong = 0
    for name in names:
        seen = carry_out(name, short=options.short)
        wrong += not seen.right
        word = "as expected" if seen.right else "OTHERWISE"
        print(f"{word}: {name}: {SITUATIONS[name].__doc__}\n    seen: {seen.ended}", flush=True)
    return int(wrong > 0)


if __name__ == "__main__":
    end_with(main)
