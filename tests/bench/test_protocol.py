"""Requests and replies on a line, and one figure of a slice from the worker to the table."""

from __future__ import annotations

import inspect
import json
from dataclasses import fields, replace
from typing import Any, get_type_hints

import pytest

from bench import protocol
from bench.processes.replies import decode_reply
from bench.protocol import (
    ANSWERS,
    REQUESTS,
    AnswersCompared,
    CaseRequest,
    CompareAnswers,
    Count,
    Counted,
    Done,
    Drop,
    Exit,
    FactsTold,
    Failure,
    FindCeilings,
    FootprintTold,
    Join,
    ListModels,
    ModelsListed,
    Open,
    Prepare,
    Probe,
    ReadYardstick,
    Reap,
    Reaped,
    Reply,
    Request,
    Signal,
    Start,
    TakeProfile,
    TellFacts,
    TellFootprint,
    TellModel,
    TimeLayers,
    TimeSlice,
    Timing,
    Verified,
    Verify,
    Warm,
    Warmed,
    WatchCompiling,
    WorkerStarted,
    YardstickRead,
    decode_request,
    encode_reply,
    encode_request,
)
from bench.record.case import as_params
from bench.record.observations import Ceiling, Limit, Slices
from bench.record.run import CeilingsFound, Outcome
from bench.run.measurement_builder import STORED
from reports.figures.frame import SLICE_COLUMNS
from tests.makers.compiling import BREAK, made_compiling
from tests.makers.layers import made_layers
from tests.makers.profiles import made_profile
from tests.makers.runs import TWO, preparation

CASE = TWO[0]
TIMING = Timing(
    seconds=0.001,
    started_seconds=5.0,
    wall_seconds=0.1,
    stolen_seconds=None,
    minor_faults=1,
    involuntary_switches=2,
    latency_seconds=0.002,
    event_seconds=None,
    throttled=("the temperature",),
)
CEILING = Ceiling(device="cpu", launch=1, limit=Limit.COPIES, dtype=None, per_second=1e10, size=1 << 20, reason=None)
EXCHANGES: list[tuple[Request[Any], Reply]] = [
    (
        Open(
            device="cpu",
            seed=0,
            data_root=None,
            left_out=("no-gc",),
            memory_bytes=1 << 30,
            models={"make": "net.py:make"},
            project="/a",
            src="src",
            shape=(3, 8, 8),
            references="/b",
        ),
        Done(),
    ),
    (Join(rank=1, ranks=2, address="127.0.0.1", port=29500, timeout_seconds=60.0), Done()),
    (Prepare(case=CASE, warm=True, probe=False, warm_iterations=5), preparation()),
    (Probe(case=CASE), Done()),
    (TimeSlice(case=CASE, iterations=3, lead=1, slowdown=0.5, singles=2), TIMING),
    (Verify(case=CASE), Verified(relative_errors={"logits": 1e-7, "loss": 0.0}, seconds=0.01)),
    (TellFootprint(), FootprintTold(state={"grad mode": "True -> False"}, outside={"helper": "/a/helper.py"})),
    (ReadYardstick(), YardstickRead(seconds=2e-5)),
    (FindCeilings(launch=1, dtypes=("float32", "bfloat16")), CeilingsFound(ceilings=(CEILING,))),
    (Count(case=CASE), Counted(counts={"flops": 7})),
    (Count(case=CASE), Counted(counts={"aten::gru": 7}, flops_reason="no formula")),
    (TakeProfile(case=CASE, trace="/a.json"), made_profile()),
    (TimeLayers(case=CASE), made_layers()),
    (WatchCompiling(case=CASE), made_compiling(backward=3.0, breaks=[BREAK])),
    (CompareAnswers(case=CASE, path="/a"), AnswersCompared(apart={"logits": 0.5})),
    (ListModels(), ModelsListed(names=("mlp",))),
    (TellModel(name="make"), FactsTold(facts={"model.make.spec": "net.py:make"})),
    (TellFacts(), FactsTold(facts={"torch.threads": 2, "torch.cuda": None, "steady": True, "name": "a"})),
    (Drop(), Done()),
    (Warm(compiled=True), Warmed(compile_seconds=0.5, may_fork=True, has_accelerator=False)),
    (Start(fork=False, root="somewhere"), WorkerStarted(pid=7)),
    (Signal(pid=7, name="SIGSTOP"), Done()),
    (Reap(pid=7), Reaped(ended="SIGSEGV")),
]


def named(value: object) -> str:
    """Return the name of a test's parameter."""
    return type(value).__name__


