"""What any measuring needs before its first case: a scratch folder, what the network is fed, and where this is."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from bench.files.whole import write_whole
from bench.host.code import digest_file
from bench.host.environment_variables import importing, worker_variables
from bench.host.facts import commit, gather
from bench.host.folders import ROOT, scratch_folder
from bench.host.limits import memory_bytes
from bench.processes.local import AskedToStopError, WorkerDiedError, WorkerTimeoutError
from bench.processes.pool import WORKERS_LOG, WorkerSetup
from bench.processes.supervisor import Opener
from bench.protocol import FactsTold, Failure, TellFacts, TellModel
from bench.protocol import Request as Question
from bench.record.conditions import Environment, Scalar
from bench.record.run import Outcome
from bench.record.spec import Kind, ModelSpec
from bench.record.step_spec import StepSpec
from bench.request import Request, SetupError
from models import dataset

OWN_INPUTS = "own"
"""The source of what models are fed that make their inputs themselves."""

REFERENCES = "references"
"""The folder of the scratch folder that right answers are kept in."""

ASKED_FOR_FACTS = 2
"""A worker that dies while it is asked is replaced once: going on is refused later where facts are missing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Images:
    """Where images come from.

    Attributes:
        root: torchvision's root of the real ones; None for random ones.
        source: ``fashion-mnist``, ``random``, or `OWN_INPUTS` where no model is fed any.
        reason: why this source.
    """

    root: str | None
    source: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """What a run and a gate need besides their cases; see `open_session`.

    Attributes:
        request: what was asked for.
        scratch: a folder that is gone when the session ends.
        images: what the network is fed.
        own: files that this program writes itself, which are no part of what is timed.
    """

    request: Request
    scratch: Path
    images: Images
    own: tuple[Path, ...] = ()

    @property
    def worker_setup(self) -> WorkerSetup:
        """What every worker is told first."""
        return WorkerSetup(
            seed=self.request.settings.seed,
            data_root=self.images.root,
            left_out=self.request.unsteady,
            timeout_seconds=self.request.settings.timeout_seconds,
            memory_bytes=memory_bytes(),
            models={spec.id: spec.text for spec in self.request.models if spec.kind is not Kind.BUILT_IN},
            project=self.request.project.folder,
            src=self.request.project.src,
            shape=self.request.shape,
            references=self.scratch / REFERENCES,
            steps={spec.id: spec.target for spec in self.request.own_steps},
        )

    def keep_log(self, target: Path) -> Path | None:
        """Copy what the workers printed to a file and return it; None if they printed nothing.

        Raises:
            OSError: if it cannot be written.
        """
        log = self.scratch / WORKERS_LOG
        if not log.exists() or not log.stat().st_size:
            return None
        write_whole(target, log.read_bytes())
        return target

    def environment(self, worker_facts: Mapping[str, Scalar]) -> Environment:
        """Return where this is, with what the workers tell about torch and the devices."""
        holding = worker_variables(self.scratch, self.request.unsteady)
        return gather(
            ROOT,
            overridden=[name for name, value in holding.items() if os.environ.get(name, value) != value],
            data_source=self.images.source,
            data_reason=self.images.reason,
            left_out=self.request.unsteady,
            worker_facts={**describe_project(self.request), **step_facts(self.request.own_steps), **worker_facts},
            own=self.own,
        )

    def worker_facts(self, opener: Opener, devices: Iterable[str]) -> dict[str, Scalar]:
        """Return what a worker of each device tells about torch and the device, or why it does not.

        Args:
            opener: makes workers.
            devices: by name.

        Raises:
            LaunchError: if no worker can be started at all.
        """
        facts: dict[str, Scalar] = {}
        names = list(dict.fromkeys(devices))
        for device in names:
            told = self._ask(opener, device, TellFacts())
            facts |= missing_facts(device, told) if isinstance(told, str | None) else told
        for spec in self.request.models if names else ():
            if spec.kind is not Kind.BUILT_IN:  # asked apart: its code runs, and may do anything
                told = self._ask(opener, names[0], TellModel(name=spec.id))
                facts |= missing_model(spec, told) if isinstance(told, str | None) else told
        return facts

    def _ask(self, opener: Opener, device: str, question: Question[FactsTold]) -> Mapping[str, Scalar] | str | None:
        """Return the facts that a worker of a device tells, or why it does not."""
        reason = None
        for _ in range(ASKED_FOR_FACTS):
            try:
                worker = opener(device, 0)
                if isinstance(worker, Failure):
                    reason = worker.reason
                    if worker.outcome is Outcome.SKIPPED:
                        break
                    continue
                reply = worker.ask(question, self.request.settings.timeout_seconds)
                worker.end()
            except (WorkerDiedError, WorkerTimeoutError) as error:
                reason = str(error)
            except AskedToStopError:
                reason = "the run was stopped"
                break
            else:
                if not isinstance(reply, Failure):
                    return reply.facts
                reason = reply.reason
        return reason


