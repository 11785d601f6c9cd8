"""Where an arm's code comes from: what a reference means, and what a reader must know of it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from bench.gate.origin import Origin, find_kept_origins, find_origins
from bench.gate.scope import Scope
from bench.gate.tree import Commit, Folder
from bench.record.arm import Arm, Side
from bench.record.conditions import Environment
from bench.request import SetupError
from tests.makers.repositories import commit, git, made_repository


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository whose branch ``topic``, checked out, left ``main`` two commits ago; main has one more in models."""
    root = made_repository(tmp_path / "root")
    commit(root, "the branch point")
    git(root, "checkout", "-q", "-b", "topic")
    commit(root, "topic's own", {"models/topic.py": ""})
    git(root, "checkout", "-q", "main")
    commit(root, "main goes on", {"models/__init__.py": "FASTER = 1\n"})
    git(root, "checkout", "-q", "topic")
    monkeypatch.chdir(root)
    return root


def base_of(root: Path, ref: str | None, *, tip: bool = False, head: str | None = None) -> Origin:
    """Return where base comes from."""
    arms = {Side.BASE: Arm(ref=ref), Side.HEAD: Arm(ref=head)}
    return find_origins(root, arms, from_branch_point=not tip)[Side.BASE]


def test_base_is_where_head_left_the_branch(root: Path) -> None:
    """What others did to main since is not head's doing."""
    point = git(root, "rev-parse", "topic~1")
    base = base_of(root, "main")
    assert base.source == Commit(folder=root, name=point)
    assert base.facts == {"commit": point, "commit.subject": "the branch point"}
    assert base.remarks == (
        f"main, where head left it, is {point[:12]} (the branch point)",
        "main has 1 commit in models that head lacks; --against-tip compares with main as it is now",
    )
    assert base.same_commit is None


@pytest.mark.parametrize("ref", ["main@{0}", "HEAD^{commit}", "@{-1}"])
@pytest.mark.parametrize("tip", [False, True])
def test_git_has_names_with_braces(ref: str, root: Path, *, tip: bool) -> None:
    """An upstream is ``@{u}``, and a branch as it was yesterday ``main@{1.day.ago}``."""
    assert base_of(root, ref, tip=tip).remarks[0].startswith(ref)


def test_tip_is_the_branch_as_it_is_now(root: Path) -> None:
    """The other meaning."""
    tip = git(root, "rev-parse", "main")
    base = base_of(root, "main", tip=True)
    assert base.source == Commit(folder=root, name=tip)
    assert base.remarks == (f"main is {tip[:12]} (main goes on)",)


def test_commits_elsewhere_are_not_lacking(root: Path) -> None:
    """Only what lies in the compared tree moves a figure."""
    git(root, "checkout", "-q", "main")
    git(root, "reset", "-q", "--hard", "HEAD~1")
    commit(root, "a note", {"note.txt": "x"})
    git(root, "checkout", "-q", "topic")
    assert len(base_of(root, "main").remarks) == 1


def test_older_commit_of_the_same_line_is_itself(root: Path) -> None:
    """``--against HEAD~1`` is that commit."""
    base = base_of(root, "HEAD~1")
    assert base.source == Commit(folder=root, name=git(root, "rev-parse", "HEAD~1"))
    assert base.remarks[0].startswith("HEAD~1 is ")


def test_head_may_be_a_commit_too(root: Path) -> None:
    """``main...topic`` from anywhere."""
    git(root, "checkout", "-q", "main")
    point = git(root, "rev-parse", "topic~1")
    assert base_of(root, "main", head="topic").source == Commit(folder=root, name=point)


def test_on_the_branch_itself_base_is_the_commit_that_head_is_at(root: Path) -> None:
    """On main, or bisecting: if nothing is changed on disk, nothing would be compared."""
    git(root, "checkout", "-q", "main")
    same = base_of(root, "main").same_commit
    assert same is not None
    assert "--against-tip" in same
    git(root, "checkout", "-q", "main~1")
    assert base_of(root, "main").same_commit is not None


def test_histories_without_a_common_commit_are_an_error(root: Path) -> None:
    """Git has no merge base for them."""
    git(root, "checkout", "-q", "--orphan", "stranger")
    commit(root, "alone")
    with pytest.raises(SetupError, match=r"main and HEAD have no merge base: their histories .* by --against-tip"):
        base_of(root, "main")


def test_clone_without_history_says_how_to_fetch_it(root: Path, tmp_path: Path) -> None:
    """CI's checkouts hold one commit."""
    shallow = tmp_path / "shallow"
    git(tmp_path, "clone", "-q", "--depth", "1", "--no-single-branch", "--branch", "topic", root.as_uri(), str(shallow))
    with pytest.raises(SetupError, match=r"no merge base: this clone has no history: .*--unshallow.*--against-tip"):
        base_of(shallow, "origin/main")
    with pytest.raises(SetupError, match=r"HEAD~1: no commit, .* \(this clone is shallow: git fetch --unshallow\)"):
        base_of(shallow, "HEAD~1")


@pytest.mark.parametrize("ref", ["nowhere", "--help", "HEAD~70"])
def test_reference_that_is_none_says_so(root: Path, ref: str) -> None:
    """With the reference in the sentence, and what git said."""
    with pytest.raises(SetupError, match=rf"{re.escape(ref)}: no commit, branch, tag or folder has that name.*git"):
        base_of(root, ref)