@pytest.mark.parametrize(("request_", "reply"), EXCHANGES, ids=named)
def test_request_and_reply_survive_their_lines(request_: Request[Any], reply: Reply) -> None:
    """A case is a case again on the other side, and a tuple a tuple."""
    line = encode_request(request_)
    assert line.count(b"\n") == 1
    assert line.endswith(b"\n")
    assert decode_request(line) == request_
    assert decode_reply(request_, encode_reply(reply)) == reply


def test_every_request_has_its_word_and_its_reply_and_is_tried_above() -> None:
    """Only leaving has none; a request that is not in the table could not be asked."""
    defined = {
        kind
        for _, kind in inspect.getmembers(protocol, inspect.isclass)
        if issubclass(kind, Request) and kind not in (Request, CaseRequest)
    }
    assert set(REQUESTS.values()) == defined
    assert ANSWERS.keys() == defined - {Exit} == {type(request) for request, _ in EXCHANGES}
    assert decode_request(encode_request(Exit())) == Exit()


@pytest.mark.parametrize(("request_", "_reply"), EXCHANGES, ids=named)
def test_failure_is_the_reply_of_failure_to_every_request(request_: Request[Any], _reply: Reply) -> None:
    """One kind of no, whatever was asked."""
    failure = Failure(outcome=Outcome.OUT_OF_MEMORY, reason="too big")
    assert decode_reply(request_, encode_reply(failure)) == failure


def test_failure_cannot_be_measured() -> None:
    """A reply of failure that means yes would be taken for a figure."""
    with pytest.raises(ValueError, match="cannot be measured"):
        Failure(outcome=Outcome.MEASURED, reason="why")


@pytest.mark.parametrize(
    ("line", "words"),
    [
        (b"5", "neither an answer nor a failure"),
        (b"{", "no JSON"),
        (b'{"answer":{"seconds":"fast"}}', "expected a number"),
        (b'{"answer":{"seconds":NaN}}', "it is no JSON"),
        (b'{"answer":{"seconds":-1}}', "must be above 0"),
        (b'{"answer":{}}', "missing"),
        (b'{"answer":{"seconds":1,"minutes":1}}', "unknown field"),
        (b'{"failure":{"outcome":"measured","reason":"x"}}', "cannot be measured"),
        (b'{"failure":{"outcome":"tired","reason":"x"}}', "expected a word that is known, found 'tired'"),
    ],
    ids=repr,
)
def test_reply_that_cannot_be_is_a_failure(line: bytes, words: str) -> None:
    """A worker of another version must not be believed; that costs its case, not the run."""
    failure = decode_reply(ReadYardstick(), line)
    assert isinstance(failure, Failure)
    assert failure.outcome is Outcome.FAILED
    assert "the worker answered with an impossible figure" in failure.reason
    assert words in failure.reason


@pytest.mark.parametrize(
    ("line", "words"),
    [
        (b"{}", "unknown request 'None'; known: open, join, prepare"),
        (b'{"do":"dance"}', "unknown request 'dance'"),
        (b'{"do":["open"]}', "unknown request"),
        (b"[]", "unknown request"),
        (b'{"do":"drop","now":1}', "unexpected keyword argument 'now'"),
        (b'{"do":"count"}', "unknown request 'count'"),
        (b'{"do":"counts"}', "missing 1 required keyword-only argument: 'case'"),
        (json.dumps({"do": "probe", "case": {**as_params(CASE), "batch": 0}}).encode(), "batch is 0"),
    ],
    ids=repr,
)
def test_line_that_is_no_request_is_refused_with_a_sentence(line: bytes, words: str) -> None:
    """The worker answers with it."""
    with pytest.raises((ValueError, TypeError), match=words):
        decode_request(line)


def test_lines_are_compact() -> None:
    """One is written and read for each slice."""
    for request, reply in EXCHANGES:
        for line in (encode_request(request), encode_reply(reply)):
            assert line == json.dumps(json.loads(line), separators=(",", ":")).encode() + b"\n"


def test_figure_of_a_slice_is_stored_and_shown_under_the_name_that_the_worker_gives_it() -> None:
    """A new one is a field of the reply, a line in the worker and a field of the record: no other list names it."""
    per_slice = {name for name, hint in get_type_hints(Slices).items() if "tuple" in str(hint)}
    surplus = {field.name for field in fields(Timing)} - set(STORED)
    assert set(STORED) <= per_slice
    assert surplus == {field.name for field in fields(Timing) if field.metadata}
    assert not surplus & per_slice, "a figure that is stored is marked as one that is not"
    assert per_slice <= set(SLICE_COLUMNS)
    assert len(set(SLICE_COLUMNS)) == len(SLICE_COLUMNS)


def test_impossible_timing_is_refused_where_it_is_made() -> None:
    """Nothing takes no time."""
    with pytest.raises(ValueError, match="seconds is 0"):
        replace(TIMING, seconds=0.0)
