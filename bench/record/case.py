"""What can be timed: a Case is nine scalars, and the axes are the values each may take.

Standard library only, so that tables are made where torch is not installed.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass, field
from itertools import product
from typing import NamedTuple

from bench.record.added_later import ADDED_LATER
from bench.record.how_many import how_many

BUILTIN_STEPS = ("forward", "backward", "train", "predict")
"""The steps that come with this program, for help texts and options; a record may hold any other."""

DTYPES = ("float32", "bfloat16", "float16", "float64", "tf32", "amp-bfloat16", "amp-float16")
LAYOUTS = ("contiguous", "channels_last")
COMPILE_MODES = ("off", "on", "reduce-overhead", "max-autotune", "max-autotune-no-cudagraphs")
BACKEND_PREFIX = "backend:"
WORD = re.compile(r"\w+")
"""A step is a word, so that an id, which joins the axes with hyphens, belongs to one case only."""

BEHIND_COMPILE = re.compile(r"-(channels_last|\d+threads?|ddp\d+)$")
"""An id may end so behind the compile mode; the name of a compiler's backend may not, for the same reason."""

DEFAULT_MODELS = ("mlp",)
DEFAULT_STEPS = ("forward", "backward")
DEFAULT_BATCHES = (1, 64, 1024)
DEFAULT_DTYPES = ("float32", "bfloat16")
DEFAULT_ACCELERATOR_DTYPES = (*DEFAULT_DTYPES, "float16")
DEFAULT_COMPILES = ("off", "on")
DEFAULT_LAYOUT = "contiguous"
DEFAULT_RANKS = "1"
RANKS = re.compile(r"1|ddp:[1-9]\d{0,3}")
"""One process as it is, or so many under DistributedDataParallel."""


class Group(NamedTuple):
    """What variants have in common that are compared with each other and interleaved within seconds."""

    model: str
    step: str
    batch: int
    device: str


class Variant(NamedTuple):
    """In what the cases of a group differ; the fields are those of `Case`."""

    dtype: str
    compile: str
    layout: str = DEFAULT_LAYOUT
    threads: int | None = None
    ranks: str = DEFAULT_RANKS

    @property
    def words(self) -> tuple[str, str, str, str, str]:
        """Return how each value reads: ``float32``, ``eager``, ``contiguous``, ``2 threads``, ``ddp:2``."""
        threads = "default threads" if self.threads is None else how_many(self.threads, "thread")
        ranks = "one process" if self.ranks == DEFAULT_RANKS else self.ranks
        return self.dtype, compile_label(self.compile), self.layout, threads, ranks

    @property
    def extras(self) -> tuple[str, ...]:
        """Return the words of the axes that are not shown where they have their default."""
        _, _, layout, threads, ranks = self.words
        named = (self.layout != DEFAULT_LAYOUT, self.threads is not None, self.ranks != DEFAULT_RANKS)
        return tuple(word for word, shown in zip((layout, threads, ranks), named, strict=True) if shown)

    @property
    def without_compile(self) -> str:
        """Return how this variant reads beside its compile mode: ``bfloat16``, ``float32 2 threads``."""
        return " ".join((self.dtype, *self.extras))

    def __str__(self) -> str:
        return " ".join((self.dtype, compile_label(self.compile), *self.extras))


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One point of the matrix.

    Attributes:
        model: a name in ``models.MODELS``.
        step: a word of letters, digits and ``_``: one of `BUILTIN_STEPS`, or whatever the worker knows by it.
        batch: examples per iteration, at least 1.
        device: a name as torch knows it: ``cpu``, ``cuda``, ``cuda:1``, ``mps``, ``vulkan``.
        dtype: one of `DTYPES`; ``amp-`` is autocast over float32 weights, ``tf32`` is float32 whose products are
            rounded to TF32.
        compile: ``off``, ``on``, a mode of ``torch.compile``, or ``backend:NAME``.
        layout: one of `LAYOUTS`: in which order tensors of four dimensions lie in memory.
        threads: on which each operator of the CPU runs, at least 1; None for as many as the process has anyway.
        ranks: ``1`` for one process as it is, or ``ddp:N`` for N of them under DistributedDataParallel, each with an
            equal share of the batch.

    Raises:
        ValueError: if a field is not one of its axis's values.
    """

    model: str
    step: str
    batch: int
    device: str
    dtype: str
    compile: str
    layout: str = field(default=DEFAULT_LAYOUT, metadata=ADDED_LATER)
    threads: int | None = field(default=None, metadata=ADDED_LATER)
    ranks: str = field(default=DEFAULT_RANKS, metadata=ADDED_LATER)

    def __post_init__(self) -> None:
        if not self.model:
            raise ValueError("case: model is empty")
        if not WORD.fullmatch(self.step):
            raise ValueError(f"case: step is {self.step[:80]!r}; it must be one word of letters, digits and _")
        if type(self.batch) is not int or self.batch < 1:
            raise ValueError(f"case: batch is {self.batch!r}; it must be a whole number of at least 1")
        if not self.device:
            raise ValueError("case: device is empty")
        if self.dtype not in DTYPES:
            raise ValueError(unknown("dtype", self.dtype, DTYPES))
        check_compile(self.compile)
        if self.layout not in LAYOUTS:
            raise ValueError(unknown("layout", self.layout, LAYOUTS))
        if self.threads is not None and (type(self.threads) is not int or self.threads < 1):
            raise ValueError(f"case: threads is {self.threads!r}; it must be a whole number of at least 1")
        check_ranks(self.ranks)

    @property
    def id(self) -> str:
        """The name of this case in tests, tables and files: ``mlp-forward-b64-cpu-float32-eager``.

        Layout, threads and ranks stand behind that where they are not the default: ``-channels_last-2threads-ddp2``.
        """
        group = f"{self.model}-{self.step}-b{self.batch}-{self.device}"
        extras = (re.sub("[ :]", "", extra) for extra in self.variant.extras)
        return "-".join((group, self.dtype, compile_label(self.compile), *extras))

    @property
    def group(self) -> Group:
        """Return what the variants that are compared with each other have in common."""
        return Group(self.model, self.step, self.batch, self.device)

    @property
    def variant(self) -> Variant:
        """Return in what this case differs from others of its group."""
        return Variant(self.dtype, self.compile, self.layout, self.threads, self.ranks)

    @property
    def processes(self) -> int:
        """How many processes run it at once."""
        return count_ranks(self.ranks)

    @property
    def distributed(self) -> bool:
        """Whether it runs under DistributedDataParallel, of one rank or more."""
        return self.ranks != DEFAULT_RANKS

    @property
    def on_cpu(self) -> bool:
        """Whether its device is the processor."""
        return on_cpu(self.device)

    @property
    def compiled(self) -> bool:
        """Whether torch.compile is used at all."""
        return self.compile != "off"


AXES = tuple(Case.__dataclass_fields__)


def on_cpu(device: str) -> bool:
    """Whether a device's name means the processor, as ``cpu`` and ``cpu:0`` do."""
    return device.partition(":")[0] == "cpu"


