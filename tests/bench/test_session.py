"""What a run and a gate have in common: images, and what workers tell about where this is."""

from __future__ import annotations

import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from bench import session as session_module
from bench.processes.local import LaunchError, WorkerDiedError, WorkerTimeoutError
from bench.protocol import Failure, Request, TellFacts
from bench.record.step_spec import parse_steps
from bench.request import Project, SetupError
from bench.session import Images, Session, describe_project, download, locate_images, open_session
from models import dataset
from tests.makers.doubles import FakePool, FakeWorker
from tests.makers.repositories import commit, made_repository
from tests.makers.requests import made_request

IMAGES = Images(root=None, source="random", reason="asked for")


def session(scratch: Path) -> Session:
    """Return a session that feeds random images."""
    return Session(request=made_request(), scratch=scratch, images=IMAGES)


def test_session_is_whole_and_leaves_no_folder_behind() -> None:
    """What is made in it is in it from the first line of the block on."""
    with open_session(made_request()) as opened:
        assert opened.images == IMAGES
        assert opened.scratch.is_dir()
        assert (opened.worker_setup.seed, opened.worker_setup.data_root) == (0, None)
    assert not opened.scratch.exists()


def test_session_that_cannot_be_made_leaves_no_folder_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A download that fails comes after the folder was made."""

    def fail(_root: Path) -> None:
        raise SetupError("no route")

    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.setattr(session_module, "download", fail)
    with pytest.raises(SetupError, match="no route"), open_session(made_request(data="auto", download=True)):
        pytest.fail("was opened")
    assert list(tmp_path.iterdir()) == []


def test_facts_come_from_one_worker_of_each_device(tmp_path: Path) -> None:
    """A device that is absent has no description, and the reason why."""
    pool = FakePool(absent={"cuda": "no card"})
    facts = session(tmp_path).worker_facts(pool.open, ["cpu", "cpu", "cuda"])
    assert facts == {
        "torch.threads": 2,
        "device.cpu.description": "Imaginary",
        "device.cuda.description": None,
        "device.cuda.description.reason": "no card",
    }
    assert len(pool.opened) == 1
    assert not any(worker.alive for worker in pool.opened)


@pytest.mark.parametrize("error", [WorkerDiedError("SIGSEGV"), WorkerTimeoutError("late")], ids=["crash", "timeout"])
def test_worker_that_dies_while_it_is_asked_for_facts_costs_its_facts_only(error: Exception, tmp_path: Path) -> None:
    """A driver that crashes is its cases' outcome, not the run's."""

    def script(worker: FakeWorker, request: Request[Any]) -> Exception | None:
        return error if isinstance(request, TellFacts) and worker.device == "cuda" else None

    pool = FakePool(script)
    facts = session(tmp_path).worker_facts(pool.open, ["cpu", "cuda"])
    assert facts["device.cpu.description"] == "Imaginary"
    assert facts["device.cuda.description"] is None
    assert str(error) in str(facts["device.cuda.description.reason"])
    assert len(pool.requests(TellFacts)) == 3


def test_steps_of_the_users_own_are_told_to_workers_and_on_record(tmp_path: Path) -> None:
    """A worker gets an absolute path; the record has what was written, and the file's fingerprint."""
    (tmp_path / "steps.py").write_text("one")
    _, specs = parse_steps(["steps.py:mine"], tmp_path)
    own = replace(session(tmp_path), request=made_request(own_steps=specs))
    assert own.worker_setup.steps == {"mine": f"{tmp_path / 'steps.py'}:mine"}
    before = own.environment({}).facts
    (tmp_path / "steps.py").write_text("two")
    after = own.environment({}).facts
    assert before["step.mine.spec"] == after["step.mine.spec"] == "steps.py:mine"
    assert before["step.mine.digest"] != after["step.mine.digest"]


def test_worker_that_dies_once_is_asked_again(tmp_path: Path) -> None:
    """Going on with a run or a gate is refused where facts are missing."""

    def script(worker: FakeWorker, request: Request[Any]) -> Exception | None:
        return WorkerDiedError("SIGKILL") if isinstance(request, TellFacts) and worker.number == 0 else None

    assert session(tmp_path).worker_facts(FakePool(script).open, ["cpu"])["device.cpu.description"] == "Imaginary"


def test_launcher_that_does_not_come_up_is_not_swallowed(tmp_path: Path) -> None:
    """Nothing at all can be measured then."""

    class Broken(FakePool):
        def open(self, device: str, launch: int) -> FakeWorker | Failure:
            raise LaunchError(f"no torch for {device} in launch {launch}")

    with pytest.raises(LaunchError, match="no torch"):
        session(tmp_path).worker_facts(Broken().open, ["cpu"])


def test_project_of_the_users_own_is_on_record(tmp_path: Path) -> None:
    """Whoever reads a result a year later finds which commit of whose repository it was; ours is on record anyway."""
    repository = made_repository(tmp_path / "mine")
    (repository / "net.py").write_text("")
    committed = commit(repository, "first")
    project = Project(folder=repository, src="src", own=False)
    facts = describe_project(made_request(project=project, shape=(3, 8)))
    assert facts["project.folder"] == str(repository)
    assert facts["project.commit.id"] == committed
    assert (facts["project.src"], facts["project.shape"]) == ("src", "3,8")
    assert describe_project(made_request()) == {}


def test_models_that_are_fed_no_images_have_none(tmp_path: Path) -> None:
    """A footer that names images which nobody looked at would mislead."""
    images = locate_images(made_request(data="auto", fed_images=False), tmp_path)
    assert (images.root, images.source) == (None, "own")


def test_auto_takes_random_images_where_there_are_no_real_ones(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """And says where it looked."""
    monkeypatch.setattr(dataset, "DEBIAN", tmp_path / "debian")
    images = locate_images(made_request(data="auto", data_root=tmp_path), tmp_path)
    assert images == Images(root=None, source="random", reason=f"no FashionMNIST files in {tmp_path}")
    assert locate_images(made_request(data_root=tmp_path), tmp_path) == IMAGES


def test_real_images_are_taken_where_they_are(tmp_path: Path) -> None:
    """And the source is on record."""
    raw = tmp_path / dataset.RAW
    raw.mkdir(parents=True)
    for name in dataset.FILES:
        (raw / name).touch()
    images = locate_images(made_request(data="auto", data_root=tmp_path), tmp_path / "scratch")
    assert images == Images(root=str(tmp_path), source="fashion-mnist", reason=f"found in {raw}")


@pytest.mark.parametrize(
    ("done", "sentence"),
    [
        (
            subprocess.CompletedProcess([], 2, "", "noise\ndownload failed (no route)\n"),
            r"download failed \(no route\)",
        ),
        (subprocess.CompletedProcess([], -9, "", ""), "the download failed"),
    ],
    ids=["said", "silent"],
)
def test_download_that_fails_is_a_sentence(
    done: subprocess.CompletedProcess[str], sentence: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before anything is timed."""
    monkeypatch.setattr(session_module.subprocess, "run", lambda *_, **__: done)
    with pytest.raises(SetupError, match=f"^{sentence}$"):
        download(Path("data"))
