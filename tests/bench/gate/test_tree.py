"""One function makes both arms' trees: the same commit is the same tree, whatever a checkout did to its files."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from bench.gate import tree as tree_module
from bench.gate.scope import Scope
from bench.gate.tree import (
    DANGLING,
    IGNORED,
    NESTED,
    POINTER,
    SPECIAL,
    SUBMODULE,
    Commit,
    Folder,
    Source,
    TreeError,
    find_differences,
    include_generated,
    list_differing,
    make_tree,
)
from bench.host.code import code_facts, digest_files
from bench.record.arm import Side
from bench.record.gate import FileDifference
from tests.makers.repositories import commit, git, made_repository, write


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A repository of one commit."""
    return made_repository(tmp_path / "root")


def head(root: Path) -> Commit:
    """Return its latest commit."""
    return Commit(folder=root, name=git(root, "rev-parse", "HEAD"))


def prints_of(source: Source, target: Path) -> dict[str, str]:
    """Return the fingerprints of the tree that a source makes."""
    make_tree(source, target)
    return digest_files(target / "models")


def test_commit_is_exported_as_it_was(root: Path, tmp_path: Path) -> None:
    """Without touching the checkout, and without what is not compared."""
    write(root, {"models/__init__.py": "NEW = 1\n"})
    assert make_tree(head(root), tmp_path / "base") == {}
    assert (tmp_path / "base" / "models" / "__init__.py").read_text() == "OLD = 1\n"
    assert not (tmp_path / "base" / "bench").exists()


def test_folder_is_frozen_with_what_is_changed_and_new(root: Path, tmp_path: Path) -> None:
    """What is edited while the gate runs does not come into it."""
    write(root, {"models/__init__.py": "NEW = 1\n", "models/more/net.py": "x = 1\n", "models/out/__init__.py": ""})
    make_tree(Folder(path=root), tmp_path / "head")
    write(root, {"models/__init__.py": "LATER = 1\n"})
    assert sorted(digest_files(tmp_path / "head" / "models")) == ["__init__.py", "more/net.py", "out/__init__.py"]
    assert (tmp_path / "head" / "models" / "__init__.py").read_text() == "NEW = 1\n"


def test_removed_file_is_in_no_tree(root: Path, tmp_path: Path) -> None:
    """In the index or on disk alone."""
    commit(root, "two more", {"models/a.py": "", "models/b.py": ""})
    git(root, "rm", "-q", "models/a.py")
    (root / "models" / "b.py").unlink()
    assert sorted(prints_of(Folder(path=root), tmp_path / "head")) == ["__init__.py"]


def test_ignored_file_is_in_neither_tree_and_named(root: Path, tmp_path: Path) -> None:
    """In head only, it made identical code differ by a third."""
    write(root, {"models/generated.py": "SLOW = 1\n", "models/__pycache__/x.pyc": "x"})
    assert make_tree(Folder(path=root), tmp_path / "head") == {"models/generated.py": IGNORED}
    assert digest_files(tmp_path / "head" / "models") == prints_of(head(root), tmp_path / "base")


@pytest.mark.parametrize(
    ("attributes", "configured"),
    [
        ("*.py text eol=crlf\n", ()),
        ("*.py export-ignore\n", ()),
        ("*.py export-subst\n", ()),
        ("*.py ident\n", ()),
        ("", ("core.autocrlf", "true")),
    ],
)
def test_same_commit_is_the_same_tree_whatever_git_filters(
    attributes: str, configured: tuple[str, ...], root: Path, tmp_path: Path
) -> None:
    """A checkout has other line endings than a blob, an archive has other text and leaves files out."""
    text = "# $Id$ $Format:%H$\nx = 1\n"
    commit(root, "attributes", {"models/net.py": text, **({".gitattributes": attributes} if attributes else {})})
    if configured:
        git(root, "config", *configured)
    (root / "models" / "net.py").unlink()
    git(root, "checkout", "-q", "--", "models")
    if "eol" in attributes or configured:
        assert b"\r\n" in (root / "models" / "net.py").read_bytes(), "the checkout does not show what is tested"
    assert prints_of(Folder(path=root), tmp_path / "head") == prints_of(head(root), tmp_path / "base")
    assert (tmp_path / "head" / "models" / "net.py").read_text() == text


