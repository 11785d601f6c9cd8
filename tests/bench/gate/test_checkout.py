"""Both arms' code, frozen, in slots that differ in one digit."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.gate.checkout import MOST_LEFT_OUT, ArmsCode, Slots
from bench.gate.origin import Origin, find_origins
from bench.gate.scope import Scope
from bench.gate.tolerance import Tolerance
from bench.gate.tree import Commit, Folder, make_tree
from bench.processes.loaded import Loaded
from bench.record.arm import Arm, Side
from bench.record.gate import Acceptance, FileDifference
from tests.makers.repositories import commit, git, made_repository, write

NOTHING_SPECIAL = Tolerance(floors={}, accepted=())
ARMS = {Side.BASE: Arm(ref="HEAD"), Side.HEAD: Arm()}


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A checkout whose models were changed after its one commit."""
    root = made_repository(tmp_path / "root")
    write(root, {"models/__init__.py": "NEW = 1\n"})
    monkeypatch.chdir(tmp_path)
    return root


def freeze(
    root: Path, folder: Path, *, arms: dict[Side, Arm] | None = None, tolerance: Tolerance = NOTHING_SPECIAL
) -> ArmsCode:
    """Return both arms' code below a new folder."""
    folder.mkdir()
    arms = arms or ARMS
    origins = find_origins(root, arms, from_branch_point=True)
    return ArmsCode.freeze(root, arms, origins, folder, tolerance=tolerance, engine=root)


def test_slots_take_either_arm(repository: Path, tmp_path: Path) -> None:
    """The coin decides; the engine is the same for both."""
    base, head = tmp_path / "trees" / "base", tmp_path / "trees" / "head"
    make_tree(Commit(folder=repository, name="HEAD"), base)
    make_tree(Folder(path=repository), head)
    slots = Slots.make(repository, tmp_path)
    first, second = slots.place(base, head)
    assert len(str(first)) == len(str(second))
    assert (first / "models" / "__init__.py").read_text() == "OLD = 1\n"
    assert (second / "models" / "__init__.py").read_text() == "NEW = 1\n"
    assert slots.place(head, base) == (first, second)
    assert (first / "models" / "__init__.py").read_text() == "NEW = 1\n"
    assert (first / "bench").resolve() == (second / "bench").resolve() == (slots.engine / "bench").resolve()


def test_code_of_both_arms_is_frozen_and_named(repository: Path, tmp_path: Path) -> None:
    """An arm is imported from whichever slot the coin gave it, and the other arm from the other."""
    code = freeze(repository, tmp_path / "scratch")
    assert code.trouble is None
    assert len(str(code.facts["arm.base.commit"])) == 40
    assert code.facts["arm.base.commit.subject"] == "first"
    assert code.facts["arm.head.commit"] is None
    assert code.facts["arm.base.models"] != code.facts["arm.head.models"]
    assert code.facts["arm.base.models/__init__.py"] != code.facts["arm.head.models/__init__.py"]
    places = {(side, first): code.place(side, first=first) for side in Side for first in (True, False)}
    assert places[Side.BASE, True] == places[Side.HEAD, True] != places[Side.BASE, False]
    assert (code.place(Side.BASE, first=True) / "models" / "__init__.py").read_text() == "OLD = 1\n"
    assert (places[Side.HEAD, False] / "models" / "__init__.py").read_text() == "NEW = 1\n"


def test_trees_say_in_what_they_differ(repository: Path, tmp_path: Path) -> None:
    """Any file of the compared tree counts, not code alone; what times both is named if base had it otherwise."""
    write(repository, {"models/cfg.json": "1\n", "bench/__init__.py": "# new\n", "models/generated.py": ""})
    trees = freeze(repository, tmp_path / "scratch").trees
    assert trees is not None
    assert trees.differences == (
        FileDifference(path="models/__init__.py", added=1, removed=1),
        FileDifference(path="models/cfg.json", added=1, removed=0),
    )
    assert trees.left_out == {"models/generated.py": "git ignores it"}
    assert trees.remarks[0].startswith("base: HEAD is ")
    assert "bench is the working tree's for both arms, which differs from base's in 1 file" in trees.remarks[1]