def unknown(axis: str, value: str, known: Iterable[str]) -> str:
    """Return the sentence for a value that an axis does not have."""
    return f"unknown {axis} {value!r}; known: {', '.join(known)}"


def compile_label(compile_: str) -> str:
    """Return how a value of the compile axis reads inside a case's id."""
    return {"off": "eager", "on": "compiled"}.get(compile_, f"compiled={compile_}")


def check_compile(compile_: str) -> str:
    """Return a value of the compile axis unchanged.

    Raises:
        ValueError: if it is neither a mode nor ``backend:NAME``.
    """
    backend = compile_.removeprefix(BACKEND_PREFIX) if compile_.startswith(BACKEND_PREFIX) else ""
    if compile_ not in COMPILE_MODES and not backend:
        raise ValueError(unknown("compile", compile_, (*COMPILE_MODES, f"{BACKEND_PREFIX}NAME")))
    if BEHIND_COMPILE.search(backend):
        raise ValueError(f"compile {compile_!r} ends as an id of another axis does; give the backend another name")
    return compile_


def check_ranks(ranks: str) -> str:
    """Return a value of the axis of ranks unchanged.

    Raises:
        ValueError: if it is neither ``1`` nor ``ddp:N``.
    """
    if not RANKS.fullmatch(ranks):
        raise ValueError(unknown("ranks", ranks, (DEFAULT_RANKS, "ddp:N with N from 1 to 9999")))
    return ranks


def count_ranks(ranks: str) -> int:
    """Return how many processes a value of the axis of ranks means."""
    return int(ranks.rpartition(":")[2])


def select(  # noqa: PLR0913  one for each axis
    *,
    models: Sequence[str],
    steps: Sequence[str],
    batches: Callable[[str], Sequence[int]],
    devices: Sequence[str],
    dtypes: Callable[[str], Sequence[str]],
    compiles: Sequence[str],
    layouts: Sequence[str],
    threads: Callable[[str], Sequence[int | None]],
    ranks: Sequence[str] = (DEFAULT_RANKS,),
) -> tuple[Case, ...]:
    """Return every case of the matrix in display order: variants of one group stand next to each other.

    Args:
        models: names of models.
        steps: names of steps.
        batches: examples per iteration, for a given model.
        devices: names of devices.
        dtypes: which dtypes to take on a given device.
        compiles: values of the compile axis.
        layouts: values of the layout axis.
        threads: which numbers of threads to take on a given device.
        ranks: values of the axis of ranks.
    """
    return tuple(
        Case(model=model, step=step, batch=batch, device=device, **variant._asdict())
        for model, device, step in product(models, devices, steps)
        for batch in batches(model)
        for variant in map(Variant._make, product(dtypes(device), compiles, layouts, threads(device), ranks))
    )


def compute_dtype(dtype: str) -> str:
    """Return the dtype that a value of the dtype axis computes in: autocast to bfloat16 multiplies in bfloat16."""
    return dtype.removeprefix("amp-")


def as_params(case: Case) -> dict[str, str | int | None]:
    """Return a case as the nine scalars that a test's parameters and a file hold."""
    return asdict(case)