def test_repository_without_a_commit_is_taken_from_the_disk(tmp_path: Path) -> None:
    """Everything in it is changed."""
    git(tmp_path, "init", "-q")
    write(tmp_path, {"models/__init__.py": "x\n"})
    git(tmp_path, "add", ".")
    assert sorted(prints_of(Folder(path=tmp_path), tmp_path / "head")) == ["__init__.py"]


def test_folder_outside_a_repository_is_taken_as_it_lies(tmp_path: Path) -> None:
    """A downloaded archive has no history, and no git need be there."""
    write(
        tmp_path, {"plain/models/__init__.py": "", "plain/models/__pycache__/a.pyc": "", "plain/models/cfg.json": "1"}
    )
    assert sorted(prints_of(Folder(path=tmp_path / "plain"), tmp_path / "head")) == ["__init__.py", "cfg.json"]


def test_checkout_below_the_top_of_its_repository(tmp_path: Path) -> None:
    """Paths are relative to the checkout, not to the repository."""
    git(tmp_path, "init", "-q")
    name = commit(tmp_path, "nested", {"deep/down/models/__init__.py": "OLD\n", "models/__init__.py": "OTHER\n"})
    root = tmp_path / "deep" / "down"
    write(root, {"models/__init__.py": "NEW\n"})
    for source, text in ((Commit(folder=root, name=name), "OLD\n"), (Folder(path=root), "NEW\n")):
        make_tree(source, tmp_path / text.strip())
        assert (tmp_path / text.strip() / "models" / "__init__.py").read_text() == text


def test_what_our_own_run_writes_belongs_to_no_arm(root: Path, tmp_path: Path) -> None:
    """A result and its journal may lie beside the network."""
    write(root, {"models/out.json": "{}", "models/out.jsonl": "{}", "models/mine.json": "{}"})
    own = [root / "models" / "out.json", root / "models" / "out.jsonl"]
    make_tree(Folder(path=root), tmp_path / "head", own)
    assert sorted(digest_files(tmp_path / "head" / "models")) == ["__init__.py", "mine.json"]


def test_names_that_are_no_text_are_bytes(root: Path, tmp_path: Path) -> None:
    """A file name need not be UTF-8, nor on one line."""
    names = [b"models/\xff\xfe.txt", b"models/two\nlines.txt", b"models/ blank .txt", "models/umlaut-ä.txt".encode()]
    for name in names:
        (root / os.fsdecode(name)).write_text("x")
    untracked = prints_of(Folder(path=root), tmp_path / "untracked")
    name = commit(root, "odd names")
    assert prints_of(Commit(folder=root, name=name), tmp_path / "base") == untracked
    assert len(untracked) == 5
    assert {path.encode() for path in code_facts("code", untracked)}  # so that they can be stored


def test_link_inside_is_made_again_and_one_outside_is_refused(root: Path, tmp_path: Path) -> None:
    """Through a link that leads out, both arms would read the same file."""
    (root / "models" / "alias.py").symlink_to("__init__.py")
    make_tree(Folder(path=root), tmp_path / "head")
    assert (tmp_path / "head" / "models" / "alias.py").readlink() == Path("__init__.py")
    commit(root, "a link")
    make_tree(head(root), tmp_path / "base")
    assert (tmp_path / "base" / "models" / "alias.py").readlink() == Path("__init__.py")
    write(root, {"shared.py": ""})
    (root / "models" / "shared.py").symlink_to("../shared.py")
    with pytest.raises(TreeError, match=r"models/shared.py is a link to ../shared.py, outside of models"):
        make_tree(Folder(path=root), tmp_path / "head-2")


def test_what_is_no_file_is_left_out_and_named(root: Path, tmp_path: Path) -> None:
    """An editor's lock is a link to nothing; a pipe, which git does not see at all, would never end."""
    (root / "models" / ".#net.py").symlink_to("/somebody@somewhere.1234")
    (root / "models" / ".#other.py").symlink_to("somebody@somewhere.1234")
    left_out = {"models/.#net.py": DANGLING, "models/.#other.py": DANGLING}
    assert make_tree(Folder(path=root), tmp_path / "head") == left_out
    assert digest_files(tmp_path / "head" / "models") == prints_of(head(root), tmp_path / "base")
    write(tmp_path, {"plain/models/__init__.py": ""})
    os.mkfifo(tmp_path / "plain" / "models" / "pipe")
    assert make_tree(Folder(path=tmp_path / "plain"), tmp_path / "head-2") == {"models/pipe": SPECIAL}


