"""Ceilings: the best of a sweep, found by counting and by timing; what a device cannot do has its reason."""

from __future__ import annotations

from time import perf_counter

import pytest
import torch

from bench.devices import ceilings as ceiling
from bench.files.decode import decode
from bench.record.observations import Ceiling

CPU = torch.device("cpu")


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Sweep over what takes milliseconds."""
    monkeypatch.setattr(ceiling, "ROWS", (64, 256))
    monkeypatch.setattr(ceiling, "COPY_BYTES", (1 << 18, 1 << 20))


@pytest.mark.usefixtures("small")
def test_ceilings_are_records_of_each_dtype_once_and_of_copies() -> None:
    """Autocast multiplies in the dtype it is named after."""
    found = ceiling.ceilings(CPU, perf_counter, ["float32", "amp-bfloat16", "bfloat16"])
    records = [decode(Ceiling, {"device": "cpu", "launch": 1, **one}) for one in found]
    assert [(one.limit.value, one.dtype) for one in records] == [
        ("products", "float32"),
        ("products", "bfloat16"),
        ("copies", None),
    ]
    assert all(one.reason is None for one in records)


@pytest.mark.usefixtures("small")
def test_rate_is_what_a_loop_over_the_same_product_shows() -> None:
    """Two operations for each multiplication and addition; a tenth or ten times would be a wrong unit."""
    rate, rows = ceiling.products(CPU, perf_counter, "float32")
    left, right = torch.randn(rows, rows), torch.randn(rows, rows)
    begin = perf_counter()
    for _ in range(20):
        left @ right.T
    seconds = (perf_counter() - begin) / 20
    assert 0.3 < rate * seconds / (2 * rows**3) < 10


def test_what_a_device_cannot_do_has_its_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    """And costs the other ceilings nothing."""

    def refuse(*_: object) -> None:
        raise NotImplementedError("'linear' is not there")

    monkeypatch.setattr(ceiling, "linear", refuse)
    monkeypatch.setattr(ceiling, "COPY_BYTES", (1 << 18,))
    product, copies = ceiling.ceilings(CPU, perf_counter, ["float32"])
    assert product["reason"] == "NotImplementedError: 'linear' is not there"
    assert product["per_second"] is None
    assert copies["per_second"]


class Machine:
    """A device whose calls take what its rate says, on a clock of its own."""

    def __init__(self, rate: float, read_seconds: float = 0.0) -> None:
        self.now, self.rate, self.read_seconds = 0.0, rate, read_seconds
        self.made: list[int] = []

    def make(self, size: int) -> object:
        self.made.append(size)

        def call() -> None:
            self.now += size / self.rate

        return call

    def read(self) -> float:
        self.now += self.read_seconds
        return self.now


def test_sweep_ends_before_a_call_that_would_take_too_long() -> None:
    """The length of a call is foretold from the one before."""
    machine = Machine(rate=1000.0)
    rate, _ = ceiling._best(machine.make, (1, 10, 100, 1000), lambda size: size, machine.read)  # type: ignore[arg-type]
    assert rate == pytest.approx(1000.0)
    assert machine.made == [1, 10, 100]


def test_waiting_for_a_device_is_no_part_of_a_short_call() -> None:
    """Calls are timed together until the reads of the clock do not matter."""
    machine = Machine(rate=1e6, read_seconds=1e-5)
    seconds = ceiling.shortest(machine.make(10), machine.read)  # type: ignore[arg-type]
    assert seconds == pytest.approx(1e-5, rel=0.01)


def test_memory_that_runs_out_ends_the_sweep_with_what_was_reached() -> None:
    """Unless nothing was: then that is the reason."""
    machine = Machine(rate=1000.0)

    def make(size: int) -> object:
        if size > 1:
            raise torch.OutOfMemoryError("out of memory")
        return machine.make(size)

    assert ceiling._best(make, (1, 10), lambda size: size, machine.read)[1] == 1  # type: ignore[arg-type]
    with pytest.raises(torch.OutOfMemoryError):
        ceiling._best(make, (10,), lambda size: size, machine.read)  # type: ignore[arg-type]
