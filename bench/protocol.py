"""What is asked of a worker and what it answers, and how both lie on a line.

A worker is a process that holds one device and times what it is told to.
Whoever asks it is called the driver here.
A worker on this machine has a socket; another transport (a machine far away, several ranks behind one handle) has only
to carry the lines and to keep what this page says.

**Lines.** A request is one line of JSON, an object with the request's word under ``do`` and its fields beside it:
``{"do":"slice","case":{"model":"mlp",...},"iterations":40,...}``.
The reply is one line, too: ``{"answer":{...}}`` with the fields of the reply that belongs to the request (`ANSWERS`),
or ``{"failure":{"outcome":...,"reason":...}}``.
Lines are UTF-8 and end in a newline. Seconds, bytes and FLOPs are plain numbers; what is absent is null.
Both sides run the same ``bench``, so no version is exchanged; the driver reads replies strictly all the same.

**Order.** Requests and replies alternate: the next request comes after the reply to the one before, never earlier.
`Open` comes first, and once: a worker serves the device that it opened until it ends.
Any other request may follow, as often as wanted, but for `TimeSlice` and `Verify`, whose case must have been made ready
by `Prepare` and not been forgotten by `Drop` since: nothing is prepared inside a slice.
A worker writes no line that was not asked for, and prints nothing to the terminal.

**Failure.** Whatever a request raises is answered as a `Failure` with the outcome it stands for and a one-line reason,
and the worker lives on: it answers the next request. A line that is no request is answered likewise.
A device that cannot be used, a dtype or a compile mode that does not work there, is `Outcome.SKIPPED`, found by trying.
After the failure of `Open` the driver lets the worker leave. After a fault on an accelerator it does so too, since a
broken context may fail whoever uses it next.

**Ranks.** Several workers become one by `Join`: each is asked the same at the same time, and their replies are put
together (`processes.group`). What they compute together nobody can answer alone: if one of them fails otherwise than
the others, or dies, all of them are ended.

**Exit.** `Exit` is not answered: the worker leaves, as it does when the other end of its channel is closed.
No worker outlives its driver: a transport must see to that even where the driver was killed.

**Timeouts.** A worker has no timeout of its own. The driver waits as long as it was told to, then kills the worker; a
process that died is the outcome of the case it was asked about, and the next request goes to a fresh one.

**Suspension.** Where workers take turns, the driver suspends all but one with a signal that cannot be caught, spinning
threads and all, and only while none of them owes a reply. A suspended worker is not asked.
So a worker must do nothing of its own between two requests, and nothing in it may depend on how long that was.
Right after it has been resumed a process is slow: `TimeSlice.lead` says how many iterations run untimed before.

**The launcher** is a program that makes workers on one machine. It is asked in the same lines, over a socket that
carries a worker's own channel beside `Start`; its four requests stand at the end of this file.

Standard library and `bench.record` only: a worker's interpreter has Python and torch, and nothing else of ours.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from bench.record.case import Case
from bench.record.compiling import Compiling
from bench.record.conditions import Scalar
from bench.record.layers import Layers
from bench.record.observations import Preparation, positive
from bench.record.profile import Profile
from bench.record.run import CeilingsFound, Outcome

R = TypeVar("R")

RESUMED_LEAD = 4
"""A slice whose process was suspended a moment ago is preceded by a quarter of its iterations, which are not timed:
without them quads of small batches scatter two to four times as much. One that follows another in its process goes
on."""

NOT_STORED = {"stored": False}
"""Marks a field of `Timing` that is used up where it is read; every other one is stored for each slice."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Request(Generic[R]):
    """Something that is asked for and answered with an `R` or a `Failure`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseRequest(Request[R]):
    """Something that is asked about one case: it is answered with the case's threads and precision switched on."""

    case: Case


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """The reply that stands for every failure.

    Attributes:
        outcome: what this makes of the case that was asked about.
        reason: why, in one line.
    """

    outcome: Outcome
    reason: str

    def __post_init__(self) -> None:
        if self.outcome is Outcome.MEASURED:
            raise ValueError("a failure cannot be measured")


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """The reply to a request that is carried out and has nothing to tell."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Open(Request[Done]):
    """Open a device and keep it.

    Attributes:
        device: its name.
        seed: of weights and random inputs.
        data_root: torchvision's root of the real images; None for random ones.
        left_out: names in `steadiness.MEASURES` that are switched off.
        memory_bytes: what the process may allocate; None for no limit of ours.
        models: specs of the models that are not built in, by id; see `record.spec`.
        project: the folder that specs are relative to and that their imports come from.
        src: the folder below it that packages lie in; None where that is the project's own.
        shape: of one example of a network that says nothing of its inputs; None if none was given.
        references: a folder where right answers are kept for the processes that come after; None for none.
        steps: the steps of the user's own by id, each as an absolute path and the name of a function in it.
    """

    device: str
    seed: int
    data_root: str | None
    left_out: tuple[str, ...]
    memory_bytes: int | None
    models: Mapping[str, str] = field(default_factory=dict)
    project: str = "."
    src: str | None = None
    shape: tuple[int, ...] | None = None
    references: str | None = None
    steps: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Join(Request[Done]):
    """Become one of several ranks, which run the same case at once; answered when all of them have met.

    From then on every rank is asked the same, all of them at once, and none of them alone.

    Attributes:
        rank: which, from 0.
        ranks: how many there are.
        address: of the machine of rank 0, which the others call.
        port: there, where nobody else listens.
        timeout_seconds: how long a rank waits for the others, then and later.
    """

    rank: int
    ranks: int
    address: str
    port: int
    timeout_seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepare(CaseRequest[Preparation]):
    """Make a case ready to be timed.

    Attributes:
        warm: whether to warm it up; a quick pass does not.
        probe: whether to try first if its dtype and compile mode work, and to count operations.
        warm_iterations: warm it up by so many iterations, whether it settles or not; None to warm it up until it does.
        first: whether its first answer is verified; the last one after its slices is a request of its own.
    """

    warm: bool
    probe: bool
    warm_iterations: int | None = None
    first: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Probe(CaseRequest[Done]):
    """Try whether a case's dtype and compile mode work on this device at all."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Timing:
    """One slice, as the worker saw it.

    Every field but those that are marked otherwise is stored, under its own name, in `record.observations.Slices`.

    Attributes:
        seconds: per iteration.
        started_seconds: when it began, on the machine's monotonic clock.
        wall_seconds: of the whole slice, whatever is not timed in it included.
        stolen_seconds, minor_faults, involuntary_switches, latency_seconds, event_seconds, local_seconds: see
            `Slices`.
        throttled: why the device's clocks were lowered when it ended; empty if they were not.
    """

    seconds: float
    started_seconds: float
    wall_seconds: float = field(metadata=NOT_STORED)
    stolen_seconds: float | None
    minor_faults: int
    involuntary_switches: int
    latency_seconds: float | None
    event_seconds: float | None
    throttled: tuple[str, ...] = field(metadata=NOT_STORED)
    local_seconds: float | None = None

    def __post_init__(self) -> None:
        positive(self, "seconds", "latency_seconds", "event_seconds", "local_seconds")