def test_submodule_and_pointer_are_named(root: Path, tmp_path: Path) -> None:
    """What they stand for is in neither tree."""
    inner = made_repository(tmp_path / "inner")
    git(root, "-c", "protocol.file.allow=always", "submodule", "add", "-q", str(inner), "models/inner")
    pointer = b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n"
    commit(root, "both", {"models/weights.bin": pointer})
    left_out = {"models/inner": SUBMODULE, "models/weights.bin": POINTER}
    assert make_tree(head(root), tmp_path / "base") == left_out
    assert make_tree(Folder(path=root), tmp_path / "head") == left_out


def test_tree_that_is_too_large_names_its_largest_file(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both arms are copied for every gate."""
    monkeypatch.setattr(tree_module, "MOST_BYTES", 3 << 20)
    commit(root, "data", {"models/small.bin": bytes(1 << 20), "models/large.bin": bytes(3 << 20)})
    for source in (head(root), Folder(path=root)):
        with pytest.raises(TreeError, match=r"4 MiB, of which models/large.bin 3; at most 3 are compared"):
            make_tree(source, tmp_path / "tree")


@pytest.mark.parametrize("tracked", [True, False])
def test_source_without_models_says_so(tmp_path: Path, *, tracked: bool) -> None:
    """Nothing is compared with nothing."""
    if tracked:
        git(tmp_path, "init", "-q")
        name = commit(tmp_path, "none", {"models.py": ""})
        with pytest.raises(TreeError, match=rf"{name[:12]} of .* holds no models/__init__.py"):
            make_tree(Commit(folder=tmp_path, name=name), tmp_path / "base")
    with pytest.raises(TreeError, match=r"holds no models/__init__.py"):
        make_tree(Folder(path=tmp_path), tmp_path / "head")


WHOLE = Scope(whole=True, own=False)


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A repository with a network in a package, a script and a page, of one commit."""
    root = tmp_path / "project"
    root.mkdir()
    git(root, "init", "-q")
    files = {
        "src/pkg/__init__.py": "",
        "src/pkg/net.py": "OLD = 1\n",
        "README.md": "x\n",
        ".gitignore": "*.so\n.venv\n",
    }
    commit(root, "first", files)
    return root


def test_whole_of_a_project_is_frozen(project: Path, tmp_path: Path) -> None:
    """Any file of it may be imported; what git ignores is neither there nor named, since a project has much of it."""
    write(project, {"src/pkg/net.py": "NEW = 1\n", "new.py": "", ".venv/lib/big.py": "", "src/pkg/_ext.so": b"\0"})
    assert make_tree(head(project), tmp_path / "base", scope=WHOLE) == {}
    assert make_tree(Folder(path=project), tmp_path / "head", scope=WHOLE) == {}
    same = [".gitignore", "README.md", "src/pkg/__init__.py", "src/pkg/net.py"]
    assert sorted(digest_files(tmp_path / "base")) == same
    assert sorted(digest_files(tmp_path / "head")) == sorted([*same, "new.py"])
    assert (tmp_path / "base" / "src" / "pkg" / "net.py").read_text() == "OLD = 1\n"
    assert (tmp_path / "head" / "src" / "pkg" / "net.py").read_text() == "NEW = 1\n"


def test_project_below_the_top_of_its_repository_is_its_folder_alone(project: Path, tmp_path: Path) -> None:
    """Of a repository of many projects, the others are in no tree."""
    make_tree(Commit(folder=project / "src", name=git(project, "rev-parse", "HEAD")), tmp_path / "base", scope=WHOLE)
    make_tree(Folder(path=project / "src"), tmp_path / "head", scope=WHOLE)
    for side in ("base", "head"):
        assert sorted(digest_files(tmp_path / side)) == ["pkg/__init__.py", "pkg/net.py"]


def test_project_in_no_repository_is_taken_as_it_lies(tmp_path: Path) -> None:
    """Nor is what git keeps of a repository without a commit a part of it."""
    write(tmp_path, {"plain/net.py": "", "plain/.git/HEAD": "x", "plain/__pycache__/net.pyc": ""})
    make_tree(Folder(path=tmp_path / "plain"), tmp_path / "head", scope=WHOLE)
    assert sorted(digest_files(tmp_path / "head")) == ["net.py"]


def test_project_without_a_file_says_so(project: Path, tmp_path: Path) -> None:
    """A commit from before the folder was there has nothing to import."""
    folder = project / "later"
    commit(project, "second", {"later/net.py": ""})
    first = Commit(folder=folder, name=git(project, "rev-parse", "HEAD~1"))
    with pytest.raises(TreeError, match="holds no file, in this folder of the repository"):
        make_tree(first, tmp_path / "base", scope=WHOLE)


def test_link_out_of_a_project_leads_to_the_same_place(project: Path, tmp_path: Path) -> None:
    """A folder of data is often such a link; what is imported through it is found elsewhere."""
    write(tmp_path, {"data/weights.bin": "1"})
    (project / "data").symlink_to("../data")
    (project / "net.py").symlink_to("src/pkg/net.py")
    name = commit(project, "links")
    for source, target in ((Commit(folder=project, name=name), "base"), (Folder(path=project), "head")):
        make_tree(source, tmp_path / target, scope=WHOLE)
        assert (tmp_path / target / "data" / "weights.bin").read_text() == "1"
        assert (tmp_path / target / "net.py").readlink() == Path("src/pkg/net.py")


def test_line_endings_of_a_checkout_make_no_difference_in_a_project(project: Path, tmp_path: Path) -> None:
    """Unchanged files come out of their blobs in both arms."""
    git(project, "config", "core.autocrlf", "true")
    (project / "src" / "pkg" / "net.py").unlink()
    git(project, "checkout", "-q", "--", "src")
    assert b"\r\n" in (project / "src" / "pkg" / "net.py").read_bytes(), "the checkout does not show what is tested"
    make_tree(head(project), tmp_path / "base", scope=WHOLE)
    make_tree(Folder(path=project), tmp_path / "head", scope=WHOLE)
    assert digest_files(tmp_path / "base") == digest_files(tmp_path / "head")


def test_repository_inside_a_project_is_no_file_of_it(project: Path, tmp_path: Path) -> None:
    """Git lists it as one name and does not look into it."""
    commit(made_repository(project / "inner"), "inner")
    assert make_tree(Folder(path=project), tmp_path / "head", scope=WHOLE) == {"inner": NESTED}
    assert "inner" not in {path.partition("/")[0] for path in digest_files(tmp_path / "head")}


def test_generated_files_come_from_the_working_tree_into_both_trees(project: Path, tmp_path: Path) -> None:
    """Without them no import works; what a commit holds itself goes before."""
    write(project, {"src/pkg/_ext.abi3.so": b"\0new", "src/pkg/net.py": "NEW = 1\n"})
    trees = [tmp_path / "base", tmp_path / "head"]
    for source, tree in zip((head(project), Folder(path=project)), trees, strict=True):
        make_tree(source, tree, scope=WHOLE)
    told = include_generated(project, ["src/pkg/*.so", "src/pkg/net.py", "build/*.so"], trees)
    assert told == {
        "src/pkg/_ext.abi3.so": "src/pkg/_ext.abi3.so is the working tree's in both arms, since include names it",
        "build/*.so": "include names build/*.so, which fits no file of the working tree",
    }
    assert [(tree / "src" / "pkg" / "_ext.abi3.so").read_bytes() for tree in trees] == [b"\0new"] * 2
    assert [(tree / "src" / "pkg" / "net.py").read_text() for tree in trees] == ["OLD = 1\n", "NEW = 1\n"]


def test_differences_are_named_with_their_lines(tmp_path: Path) -> None:
    """The answer of a gate begins with them."""
    base, head = tmp_path / "base", tmp_path / "head"
    same = {"models/same.py": "x\n"}
    write(base, {**same, "models/net.py": "a\nb\nc\n", "models/gone.py": "a\nb\n", "models/data.bin": b"\0a"})
    write(head, {**same, "models/net.py": "a\nB\nc\nd\n", "models/new.json": "1\n", "models/data.bin": b"\0b"})
    prints = {Side.BASE: digest_files(base), Side.HEAD: digest_files(head)}
    assert find_differences(base, head, list_differing(prints)) == (
        FileDifference(path="models/data.bin", added=None, removed=None),
        FileDifference(path="models/gone.py", added=0, removed=2),
        FileDifference(path="models/net.py", added=2, removed=1),
        FileDifference(path="models/new.json", added=1, removed=0),
    )
    assert list_differing(dict.fromkeys(Side, prints[Side.BASE])) == []