def test_looser_tolerance_than_bases_own_is_named(repository: Path, tmp_path: Path) -> None:
    """A floor of 0.99 calls a third slower unchanged."""
    git(repository, "checkout", "-q", "--", "models")
    base = '[tool.accelbench.floors]\n"mlp-*" = 0.05\n"gone-*" = 0.1\n'
    commit(repository, "tolerance", {"pyproject.toml": base})
    write(repository, {"models/__init__.py": "NEW = 1\n"})
    known = Acceptance(case="x", up_to=0.5, reason="y", until="2030-01-01")
    trees = freeze(
        repository, tmp_path / "scratch", tolerance=Tolerance(floors={"mlp-*": 0.99}, accepted=(known,))
    ).trees
    assert trees is not None
    assert trees.remarks[1:] == (
        "the floor of mlp-* was 0.05 in base, is 0.99 in head",
        "the floor of gone-* was 0.1 in base, is the default in head",
        "head accepts x up to 0.5 until 2030-01-01, which base does not",
    )
    git(repository, "checkout", "-q", "--", "models")
    commit(repository, "spoiled", {"pyproject.toml": "[tool.accelbench]\nfloors = 3\n"})
    write(repository, {"models/__init__.py": "NEW = 1\n"})
    trees = freeze(repository, tmp_path / "scratch-2").trees
    assert trees is not None
    assert trees.remarks[1].startswith("what base's own pyproject.toml tolerated cannot be read: [tool.accelbench]")


def test_nothing_to_compare_is_the_codes_trouble(repository: Path, tmp_path: Path) -> None:
    """On the branch itself with a clean tree; but another interpreter or variable is something to compare."""
    git(repository, "checkout", "-q", "--", "models")
    code = freeze(repository, tmp_path / "scratch")
    assert code.trouble is not None
    assert code.trouble.startswith("nothing would be compared: head is ")
    assert code.trees is not None
    assert not code.trees.differences
    arms = {**ARMS, Side.HEAD: Arm(variables={"OMP_NUM_THREADS": "1"})}
    assert freeze(repository, tmp_path / "scratch-2", arms=arms).trouble is None
    commit(repository, "elsewhere", {"note.txt": "x"})
    arms = {**ARMS, Side.BASE: Arm(ref="HEAD~1")}
    assert freeze(repository, tmp_path / "scratch-3", arms=arms).trouble is None  # two commits with the same models


def test_arm_that_cannot_be_had_is_the_codes_trouble(repository: Path, tmp_path: Path) -> None:
    """The gate ends with that sentence; the other arm's facts stay."""
    (tmp_path / "empty").mkdir()
    origins = {
        Side.BASE: Origin(source=Folder(path=tmp_path / "empty"), facts={}),
        Side.HEAD: Origin(source=Folder(path=repository), facts={}),
    }
    code = ArmsCode.freeze(repository, ARMS, origins, tmp_path, tolerance=NOTHING_SPECIAL, engine=repository)
    assert code.trouble is not None
    assert code.trouble.startswith("base cannot be exported: ")
    assert code.trees is None
    assert "arm.base.models" not in code.facts
    assert "arm.head.models" in code.facts


def test_folder_of_generated_files_does_not_fill_the_record(repository: Path, tmp_path: Path) -> None:
    """What is left out is named, up to a number."""
    write(repository, {f"models/{number}/generated.py": "" for number in range(MOST_LEFT_OUT + 5)})
    trees = freeze(repository, tmp_path / "scratch").trees
    assert trees is not None
    assert len(trees.left_out) == MOST_LEFT_OUT