@dataclass(frozen=True, slots=True, kw_only=True)
class TimeSlice(CaseRequest[Timing]):
    """Time one slice of a case that is ready.

    Attributes:
        iterations: how many.
        lead: iterations right before that are not timed: one at least, but for a slice that follows another of the same
            case in a process that did nothing else since; more for a process that has just been suspended.
        slowdown: share of its time by which it is slowed on purpose, inside the clock reads.
        moved: whether the case's weights and inputs are put into other memory before; see `steps.placement`.
        singles: iterations right after it that are each waited for, where slices are queued: their mean is the
            latency. Device events are recorded with the slice then.
        local: whether ranks time half as many iterations right after it without exchanging gradients.
    """

    iterations: int
    lead: int = 1
    slowdown: float = 0.0
    moved: bool = False
    singles: int = 0
    local: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Verified:
    """The last answer of one more slice is right.

    Attributes:
        relative_errors: in norm against the float64 reference, by quantity.
        seconds: what that slice and its check took.
    """

    relative_errors: Mapping[str, float]
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Verify(CaseRequest[Verified]):
    """Verify a case that was timed: one more short slice by the timed code, on another input, and its last answer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FootprintTold:
    """What the models' code left behind in a worker's process.

    Attributes:
        state: global settings that are not what they were when it began, each as ``before -> after``.
        outside: files of modules that come from neither the models' folder nor what is installed, by module; of
            `displaced` ones, too.
        displaced: modules in `outside` that the project's own folder has, and that were loaded from elsewhere all the
            same, such as from an installed copy.
        loaded: fingerprints of the project's files that are loaded, by path from its folder.
    """

    state: Mapping[str, str]
    outside: Mapping[str, str]
    displaced: tuple[str, ...] = ()
    loaded: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class TellFootprint(Request[FootprintTold]):
    """Tell what the models' code left behind in this process so far."""


