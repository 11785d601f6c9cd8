"""Right answers in a folder of the run: computed by one process, read by those that come after it.

A file is a line of JSON that says which tensors follow, then their bytes: nothing in it is executed when it is read.
Its name is made of what the answers follow from, the weights among it. A process that has other weights than the one
that stored them finds no file of its name, and computes its own.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from ctypes import string_at
from dataclasses import dataclass
from hashlib import sha256
from io import BufferedReader
from math import prod
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from bench.files.whole import write_whole
from bench.record.case import Case
from bench.steps.step import References
from bench.steps.subject import Fed
from bench.steps.verify import Answer, list_tensors

MOST_BYTES = 2 << 30
"""Answers of a larger network are computed in each process: the folder may lie in memory."""

DTYPES = {str(dtype): dtype for dtype in (torch.float64, torch.int64, torch.int32, torch.uint8, torch.bool)}
"""Of the tensors of an answer; one with another dtype is not stored."""

KINDS = ("gradients", "weights", "buffers")
"""What of an answer is stored by name."""

ENDING = ".answers"


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where the right answers of a case lie, once a process has computed them.

    Attributes:
        path: of the file.
        question: how the name of every file begins that answers the same question for some weights.
    """

    path: Path
    question: str

    @classmethod
    def of(cls, case: Case, network: nn.Module, feeds: tuple[Fed, Fed], *, seed: int, folder: Path) -> Place:
        """Return the place of a case.

        Args:
            case: what is asked.
            network: the case's, with the weights that it has in this process.
            feeds: what it is fed.
            seed: of both.
            folder: where a run keeps them.
        """
        asked = sha256(json.dumps([case.model, case.step, case.batch, seed]).encode())
        _update(asked, {str(index): tensor for index, tensor in enumerate(list_tensors(feeds))})
        weights = sha256()
        _update(weights, {name: value for name, value in network.state_dict().items() if isinstance(value, Tensor)})
        question = asked.hexdigest()[:32]
        return cls(path=folder / f"{question}-{weights.hexdigest()[:32]}{ENDING}", question=question)

    @property
    def others(self) -> bool:
        """Whether another process answered the same question for other weights."""
        return any(path != self.path for path in self.path.parent.glob(f"{self.question}-*{ENDING}"))


def read_answers(path: Path) -> tuple[References, tuple[str, ...]] | None:
    """Return the answers that a file holds and what a reader must know of them; None if there are none, or half."""
    try:
        with path.open("rb") as file:
            told = json.loads(file.readline())
            first, last = (_read_answer(head, file) for head in told["answers"])
            remarks = tuple(map(str, told["remarks"]))
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return None if last is None else (References(first=first, last=last), remarks)


def write_answers(path: Path, answers: References, remarks: Sequence[str] = ()) -> str | None:
    """Store answers, all or nothing; return why there is nothing, None if all is there.

    Where it costs time in the next process and nothing else, nobody needs the reason.

    Args:
        path: of the file.
        answers: the right ones.
        remarks: what a reader must know of them, in whichever process.
    """
    both = (answers.first, answers.last)
    tensors = [tensor for answer in both if answer is not None for _, _, tensor in _list_parts(answer)]
    size = sum(tensor.numel() * tensor.element_size() for tensor in tensors)
    if size > MOST_BYTES:
        return f"right answers of {size / 2**30:.1f} GiB are not stored; at most {MOST_BYTES / 2**30:g} GiB are"
    if strange := [str(tensor.dtype) for tensor in tensors if str(tensor.dtype) not in DTYPES]:
        return f"right answers of {strange[0]} are not stored"
    told = {"answers": [None if answer is None else _head(answer) for answer in both], "remarks": list(remarks)}
    try:
        path.parent.mkdir(exist_ok=True)
        write_whole(path, b"".join([json.dumps(told).encode() + b"\n", *map(_bytes_of, tensors)]))
    except OSError as error:
        return f"right answers cannot be stored: {error.filename}: {error.strerror}"
    return None


def _update(content: Any, tensors: Mapping[str, Tensor]) -> None:
    for name, tensor in tensors.items():
        content.update(f"{name}\0{tensor.dtype}{tuple(tensor.shape)}".encode())
        content.update(_bytes_of(tensor))


def _bytes_of(tensor: Tensor) -> bytes:
    """Return the bytes of a tensor's elements. numpy, which would do this too, need not be there."""
    plain = tensor.detach().cpu().contiguous()
    return string_at(plain.data_ptr(), plain.numel() * plain.element_size()) if plain.numel() else b""


def _list_parts(answer: Answer) -> list[tuple[str, str, Tensor]]:
    """Return every tensor of an answer: what it is, its name, and itself."""
    return [
        *(("output", "", tensor) for tensor in answer.output),
        *(() if answer.loss is None else (("loss", "", answer.loss),)),
        *((kind, name, tensor) for kind in KINDS for name, tensor in (getattr(answer, kind) or {}).items()),
    ]


def _head(answer: Answer) -> dict[str, Any]:
    return {
        "has": [kind for kind in ("loss", *KINDS) if getattr(answer, kind) is not None],
        "tensors": [
            {"kind": kind, "name": name, "dtype": str(tensor.dtype), "shape": list(tensor.shape)}
            for kind, name, tensor in _list_parts(answer)
        ],
    }


def _read_answer(head: Any, file: BufferedReader) -> Answer | None:
    """Return the answer that a head describes, its tensors read from the file, in order.

    Raises:
        ValueError: if the file ends too early.
    """
    if head is None:
        return None
    named: dict[str, dict[str, Tensor]] = {kind: {} for kind in head["has"]}
    output: list[Tensor] = []
    loss = None
    for told in head["tensors"]:
        tensor = _read_tensor(DTYPES[told["dtype"]], told["shape"], file)
        match told["kind"]:
            case "output":
                output.append(tensor)
            case "loss":
                loss = tensor
            case kind:
                named[kind][told["name"]] = tensor
    if (loss is not None) != ("loss" in head["has"]):
        raise ValueError("an answer without its loss")
    return Answer(
        output=tuple(output),
        loss=loss,
        gradients=named.get("gradients"),
        weights=named.get("weights"),
        buffers=named.get("buffers", {}),
    )


def _read_tensor(dtype: torch.dtype, shape: Sequence[int], file: BufferedReader) -> Tensor:
    size = prod(shape) * dtype.itemsize
    content = bytearray(size)
    if file.readinto(content) != size:
        raise ValueError("the file ends too early")
    return torch.frombuffer(content, dtype=dtype).reshape(shape) if size else torch.zeros(shape, dtype=dtype)
