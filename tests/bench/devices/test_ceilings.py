"""Ceilings: the best of a sweep, found by counting and by timing; what a device cannot do has its reason."""

from __future__ import annotations

from time import perf_counter

import pytest
import torch

from bench.devices import ceilings

CPU = torch.device("cpu")


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Sweep over what takes milliseconds."""
    monkeypatch.setattr(ceilings, "ROWS", (64, 256))
    monkeypatch.setattr(ceilings, "COPY_BYTES", (1 << 18, 1 << 20))


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


@pytest.mark.usefixtures("small")
def test_ceilings_are_records_of_each_dtype_once_and_of_copies() -> None:
    """Autocast multiplies in the dtype it is named after."""
    records = ceilings.ceilings(CPU, perf_counter, ["float32", "amp-bfloat16", "bfloat16"], name="cpu", launch=2)
    assert {(ceiling.device, ceiling.launch) for ceiling in records} == {("cpu", 2)}
    assert [(ceiling.limit.value, ceiling.dtype, ceiling.reason) for ceiling in records] == [
        ("products", "float32", None),
        ("products", "bfloat16", None),
        ("copies", None, None),
    ]
    assert all(ceiling.per_second for ceiling in records)


def test_product_is_counted_as_two_operations_for_each_multiplication(monkeypatch: pytest.MonkeyPatch) -> None:
    """The device of this test takes 1e-12 s for a multiplication and an addition: 2e12 operations per second."""
    machine = Machine(rate=1e12)

    def multiplied(left: torch.Tensor, right: torch.Tensor) -> None:
        (rows, inner), (columns, _) = left.shape, right.shape
        machine.now += rows * inner * columns / machine.rate

    monkeypatch.setattr(ceilings, "linear", multiplied)
    monkeypatch.setattr(ceilings, "ROWS", (64, 256))
    rate, rows = ceilings.products(CPU, machine.read, "float32")
    assert rate == pytest.approx(2e12)
    assert rows in {64, 256}


def test_copy_is_counted_as_bytes_read_and_bytes_written(monkeypatch: pytest.MonkeyPatch) -> None:
    """The device of this test moves 1e9 bytes to and fro per second: 2e9 bytes."""
    machine = Machine(rate=1e9)

    class Target:
        def copy_(self, source: torch.Tensor) -> None:
            machine.now += source.numel() * source.element_size() / machine.rate

    monkeypatch.setattr(torch, "empty_like", lambda _: Target())
    monkeypatch.setattr(ceilings, "COPY_BYTES", (1 << 18, 1 << 20))
    rate, size = ceilings.copies(CPU, machine.read)
    assert rate == pytest.approx(2e9)
    assert size in {1 << 18, 1 << 20}


@pytest.mark.usefixtures("small")
def test_real_sweep_multiplies_and_copies(monkeypatch: pytest.MonkeyPatch) -> None:
    """A clock that stands still between two reads but for a second shows how often the work was really done."""
    done: list[str] = []
    linear = ceilings.linear
    monkeypatch.setattr(ceilings, "linear", lambda *given: done.append(str(linear(*given).shape)))
    machine = Machine(rate=1.0, read_seconds=1.0)
    _, rows = ceilings.products(CPU, machine.read, "float32")
    assert done == ["torch.Size([64, 64])"] * 2
    assert rows == 64


def test_what_a_device_cannot_do_has_its_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    """And costs the other ceilings nothing."""

    def refuse(*_: object) -> None:
        raise NotImplementedError("'linear' is not there")

    monkeypatch.setattr(ceilings, "linear", refuse)
    monkeypatch.setattr(ceilings, "COPY_BYTES", (1 << 18,))
    product, copies = ceilings.ceilings(CPU, perf_counter, ["float32"], name="cpu", launch=1)
    assert product.reason == "NotImplementedError: 'linear' is not there"
    assert product.per_second is None
    assert copies.per_second


def test_sweep_ends_before_a_call_that_would_take_too_long() -> None:
    """The length of a call is foretold from the one before."""
    machine = Machine(rate=1000.0)
    rate, _ = ceilings._best(machine.make, (1, 10, 100, 1000), lambda size: size, machine.read)  # type: ignore[arg-type]
    assert rate == pytest.approx(1000.0)
    assert machine.made == [1, 10, 100]


def test_waiting_for_a_device_is_no_part_of_a_short_call() -> None:
    """Calls are timed together until the reads of the clock do not matter."""
    machine = Machine(rate=1e6, read_seconds=1e-5)
    seconds = ceilings.shortest(machine.make(10), machine.read)  # type: ignore[arg-type]
    assert seconds == pytest.approx(1e-5, rel=0.01)


def test_memory_that_runs_out_ends_the_sweep_with_what_was_reached() -> None:
    """Unless nothing was: then that is the reason."""
    machine = Machine(rate=1000.0)

    def make(size: int) -> object:
        if size > 1:
            raise torch.OutOfMemoryError("out of memory")
        return machine.make(size)

    assert ceilings._best(make, (1, 10), lambda size: size, machine.read)[1] == 1  # type: ignore[arg-type]
    with pytest.raises(torch.OutOfMemoryError):
        ceilings._best(make, (10,), lambda size: size, machine.read)  # type: ignore[arg-type]