@dataclass(frozen=True, slots=True, kw_only=True)
class YardstickRead:
    """The yardstick's time, per product."""

    seconds: float

    def __post_init__(self) -> None:
        positive(self, "seconds")


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadYardstick(Request[YardstickRead]):
    """Time the yardstick, a fixed product of matrices."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FindCeilings(Request[CeilingsFound]):
    """Find what the device does at best.

    Attributes:
        launch: which launch this is, for the record.
        dtypes: values of the dtype axis.
    """

    launch: int
    dtypes: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Counted:
    """The exact counts of a case, by name, and why ``flops`` is not among them, if that has a reason."""

    counts: Mapping[str, int]
    flops_reason: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Count(CaseRequest[Counted]):
    """Count what one iteration of a case does; the case is made for this and dropped again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TakeProfile(CaseRequest[Profile]):
    """Tell where the time of an iteration goes; the case is made for this and dropped again.

    The worker is no longer one to time in: a compiler's kernels are made so that a profiler sees them.

    Attributes:
        trace: of the file to which every event goes that was seen, as Chrome's trace viewer reads it; None for none.
    """

    trace: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TimeLayers(CaseRequest[Layers]):
    """Time the network of a case layer by layer, and as a whole; it is made for this and dropped again.

    The worker is no longer one to time in: the allocator holds what its layers were given.
    """


@dataclass(frozen=True, slots=True, kw_only=True)
class WatchCompiling(CaseRequest[Compiling]):
    """Compile a case, and tell what that takes and what the compiler did; it must be the first thing that is asked.

    The case is made for this and dropped again. The worker is no longer one to time in.
    """


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswersCompared:
    """How far the right answers of two arms are apart.

    Attributes:
        apart: the norm of the difference over the norm of the other arm's, by quantity; empty if there was nothing to
            compare with.
        reason: why they cannot be compared, such as other parameters; None if they could.
    """

    apart: Mapping[str, float]
    reason: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CompareAnswers(Request[AnswersCompared]):
    """Compare the right answers of a case, which are those of its own network, with another process's.

    Attributes:
        case: which.
        path: of the file that holds the other's; whoever finds none there writes its own.
    """

    case: Case
    path: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelsListed:
    """The names of the models that a worker can build."""

    names: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ListModels(Request[ModelsListed]):
    """Name the models that this process can build."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FactsTold:
    """What a process knows about torch and its device, by dotted name."""

    facts: Mapping[str, Scalar]


@dataclass(frozen=True, slots=True, kw_only=True)
class TellFacts(Request[FactsTold]):
    """Tell what this process knows about torch and its device."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TellModel(Request[FactsTold]):
    """Tell where a model that is not built in comes from.

    Attributes:
        name: its id.
    """

    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Drop(Request[Done]):
    """Forget every case that is ready, its compiled code and its memory."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Exit(Request[None]):
    """Leave; this is not answered."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Warmed:
    """The launcher is ready to make workers.

    Attributes:
        compile_seconds: what its first compile took.
        may_fork: whether workers may be forked from it: on Linux, while no accelerator's runtime runs in it.
        has_accelerator: whether torch found one. Where it found none, asking has left its runtime in a state in which
            no fork may use it, and a worker that is to say why must be executed.
    """

    compile_seconds: float
    may_fork: bool
    has_accelerator: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Warm(Request[Warmed]):
    """Have the launcher import what every worker needs, and compile once if workers will."""

    compiled: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerStarted:
    """A worker runs, under this process id."""

    pid: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Start(Request[WorkerStarted]):
    """Have the launcher make a worker that serves the descriptor sent along.

    Attributes:
        fork: whether to fork it; otherwise it is executed from nothing.
        root: the folder from which it imports ``models``; None for the launcher's own.
    """

    fork: bool
    root: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Signal(Request[Done]):
    """Have the launcher signal a worker that it has not reaped.

    Attributes:
        pid: which worker.
        name: as `signal.Signals` spells it, since its numbers differ between systems.
    """

    pid: int
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Reaped:
    """How a worker's process ended: ``SIGSEGV``, ``exit code 1``."""

    ended: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Reap(Request[Reaped]):
    """Have the launcher wait for a worker that is leaving, and kill it if it does not."""

    pid: int


