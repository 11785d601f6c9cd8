"""A process of its own that prepares cases and times one slice when asked; one JSON line in, one out.

Forked from the launcher, or executed as ``python -m bench.worker.serve FD PARENT`` where forking is unsafe.
"""

from __future__ import annotations

import gc
import os
import socket
import sys
import traceback
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from bench.devices.backend import UnknownDeviceError, first_line, is_out_of_memory
from bench.host.lifetime import die_first, die_with_parent, ignore_terminal
from bench.protocol import (
    WORDS,
    CaseRequest,
    CompareAnswers,
    Count,
    Done,
    Drop,
    Exit,
    Failure,
    FindCeilings,
    Join,
    ListModels,
    Open,
    Prepare,
    Probe,
    ReadYardstick,
    Reply,
    Request,
    TakeProfile,
    TellFacts,
    TellFootprint,
    TellModel,
    TimeLayers,
    TimeSlice,
    Verify,
    WatchCompiling,
    decode_request,
    encode_reply,
)
from bench.record.run import Outcome
from bench.steps.global_state import is_installed
from bench.steps.imported import ImportedError
from bench.steps.support import SkipError
from bench.steps.surroundings import surroundings
from bench.steps.verify import WrongResultError
from bench.worker.worker import Worker

ENGINE = Path(os.path.realpath(__file__)).parents[1]
"""The engine's own code is in no place that is named, even where it lies in the project."""

MODELS = "models"


def failure_of(error: BaseException, folders: Sequence[Path] = ()) -> Failure:
    """Return the outcome and the one-line reason that an exception stands for.

    Args:
        error: what was raised.
        folders: whose code is timed: the reason says where in it.
    """
    if isinstance(error, SkipError | UnknownDeviceError):
        return Failure(outcome=Outcome.SKIPPED, reason=str(error))
    if isinstance(error, WrongResultError):
        return Failure(outcome=Outcome.WRONG_RESULT, reason=str(error))
    outcome = Outcome.OUT_OF_MEMORY if is_out_of_memory(error) else Outcome.FAILED
    place = None if isinstance(error, ImportedError) else find_place(error, folders)
    return Failure(outcome=outcome, reason=first_line(error) + (f" ({place})" if place else ""))


def find_place(error: BaseException, folders: Sequence[Path]) -> str | None:
    """Return file and line of the timed code that an exception comes from; None if it comes from elsewhere.

    A virtual environment may lie in the project: what is installed there is not the timed code.
    """
    real = [Path(os.path.realpath(folder)) for folder in folders]
    for frame in reversed(traceback.extract_tb(error.__traceback__)):
        if frame.filename.startswith("<"):  # no file: as a path it would lie in the working folder
            continue
        file = Path(os.path.realpath(frame.filename))
        for folder in real:
            installed = is_installed(str(file)) and not is_installed(str(folder))
            if file.is_relative_to(folder) and not file.is_relative_to(ENGINE) and not installed:
                return f"{file.relative_to(folder.parent if folder.name == MODELS else folder)}:{frame.lineno}"
    return None


def serve(channel: socket.socket) -> None:
    """Answer requests until the other side closes its end or says exit."""
    worker: Worker | None = None
    own = os.getpid()
    with channel.makefile("rwb") as stream:
        for line in stream:
            try:
                request = decode_request(line)
                if isinstance(request, Exit):
                    return
                reply: Reply
                if isinstance(request, Open):
                    if request.models:  # a path that one of them opens is meant from the project's folder
                        os.chdir(request.project)
                    worker = Worker(request)
                    reply = Done()
                else:
                    reply = answer(worker, request)
            except SystemExit as error:
                reply = Failure(outcome=Outcome.FAILED, reason=f"the model's code called sys.exit({error.code!r})")
            except Exception as error:  # noqa: BLE001  whatever a case raises is that case's outcome
                reply = failure_of(error, () if worker is None else worker.folders)
            if os.getpid() != own:  # the model's code forked, and its child came back from the call as well
                os._exit(0)
            stream.write(encode_reply(reply))
            stream.flush()


def answer(worker: Worker | None, request: Request[Any]) -> Reply:
    """Have a worker carry out a request and return its reply."""
    if worker is None:
        raise RuntimeError(f"{WORDS[type(request)]!r} was asked before a device was opened")
    if not isinstance(request, CaseRequest):
        return _carry_out(worker, request)
    with surroundings(request.case, worker.device, lambda: worker.import_model(request.case)):
        return _carry_out(worker, request)


def _carry_out(worker: Worker, request: Request[Any]) -> Reply:  # noqa: C901, PLR0911, PLR0912  one for each request
    match request:
        case TimeSlice():
            return worker.time_slice(request)
        case Verify():
            return worker.verify(request)
        case ReadYardstick():
            return worker.read_yardstick()
        case Prepare():
            return worker.prepare(request)
        case Drop():
            return worker.drop()
        case Probe():
            return worker.probe(request)
        case Join():
            return worker.join(request)
        case FindCeilings():
            return worker.find_ceilings(request)
        case Count():
            return worker.count(request)
        case TimeLayers():
            return worker.time_layers(request)
        case WatchCompiling():
            return worker.watch_compiling(request)
        case TakeProfile():
            return worker.take_profile(request)
        case CompareAnswers():
            return worker.compare_answers(request)
        case ListModels():
            return worker.list_models()
        case TellModel():
            return worker.tell_model(request)
        case TellFacts():
            return worker.tell_facts()
        case TellFootprint():
            return worker.tell_footprint()
    raise ValueError(f"a worker is not asked for {request}")


def main(descriptor: int, parent: int) -> None:
    """Bind this process to its parent's life, keep its output off the terminal, and serve."""
    die_with_parent(parent)
    ignore_terminal()
    die_first()
    os.dup2(os.open(os.devnull, os.O_RDWR), 0)
    gc.freeze()  # what was imported is never garbage: a collection looks at cases only
    with socket.socket(fileno=descriptor) as channel:
        serve(channel)


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