def test_branch_that_only_the_remote_has_is_suggested(root: Path, tmp_path: Path) -> None:
    """A fresh clone has one local branch."""
    clone = tmp_path / "clone"
    git(tmp_path, "clone", "-q", "--branch", "topic", str(root), str(clone))
    with pytest.raises(SetupError, match="main: no commit has that name here; did you mean origin/main"):
        base_of(clone, "main")


def test_place_outside_a_repository_says_so(tmp_path: Path) -> None:
    """A downloaded archive has no history."""
    with pytest.raises(SetupError, match=r"is not a git repository.*name a folder"):
        base_of(tmp_path, "HEAD")


def test_folder_does_not_shadow_a_branch_silently(root: Path) -> None:
    """A folder that is called like a branch is meant with a path."""
    (root / "main").mkdir()
    base = base_of(root, "main", tip=True)
    assert isinstance(base.source, Commit)
    assert "main is also a folder here; write ./main for that" in base.remarks
    assert base_of(root, "./main").source == Folder(path=Path("./main"))


def test_folder_is_named_by_its_path(root: Path, tmp_path: Path) -> None:
    """``--against ../other``, or a folder whose name is no reference."""
    (root / "other").mkdir()
    assert base_of(root, "other").source == Folder(path=Path("other"))
    assert base_of(root, str(tmp_path)).facts == {"commit": str(tmp_path.resolve())}
    with pytest.raises(SetupError, match=r"\./missing: no such folder"):
        base_of(root, "./missing")


def test_variables_of_a_hook_do_not_lead_elsewhere(root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Git sets them for every hook, and whoever asks it then is told of another repository."""
    other = made_repository(tmp_path / "other")
    monkeypatch.setenv("GIT_DIR", str(other / ".git"))
    monkeypatch.setenv("GIT_WORK_TREE", str(other))
    monkeypatch.setenv("GIT_INDEX_FILE", str(other / ".git" / "index"))
    base = base_of(root, "main")
    monkeypatch.undo()
    assert base.facts["commit"] == git(root, "rev-parse", "topic~1")


def test_folder_that_is_in_no_commit_says_so(root: Path) -> None:
    """Unpacked inside another project, it is not at that project's commits."""
    inner = root / "unpacked"
    (inner / "models").mkdir(parents=True)
    (inner / "models" / "__init__.py").write_text("")
    with pytest.raises(
        SetupError, match=r"main: .*unpacked is in no commit of the repository around it: name a folder"
    ):
        base_of(inner, "main")


def test_commits_of_a_project_count_wherever_they_lie_in_its_folder(root: Path) -> None:
    """Any file of it may be imported; the rest of its repository is no part of it."""
    git(root, "checkout", "-q", "main")
    commit(root, "a script", {"app/net.py": "x", "models/more.py": ""})
    commit(root, "elsewhere", {"models/other.py": ""})
    git(root, "checkout", "-q", "topic")
    (root / "app").mkdir()
    commit(root, "head's own", {"app/mine.py": ""})
    arms, whole = {Side.BASE: Arm(ref="main"), Side.HEAD: Arm()}, Scope(whole=True, own=False)
    for folder, count in ((root, "3 commits"), (root / "app", "1 commit")):
        base = find_origins(folder, arms, from_branch_point=True, scope=whole)[Side.BASE]
        assert base.source == Commit(folder=folder, name=git(root, "merge-base", "main", "topic"))
        assert base.remarks[1].startswith(f"main has {count} of the project that head lacks")


def test_project_that_is_in_no_commit_says_so(root: Path) -> None:
    """Whatever it holds."""
    (root / "unpacked").mkdir()
    (root / "unpacked" / "net.py").write_text("")
    arms = {Side.BASE: Arm(ref="main"), Side.HEAD: Arm()}
    with pytest.raises(SetupError, match="unpacked is in no commit of the repository around it"):
        find_origins(root / "unpacked", arms, from_branch_point=True, scope=Scope(whole=True, own=False))


def kept_base_of(root: Path, ref: str | None, commit_then: str | None) -> Origin:
    """Return where base comes from in a part that is added."""
    facts = Environment(facts={"arm.base.commit": commit_then, "arm.head.commit": None})
    return find_kept_origins(root, {Side.BASE: Arm(ref=ref), Side.HEAD: Arm()}, facts)[Side.BASE]


@pytest.mark.parametrize("ref", ["HEAD", "HEAD~1", "topic"])
def test_added_blocks_compare_with_the_commit_that_the_first_did(ref: str, root: Path) -> None:
    """Whoever commits what was compared has moved HEAD and the branch; the gate's base is where it was."""
    then = base_of(root, ref)
    commit(root, "the same code, committed", {"note.txt": "x"})
    assert base_of(root, ref).source != then.source
    kept = kept_base_of(root, ref, str(then.facts["commit"]))
    assert (kept.source, kept.facts) == (then.source, then.facts)
    assert kept.remarks[0].startswith(f"{ref}, as it was when this gate began, is ")
    assert kept.same_commit is None


def test_commit_that_is_gone_cannot_be_gone_on_with(root: Path) -> None:
    """Another one would be another gate."""
    with pytest.raises(SetupError, match=r"main was 0{12} when this gate began, and that commit is no longer here"):
        kept_base_of(root, "main", "0" * 40)


def test_folder_and_working_tree_are_what_they_are_now(root: Path) -> None:
    """Their files are compared, so that a change in them is found."""
    assert kept_base_of(root, None, None).source == Folder(path=root)
    assert kept_base_of(root, "./models", str(root / "models")).source == Folder(path=Path("./models"))