REQUESTS: Mapping[str, type[Request[Any]]] = {
    "open": Open,
    "join": Join,
    "prepare": Prepare,
    "probe": Probe,
    "slice": TimeSlice,
    "verify": Verify,
    "yardstick": ReadYardstick,
    "ceilings": FindCeilings,
    "counts": Count,
    "profile": TakeProfile,
    "layers": TimeLayers,
    "compiling": WatchCompiling,
    "answers": CompareAnswers,
    "models": ListModels,
    "facts": TellFacts,
    "model": TellModel,
    "footprint": TellFootprint,
    "drop": Drop,
    "exit": Exit,
    "warm": Warm,
    "start": Start,
    "signal": Signal,
    "reap": Reap,
}
"""This table maps the word on the wire to its request; reasons that a reader sees begin with these words."""

WORDS: Mapping[type[Request[Any]], str] = {request: word for word, request in REQUESTS.items()}
"""This is the same table from the other side."""

ANSWERS: Mapping[type[Request[Any]], type] = {
    Open: Done,
    Join: Done,
    Prepare: Preparation,
    Probe: Done,
    TimeSlice: Timing,
    Verify: Verified,
    ReadYardstick: YardstickRead,
    FindCeilings: CeilingsFound,
    Count: Counted,
    TakeProfile: Profile,
    TimeLayers: Layers,
    WatchCompiling: Compiling,
    CompareAnswers: AnswersCompared,
    ListModels: ModelsListed,
    TellFacts: FactsTold,
    TellModel: FactsTold,
    TellFootprint: FootprintTold,
    Drop: Done,
    Warm: Warmed,
    Start: WorkerStarted,
    Signal: Done,
    Reap: Reaped,
}
"""This table maps a request to its reply, where that is no failure; only `Exit` has none."""

Reply = (
    Failure
    | Done
    | Preparation
    | Timing
    | Verified
    | FootprintTold
    | YardstickRead
    | CeilingsFound
    | Counted
    | Profile
    | Layers
    | Compiling
    | AnswersCompared
    | ModelsListed
    | FactsTold
    | Warmed
    | WorkerStarted
    | Reaped
)


def encode_request(request: Request[Any]) -> bytes:
    """Return a request as its line."""
    return _line({"do": WORDS[type(request)], **_fields(request)})


def encode_reply(reply: Reply) -> bytes:
    """Return a reply as its line."""
    return _line({"failure" if isinstance(reply, Failure) else "answer": reply})


def decode_request(line: bytes) -> Request[Any]:
    """Return the request that a line holds.

    Raises:
        ValueError: if it is no JSON, no request that is known, or a case that there cannot be.
        TypeError: if its fields are not the request's.
    """
    fields = json.loads(line)
    word = str(fields.pop("do", None)) if isinstance(fields, dict) else "without a word"
    if word not in REQUESTS:
        raise ValueError(f"unknown request {word!r}; known: {', '.join(REQUESTS)}")
    if "case" in fields:
        fields["case"] = Case(**fields["case"])
    return REQUESTS[word](
        **{name: tuple(value) if isinstance(value, list) else value for name, value in fields.items()}
    )


def _line(content: Mapping[str, object]) -> bytes:
    return _ENCODER.encode(content).encode() + b"\n"


def _fields(record: Any) -> dict[str, object]:
    """Return a dataclass's fields by name; nothing is copied, since a request per slice is on a hot path."""
    return {name: getattr(record, name) for name in record.__dataclass_fields__}


_ENCODER = json.JSONEncoder(separators=(",", ":"), default=_fields)
"""This encoder writes lines without blanks, and every dataclass in them as an object."""