def test_file_of_the_repository_outside_the_trees_is_shared(repository: Path, tmp_path: Path) -> None:
    """A change there would reach both arms; an installed package lies elsewhere."""
    code = freeze(repository, tmp_path / "scratch")
    assert code.is_shared(str(repository / "helpers" / "fast.py"))
    assert not code.is_shared(str(tmp_path / "helpers.py"))


def test_file_that_one_arm_ignores_and_the_other_has_is_a_difference(repository: Path, tmp_path: Path) -> None:
    """It is not in neither tree."""
    write(repository, {".gitignore": ""})
    commit(repository, "tracked", {"models/generated.py": "a\n"})
    git(repository, "rm", "-q", "--cached", "models/generated.py")
    write(repository, {".gitignore": "generated.py\n", "models/__init__.py": "NEWER = 1\n"})
    trees = freeze(repository, tmp_path / "scratch").trees
    assert trees is not None
    assert FileDifference(path="models/generated.py", added=0, removed=1) in trees.differences
    assert trees.left_out == {}


def test_editors_lock_in_the_engine_is_nobodys(repository: Path, tmp_path: Path) -> None:
    """It is a link to nothing."""
    (repository / "bench" / ".#pool.py").symlink_to("somebody@somewhere.1234")
    assert freeze(repository, tmp_path / "scratch").trouble is None


def test_repository_around_an_unpacked_checkout_is_not_its_own(repository: Path, tmp_path: Path) -> None:
    """A module from there is no part of what is compared."""
    inner = repository / "unpacked"
    write(inner, {"models/__init__.py": "", "bench/__init__.py": ""})
    (tmp_path / "scratch").mkdir()
    origins = {side: Origin(source=Folder(path=inner), facts={}) for side in Side}
    code = ArmsCode.freeze(inner, ARMS, origins, tmp_path / "scratch", tolerance=NOTHING_SPECIAL, engine=inner)
    assert not code.is_shared(str(repository / "helper.py"))
    assert code.is_shared(str(inner / "helper.py"))


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project of its own, whose network, page and settings of a tool were changed after its one commit."""
    root = tmp_path / "project"
    root.mkdir()
    git(root, "init", "-q")
    before = {"src/pkg/__init__.py": "", "src/pkg/net.py": "OLD = 1\n", "cfg/a.json": "1\n", "README.md": "x\n"}
    commit(root, "first", before)
    write(root, {"src/pkg/net.py": "NEW = 1\n", "README.md": "y\n", "cfg/a.json": "2\n"})
    return root


def freeze_project(project: Path, repository: Path, folder: Path, **scope: tuple[str, ...]) -> ArmsCode:
    """Return both arms' code of a project, compared by the engine of a checkout."""
    folder.mkdir()
    whole = Scope(whole=True, own=False, **scope)
    origins = find_origins(project, ARMS, from_branch_point=True, scope=whole)
    return ArmsCode.freeze(project, ARMS, origins, folder, tolerance=NOTHING_SPECIAL, scope=whole, engine=repository)


NET = {"src/pkg/__init__.py": "a", "src/pkg/net.py": "b"}
LOADED = dict.fromkeys(Side, Loaded(files=NET))


def test_slot_of_a_project_holds_the_engine_its_models_and_the_tree(
    project: Path, repository: Path, tmp_path: Path
) -> None:
    """The built-in networks are the engine's, the same for both arms, whatever the project calls its own packages."""
    write(project, {"models/__init__.py": "MINE = 1\n"})
    code = freeze_project(project, repository, tmp_path / "scratch")
    write(repository, {"models/__init__.py": "LATER = 1\n"})
    for first in (True, False):
        base = code.place(Side.BASE, first=first)
        assert (base / "project" / "src" / "pkg" / "net.py").read_text() == "OLD = 1\n"
        assert not (base / "project" / "models").exists()
        assert (base / "models" / "__init__.py").read_text() == "NEW = 1\n"
        assert (base / "bench" / "__init__.py").exists()
        head = code.place(Side.HEAD, first=first)
        assert (head / "project" / "src" / "pkg" / "net.py").read_text() == "NEW = 1\n"
        assert (head / "project" / "models" / "__init__.py").read_text() == "MINE = 1\n"
    assert code.is_shared(str(project / "src" / "pkg" / "net.py"))
    assert not code.is_shared(str(repository / "helper.py"))