def missing_model(spec: ModelSpec, reason: str | None) -> dict[str, Scalar]:
    """Return what is stored of a model that its workers cannot import."""
    name = f"model.{spec.id}"
    return {f"{name}.spec": spec.text, f"{name}.file": None, f"{name}.file.reason": reason}


def describe_project(request: Request) -> dict[str, Scalar]:
    """Return what is on record of the project that models of the user's own come from, and of what they are fed."""
    project = request.project
    facts: dict[str, Scalar] = {}
    if not project.own:
        facts |= {"project.folder": str(project.folder)}
        facts |= {f"project.{name}": value for name, value in commit(project.folder).items()}
    if project.src is not None:
        facts["project.src"] = project.src
    if request.shape is not None:
        facts["project.shape"] = ",".join(map(str, request.shape))
    return facts


def step_facts(specs: Iterable[StepSpec]) -> dict[str, Scalar]:
    """Return what is on record of the steps of the user's own: where each comes from, and its file's fingerprint."""
    facts: dict[str, Scalar] = {}
    for spec in specs:
        facts |= {f"step.{spec.id}.spec": spec.text, f"step.{spec.id}.digest": digest_file(spec.file)}
    return facts


def missing_facts(device: str, reason: str | None) -> dict[str, Scalar]:
    """Return what is stored of a device whose workers do not tell what it is."""
    return {f"device.{device}.description": None, f"device.{device}.description.reason": reason}


@contextmanager
def open_session(request: Request, own: tuple[Path, ...] = ()) -> Iterator[Session]:
    """Make a session for the length of the block.

    Args:
        request: what was asked for.
        own: files that this program writes itself.

    Raises:
        SetupError: if the images cannot be fetched.
        OSError: if a file cannot be read.
    """
    with scratch_folder() as scratch:
        yield Session(request=request, scratch=scratch, images=locate_images(request, scratch), own=own)


def locate_images(request: Request, scratch: Path) -> Images:
    """Return the images that were asked for; packed files are unpacked below `scratch`.

    Raises:
        SetupError: if they cannot be fetched.
        OSError: if a file cannot be read.
    """
    if not request.fed_images:
        return Images(root=None, source=OWN_INPUTS, reason="no model here is fed images of FashionMNIST")
    if request.data == "random":
        return Images(root=None, source="random", reason="asked for")
    if request.download:
        download(request.data_root)
    folder = dataset.find(request.data_root)
    if folder is None:
        return Images(root=None, source="random", reason=f"no FashionMNIST files in {request.data_root}")
    root = dataset.torchvision_root(folder, scratch / "data")
    return Images(root=str(root.absolute()), source="fashion-mnist", reason=f"found in {folder}")


def download(root: Path) -> None:
    """Fetch FashionMNIST in a process of its own, since that imports torch.

    Raises:
        SetupError: if it cannot be fetched.
    """
    command = [sys.executable, "-m", "models", "--download", str(root.resolve())]
    done = subprocess.run(command, cwd=ROOT, env=importing(), capture_output=True, text=True, check=False)
    if done.returncode:
        raise SetupError((done.stderr.strip().splitlines() or ["the download failed"])[-1])