def test_files_that_workers_load_are_what_counts(project: Path, repository: Path, tmp_path: Path) -> None:
    """An edited page is no difference; it is named all the same, since it may be data that nobody declared."""
    code = freeze_project(project, repository, tmp_path / "scratch").count_loaded(LOADED)
    assert code.trouble is None
    assert code.trees is not None
    assert code.trees.differences == (FileDifference(path="src/pkg/net.py", added=1, removed=1),)
    assert code.trees.remarks[-1] == (
        "2 files of the project that no worker loads and that data does not name differ, too: README.md, cfg/a.json"
    )
    assert sorted(name for name in code.facts if name.startswith("arm.base.project")) == [
        "arm.base.project",
        "arm.base.project/src/pkg/__init__.py",
        "arm.base.project/src/pkg/net.py",
    ]


def test_declared_data_count(project: Path, repository: Path, tmp_path: Path) -> None:
    """A model reads them, and no import shows it; a pattern that fits nothing is named."""
    code = freeze_project(project, repository, tmp_path / "scratch", data=("cfg/*.json", "gone.bin"))
    trees = code.count_loaded(LOADED).trees
    assert trees is not None
    assert [difference.path for difference in trees.differences] == ["cfg/a.json", "src/pkg/net.py"]
    assert "data names gone.bin, which fits no file of either tree" in trees.remarks[-1]


def test_where_workers_cannot_tell_every_file_counts(project: Path, repository: Path, tmp_path: Path) -> None:
    """A module that is not found may be a submodule's, so what is in neither tree is named then, and only then."""
    inner = made_repository(tmp_path / "inner")
    git(project, "-c", "protocol.file.allow=always", "submodule", "add", "-q", str(inner), "inner")
    code = freeze_project(project, repository, tmp_path / "scratch")
    trees = code.count_loaded(LOADED).trees
    assert trees is not None
    assert trees.left_out == {}
    lost = code.count_loaded({**LOADED, Side.HEAD: Loaded(trouble="no module 'inner'")})
    assert lost.trees is not None
    assert lost.trees.left_out == {"inner": "a submodule, which is another repository"}
    assert "README.md" in [difference.path for difference in lost.trees.differences]


def test_edited_page_alone_is_nothing_to_compare(project: Path, repository: Path, tmp_path: Path) -> None:
    """Head is base's commit, and what its workers load is the same."""
    git(project, "checkout", "-q", "--", "src", "cfg")
    code = freeze_project(project, repository, tmp_path / "scratch")
    assert code.trouble is None
    trouble = code.count_loaded(LOADED).trouble
    assert trouble is not None
    assert trouble.startswith("nothing would be compared: head is ")
    git(project, "checkout", "-q", "--", ".")
    assert freeze_project(project, repository, tmp_path / "scratch-2").trouble is not None


def test_generated_files_of_a_project_are_in_both_trees_and_named(
    project: Path, repository: Path, tmp_path: Path
) -> None:
    """Git ignores them, and no import works without."""
    write(project, {".gitignore": "_version.py\n", "src/pkg/_version.py": "1\n"})
    code = freeze_project(project, repository, tmp_path / "scratch", include=("src/pkg/_version.py",))
    trees = code.count_loaded(LOADED).trees
    assert trees is not None
    assert "src/pkg/_version.py is the working tree's in both arms, since include names it" in trees.remarks
    assert all((folder / "src" / "pkg" / "_version.py").exists() for folder in code.folders.values())
